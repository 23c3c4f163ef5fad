import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { startCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { fill } from "../../etcd/support/fill.ts";
import { lifeboat } from "../../support/lifeboat.ts";
import { expectBackup, expectNothing, expectTruth, newPlace } from "../../support/place.ts";
import type { Place } from "../../support/place.ts";
import { proxied } from "../../support/proxied.ts";

/** Members and the ways to them fail before and during a backup. `npm test` has the ways that differ most, `npm run test:exhaustive` all of them. */

/** Far more than the questions before the stream are answered with, far less than the snapshot. */
const IN_MID_STREAM = 3_000_000;

const chosenSchema = z.object({ chosen: z.object({ name: z.string(), endpoint: z.string() }) });
const tookSchema = z.object({ id: z.string(), member: z.object({ name: z.string(), endpoint: z.string() }) });

let cluster: EtcdCluster;
let folder: TemporaryFolder;
beforeAll(async () => {
  cluster = await startCluster({ version: "3.6", members: 3, security: "tls" });
  folder = await temporaryFolder();
  await fill(cluster, 20);
});
afterAll(async () => {
  await cluster.stop();
  await folder.remove();
});
// A test that failed may have left a member dead.
beforeEach(async () => {
  for (const member of cluster.members) {
    if (!member.isRunning) await member.start({ wait: false });
    await member.ready();
  }
});

/** One snapshot, of one object, whole. */
async function expectOneFrom(
  place: Place,
  { code, stdout, stderr }: Awaited<ReturnType<typeof lifeboat>>,
): Promise<z.infer<typeof tookSchema>["member"]> {
  expect(`${code}: ${stderr}`).toMatch(/^0: /);
  const { id, member } = tookSchema.parse(JSON.parse(stdout));
  expect(await expectTruth(place)).toEqual([id]);
  expect(await place.here("verify", `prod/${id}`, "--deep")).toMatchObject({ code: 0 });
  expect((await place.stored()).filter((file) => file.includes("/data/"))).toHaveLength(1);
  expect(await place.unfinished()).toEqual([]);
  return member;
}

export function memberFaultTests({ all }: { readonly all: boolean }): void {
  test("the member that would be asked is down: the next one is, and the warning names the endpoint and what to do", async () => {
    const place = await newPlace(cluster, folder.path, "down at the start");
    const { chosen } = chosenSchema.parse(JSON.parse((await place.here("preflight", "prod", "--json")).stdout));
    await cluster.members.find(({ name }) => name === chosen.name)?.kill();
    const outcome = await lifeboat(["backup", "prod", "--json"], place.options);
    expect(outcome.stderr).toContain(`warning: ${chosen.endpoint}: ${chosen.endpoint} refused the connection; check that etcd runs there`);
    expect((await expectOneFrom(place, outcome)).name).not.toBe(chosen.name);
  });

  describe("in mid-stream", () => {
    if (all)
      test("the connection is cut: the next member is asked, and the warning names the one that failed", async () => {
        await using ways = await proxied(cluster, { cutAfter: IN_MID_STREAM, whom: "first" });
        const place = await newPlace(cluster, folder.path, "cut", ways);
        const outcome = await lifeboat(["backup", "prod", "--json"], place.options);
        const { endpoint } = await ways.struck;
        expect(outcome.stderr).toMatch(new RegExp(`warning: the snapshot from ${endpoint} was cut after \\d+ bytes`));
        expect((await expectOneFrom(place, outcome)).endpoint).not.toBe(endpoint);
      });

    test("the member is killed: the next one is asked", async () => {
      await using ways = await proxied(cluster, { stallAfter: IN_MID_STREAM, whom: "first" });
      const place = await newPlace(cluster, folder.path, "killed", ways);
      const running = lifeboat(["backup", "prod", "--json"], place.options);
      const { endpoint, member } = await ways.struck;
      await member.kill();
      ways.mend();
      const outcome = await running;
      expect(outcome.stderr).toMatch(new RegExp(`warning: the snapshot from ${endpoint} was cut after \\d+ bytes`));
      expect((await expectOneFrom(place, outcome)).name).not.toBe(member.name);
    });

    test("the connection stalls and stays open: the next member is asked once the idle time is over", async () => {
      await using ways = await proxied(cluster, { stallAfter: IN_MID_STREAM, whom: "first" });
      const place = await newPlace(cluster, folder.path, "stalled", { ...ways, timeouts: { idle: "3s", call: "2s" } });
      const outcome = await lifeboat(["backup", "prod", "--json"], place.options);
      const { endpoint } = await ways.struck;
      expect(outcome.stderr).toMatch(
        new RegExp(`warning: the snapshot from ${endpoint} stalled: nothing was received for 3000 ms, after \\d+ bytes`),
      );
      expect((await expectOneFrom(place, outcome)).endpoint).not.toBe(endpoint);
    });

    test("every connection is cut: exit code 3, each member is named, nothing is left, and once it is mended a backup works", async () => {
      await using ways = await proxied(cluster, { cutAfter: IN_MID_STREAM, whom: "all" });
      const place = await newPlace(cluster, folder.path, "all cut", ways);
      const { code, stdout, stderr } = await lifeboat(["backup", "prod"], place.options);
      expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
      expect(stderr).toContain("lifeboat: no member of prod gave a whole snapshot: ");
      for (const endpoint of ways.endpoints)
        // A busy machine may hear of the cut only when it asks for the next thing.
        expect(stderr).toMatch(
          new RegExp(`no member of prod.*(the snapshot from ${endpoint} was cut after|${endpoint} cannot be reached: the connection)`),
        );
      expect(stderr).toContain("lifeboat: hint: ");
      await expectNothing(place);
      ways.mend();
      await expectBackup(place);
    });

    if (all)
      test("every connection stalls: exit code 3, and nothing is left", async () => {
        await using ways = await proxied(cluster, { stallAfter: IN_MID_STREAM, whom: "all" });
        const place = await newPlace(cluster, folder.path, "all stall", { ...ways, timeouts: { idle: "800ms" } });
        const { code, stdout, stderr } = await lifeboat(["backup", "prod"], place.options);
        expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
        expect(stderr).toMatch(/no member of prod gave a whole snapshot: .* stalled: .* stalled: .* stalled: /);
        expect(stderr).toContain("lifeboat: hint: check the member and the network to it, or allow more idle time");
        await expectNothing(place);
        ways.mend();
        await expectBackup(place);
      });

    if (all)
      test("the time in total is over: exit code 3, and nothing is left", async () => {
        await using ways = await proxied(cluster, { stallAfter: IN_MID_STREAM, whom: "all" });
        const [endpoint = ""] = ways.endpoints;
        const place = await newPlace(cluster, folder.path, "overdue", { endpoints: [endpoint], timeouts: { total: "2s" } });
        const { code, stdout, stderr } = await lifeboat(["backup", "prod"], place.options);
        expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
        expect(stderr).toMatch(
          new RegExp(`lifeboat: the snapshot from ${endpoint} did not finish within 2000 ms: \\d+ bytes were received`),
        );
        expect(stderr).toContain("lifeboat: hint: allow more time in total, or use a member that is nearer");
        await expectNothing(place);
        ways.mend();
        // One endpoint of three makes no quorum.
        await place.edit("lifeboat.yaml", (text) => text.replace("total: 2s", "total: 60s").replace("agreement: quorum", "agreement: one"));
        await expectBackup(place);
      });
  });
}
