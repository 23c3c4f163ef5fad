import { AlarmAction, AlarmType } from "etcd3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { openClient } from "../../../tools/lab/connection.ts";
import { startCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { until } from "../../../tools/lab/until.ts";
import { sourceOf } from "../../etcd/support/source-of.ts";
import { lifeboat } from "../../support/lifeboat.ts";
import { saying } from "../../support/matchers.ts";
import { expectBackup, expectNothing, expectTruth, newPlace } from "../../support/place.ts";

/** Clusters in a bad way. */

const tookSchema = z.object({ id: z.string(), ref: z.string(), furtherCopies: z.array(z.string()) });

let cluster: EtcdCluster;
let folder: TemporaryFolder;
beforeAll(async () => {
  cluster = await startCluster({ version: "3.6", members: 3, security: "tls", learner: true });
  folder = await temporaryFolder();
  await cluster.etcdctl(["put", "/registry/a", "b"]);
});
afterAll(async () => {
  await cluster.stop();
  await folder.remove();
});

/** Raises or ends an alarm of the first member, and says its name and id. */
async function alarm(action: AlarmAction, kind: AlarmType): Promise<{ readonly name: string }> {
  const [member] = cluster.members;
  using source = sourceOf(cluster.connection);
  const { memberId } = await source.status(member?.endpoint ?? "");
  const client = openClient(cluster.connection);
  try {
    await client.maintenance.alarm({ action, memberID: BigInt(`0x${memberId}`).toString(), alarm: kind });
  } finally {
    client.close();
  }
  return { name: member?.name ?? "" };
}

test("only learners are configured: exit code 3, and which endpoint to give", async () => {
  const learner = cluster.members.find(({ isLearner }) => isLearner);
  const place = await newPlace(cluster, folder.path, "learners", { endpoints: [learner?.endpoint ?? ""] });
  const { code, stdout, stderr } = await lifeboat(["backup", "prod"], place.options);
  expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
  expect(stderr).toContain("lifeboat: no member of prod can give a snapshot: ");
  expect(stderr).toContain(`${learner?.endpoint}: this member is a learner, and no snapshot is taken from it`);
  expect(stderr).toContain("lifeboat: hint: run lifeboat preflight prod: it shows more, with a fix for each");
  const looked = await place.here("preflight", "prod");
  expect(looked.code).toBe(3);
  expect(looked.stdout).toContain("give the endpoint of a voting member");
  await expectNothing(place);
});

test("NOSPACE: the backup is a good one, with a warning that says what to do", async () => {
  const place = await newPlace(cluster, folder.path, "nospace");
  const { name } = await alarm(AlarmAction.Activate, AlarmType.Nospace);
  try {
    const { code, stderr } = await lifeboat(["backup", "prod"], place.options);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: saying(
        `lifeboat: warning: ${name}: its database reached its quota, and the cluster takes no writes; snapshots still work, but they contain the alarm: a cluster that is restored from one takes no writes until \`etcdctl alarm disarm\`; compact and defragment`,
      ),
    });
  } finally {
    await alarm(AlarmAction.Deactivate, AlarmType.Nospace);
  }
  expect(await expectTruth(place)).toHaveLength(1);
  expect((await place.here("backup", "prod")).stderr).not.toContain("quota");
});

test("CORRUPT: a copy of each member in quarantine and exit code 6, until the alarm is disarmed", async () => {
  const place = await newPlace(cluster, folder.path, "corrupt");
  const good = await expectBackup(place);
  const { name } = await alarm(AlarmAction.Activate, AlarmType.Corrupt);
  try {
    const { code, stdout, stderr } = await lifeboat(["backup", "prod", "--json"], place.options);
    expect(code).toBe(6);
    const why = `${name}: etcd found that its data differs from the other members'`;
    expect(stderr).toContain(`lifeboat: warning: ${why}; compare \`etcdctl endpoint hashkv --cluster\``);
    expect(JSON.parse(stdout)).toMatchObject({ quarantine: [why] });
    const { ref, furtherCopies } = tookSchema.parse(JSON.parse(stdout));
    expect(furtherCopies).toHaveLength(2);
    for (const copy of [ref, ...furtherCopies])
      expect(await place.here("verify", copy, "--deep")).toMatchObject({ code: 6, stdout: saying("in quarantine: ") });
    expect(await expectTruth(place)).toHaveLength(4);
    expect((await place.here("show", "prod/latest")).stdout).toContain(`prod/${good.id}`);
    // As a person reads it.
    const again = await place.here("backup", "prod");
    expect(again).toMatchObject({ code: 6, stdout: saying("QUARANTINED") });
  } finally {
    await alarm(AlarmAction.Deactivate, AlarmType.Corrupt);
  }
  const next = await expectBackup(place);
  expect((await place.here("show", "prod/latest")).stdout).toContain(`prod/${next.id}`);
});

test("no quorum: a copy of the member that is left in quarantine and exit code 6, until the others are back", async () => {
  const place = await newPlace(cluster, folder.path, "no quorum", { timeouts: { call: "3s" } });
  const good = await expectBackup(place);
  const [left, ...lost] = cluster.members.filter(({ isLearner }) => !isLearner);
  await Promise.all(lost.map((member) => member.kill()));
  using source = sourceOf(cluster.connection);
  await until("no leader", 30_000, async () => (await source.status(left?.endpoint ?? "")).leaderId === undefined);
  const { code, stdout, stderr } = await lifeboat(["backup", "prod", "--json"], place.options);
  expect(code).toBe(6);
  expect(stderr).toContain(`${left?.endpoint}: the member reports no leader; bring its cluster back to a quorum`);
  for (const { endpoint } of lost) expect(stderr).toContain(`warning: ${endpoint}: ${endpoint} refused the connection`);
  expect(JSON.parse(stdout)).toMatchObject({ member: { name: left?.name }, furtherCopies: [], quarantine: [saying("report no leader")] });
  expect(await expectTruth(place)).toEqual([good.id, tookSchema.parse(JSON.parse(stdout)).id]);
  expect((await place.here("verify", "prod/latest")).stdout).toContain(`prod/${good.id} is good`);

  await Promise.all(lost.map((member) => member.start()));
  const next = await expectBackup(place);
  expect((await place.here("verify", "prod/latest")).stdout).toContain(`prod/${next.id} is good`);
});
