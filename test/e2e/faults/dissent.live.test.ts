import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { startCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { LabMember } from "../../../tools/lab/etcd-member.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { sourceOf } from "../../etcd/support/source-of.ts";
import { lifeboat } from "../../support/lifeboat.ts";
import { newPlace } from "../../support/place.ts";

/** A member whose database was changed while it was stopped, so that it serves another value than the others. bbolt notices nothing, and etcd does not look. */

const RIGHT = "the password is swordfish";
const WRONG = "the password is swordfisi";

const tookSchema = z.object({
  id: z.string(),
  proof: z.string(),
  dissenters: z.array(z.string()),
  member: z.object({ name: z.string() }),
  quarantine: z.array(z.string()).nullable(),
  furtherCopies: z.array(z.string()),
});

let cluster: EtcdCluster;
let folder: TemporaryFolder;
let corrupted: LabMember;
let leader: LabMember;
beforeAll(async () => {
  cluster = await startCluster({ version: "3.6", members: 3, security: "tls" });
  folder = await temporaryFolder();
  for (let index = 0; index < 50; index += 1)
    await cluster.etcdctl(["put", `/registry/configmaps/default/${index}`, `${index}`.repeat(100)]);
  await cluster.etcdctl(["put", "/registry/secrets/default/s", RIGHT]);
  const found = await leaderOf(cluster);
  const follower = cluster.members.find((member) => member !== found);
  if (follower === undefined) throw new Error("there is no follower");
  [leader, corrupted] = [found, follower];
  await corrupted.stop();
  const file = join(corrupted.dataDir, "member/snap/db");
  const bytes = await readFile(file);
  const at = bytes.indexOf(RIGHT);
  expect(at).toBeGreaterThan(0);
  for (let place = at; place !== -1; place = bytes.indexOf(RIGHT, place)) bytes.write(WRONG, place);
  await writeFile(file, bytes);
  await corrupted.start();
  await corrupted.ready();
  expect(await leaderOf(cluster)).toBe(leader);
});
afterAll(async () => {
  await cluster.stop();
  await folder.remove();
});

async function leaderOf({ members, connection }: EtcdCluster): Promise<LabMember> {
  using source = sourceOf(connection);
  for (const member of members) {
    const { memberId, leaderId } = await source.status(member.endpoint);
    if (memberId === leaderId) return member;
  }
  throw new Error("there is no leader");
}

async function exported(place: Awaited<ReturnType<typeof newPlace>>, ref: string): Promise<Buffer> {
  const out = `${ref.replaceAll("/", "-")}.db`;
  expect(await place.here("export", ref, "--unverified", "--out", out)).toMatchObject({ code: 0 });
  return readFile(place.path(out));
}

test("is named as dissenter and is never the source: the snapshot is proven by the others, and the exit code is 6", async () => {
  const place = await newPlace(cluster, folder.path, "three");
  const { code, stdout, stderr } = await lifeboat(["backup", "prod", "--json"], place.options);
  const took = tookSchema.parse(JSON.parse(stdout));
  expect({ code, ...took }).toMatchObject({ code: 6, proof: "proven", dissenters: [corrupted.name], quarantine: null, furtherCopies: [] });
  expect(took.member.name).not.toBe(corrupted.name);
  expect(stderr).toContain(`lifeboat: warning: ${corrupted.name} dissents: what it holds differs from what a quorum agrees on`);
  const content = await exported(place, `prod/${took.id}`);
  expect([content.includes(RIGHT), content.includes(WRONG)]).toEqual([true, false]);
  expect(await place.here("verify", `prod/${took.id}`, "--deep")).toMatchObject({ code: 0 });
  expect((await place.here("show", "prod/latest")).stdout).toMatch(
    new RegExp(`^${corrupted.name}: +DISSENTS: HashKV \\d+ at revision \\d+$`, "m"),
  );
});

test("against one other that can be asked nobody has a quorum: a copy of both, in quarantine, and exit code 6", async () => {
  const place = await newPlace(cluster, folder.path, "two", { endpoints: [corrupted.endpoint, leader.endpoint] });
  const { code, stdout, stderr } = await lifeboat(["backup", "prod", "--json"], place.options);
  const took = tookSchema.parse(JSON.parse(stdout));
  const reason = `${leader.name} has another HashKV at revision 52 than the snapshot, with which ${corrupted.name} agrees`;
  expect({ code, ...took }).toMatchObject({
    code: 6,
    proof: `unproven: ${reason}`,
    quarantine: [reason],
    furtherCopies: [`prod/${took.id}-2`],
  });
  expect(stderr).toContain(`lifeboat: warning: ${reason}`);
  const [first, second] = [await exported(place, `prod/${took.id}`), await exported(place, `prod/${took.id}-2`)];
  expect([first.includes(WRONG), second.includes(RIGHT)]).toEqual([true, true]);
  expect(await place.here("verify", "prod/latest")).toMatchObject({ code: 2 });
});

test("goes unnoticed where only its own word is asked for, and the manifest says that it was", async () => {
  const place = await newPlace(cluster, folder.path, "one", { endpoints: [corrupted.endpoint] });
  await place.edit("lifeboat.yaml", (text) => text.replace("agreement: quorum", "agreement: one"));
  const { code, stdout } = await lifeboat(["backup", "prod"], place.options);
  expect(code).toBe(0);
  expect(stdout).toMatch(new RegExp(`^proof: +proven: ${corrupted.name} of 3 voting members agrees at revision 52$`, "m"));
});
