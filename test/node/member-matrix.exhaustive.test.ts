import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { EtcdVersion } from "../../tools/lab/etcd-programs.ts";
import { until } from "../../tools/lab/until.ts";
import { AcknowledgedWrites, lostOn } from "../support/acknowledged.ts";
import { saying } from "../support/matchers.ts";
import { RestoreSite } from "../support/restore-site.ts";
import type { Layout, SiteNode } from "../support/restore-site.ts";
import { etcdOf } from "../support/site-node.ts";

const ENOUGH_WRITES = 100;
/** A follower hears which writes count with the next message of the leader: a heartbeat, every 100 ms. What it had not heard when the others died is lost. */
const MAY_BE_LOST = 100;

/** member.sh on clusters of three that are written to all the time: first one member fails, then two at once, for good. */
describe("member.sh", () => {
  test.each<[EtcdVersion, Layout]>([
    ["3.5", "static-pod"],
    ["3.6", "systemd"],
    ["3.7", "static-pod"],
  ])(
    "keeps every acknowledged write of etcd %s where there is a quorum (%s), and goes on from one member",
    { timeout: 300_000 },
    async (version, layout) => {
      await using site = await RestoreSite.start(version, [layout, "systemd", "systemd"], { apiUnits: true });
      const [node, ...others] = site.nodes;
      if (node === undefined) throw new Error("no node");
      const writes = AcknowledgedWrites.begin(others);
      await until("writes", 60_000, () => writes.count > ENOUGH_WRITES);
      await loseData(site, node);
      const then = writes.count;
      const replaced = await site.member(node, ["replace"]);
      expect(replaced, replaced.err).toMatchObject({ code: 0, out: saying("3 member(s) agree on hash") });
      expect(writes.count).toBeGreaterThan(then);
      const acknowledged = await writes.stop();
      for (const each of site.nodes) expect(await lostOn(site, each, acknowledged)).toEqual([]);

      // Two die in the middle of it, the leader perhaps among them.
      const more = AcknowledgedWrites.begin(others);
      await until("more writes", 60_000, () => more.count > ENOUGH_WRITES);
      await site.crash(others);
      const late = await more.stop();
      await until("no leader", 60_000, async () => (await site.member(node, ["status", "--no-hash"])).out.includes("NO LEADER"), 200);
      const alone = await site.member(node, ["force-new-cluster", "--yes-i-lose-what-only-the-others-have"]);
      expect(alone, alone.err).toMatchObject({ code: 0, out: saying("m1 is a cluster of one") });
      expect(site.configuration(node)).not.toMatch(/force.new.cluster/i);
      expect(await lostOn(site, node, acknowledged)).toEqual([]);
      const lost = await lostOn(site, node, late);
      process.stderr.write(`etcd ${version}, ${layout}: ${lost.length} of ${late.size} acknowledged writes lost by force-new-cluster\n`);
      expect(lost.length).toBeLessThan(MAY_BE_LOST);

      // The others come back one by one, and are written to.
      const last = AcknowledgedWrites.begin([node]);
      for (const each of others) {
        const back = await site.member(each, ["replace", "--endpoints", node.clientUrl]);
        expect(back, back.err).toMatchObject({ code: 0, out: saying("is a voting member again") });
      }
      const written = await last.stop();
      expect(written.size).toBeGreaterThan(0);
      for (const each of site.nodes) expect(await lostOn(site, each, written)).toEqual([]);
      expect(await site.member(node, ["status"])).toMatchObject({ code: 0, out: saying("3 member(s) have hash") });
      expect(await site.member(node, ["rollback"])).toMatchObject({ code: 6, err: saying("other members have joined since") });
    },
  );
});

test("force-new-cluster loses what was written while its member was away, and says what it has", { timeout: 300_000 }, async () => {
  await using site = await RestoreSite.start("3.6", ["systemd", "systemd", "systemd"], { quick: true });
  const [node, ...others] = site.nodes;
  if (node === undefined) throw new Error("no node");
  await site.etcdctl(["put", "/k", "value"]);
  await site.stopUnit(node);
  const writes = AcknowledgedWrites.begin(others);
  await until("writes", 60_000, () => writes.count > ENOUGH_WRITES);
  const missed = await writes.stop();
  await site.crash(others);
  // etcd that starts without a quorum answers nobody: its database says how far it is.
  expect(await site.member(node, ["status"])).toMatchObject({ code: 3, out: saying("its database ends at revision 2,") });
  const alone = await site.member(node, ["force-new-cluster", "--yes-i-lose-what-only-the-others-have"]);
  expect(alone, alone.err).toMatchObject({ code: 0, out: saying("at revision 2") });
  expect(await lostOn(site, node, missed)).toHaveLength(missed.size);
});

test("member.sh replaces the member that has the alarm CORRUPT, and takes the alarm back", { timeout: 300_000 }, async () => {
  await using site = await RestoreSite.start("3.6", ["systemd", "systemd", "systemd"], { quick: true });
  const [node, other] = site.nodes;
  if (node === undefined || other === undefined) throw new Error("no node");
  await site.etcdctl(["put", "/k", "value"]);
  const id =
    (await site.etcdctl(["member", "list"]))
      .split("\n")
      .map((line) => line.split(", "))
      .find(([, , name]) => name === node.name)?.[0] ?? "";
  const body = JSON.stringify({ action: "ACTIVATE", memberID: BigInt(`0x${id}`).toString(), alarm: "CORRUPT" });
  expect((await fetch(`${node.clientUrl}/v3/maintenance/alarm`, { method: "POST", body })).status).toBe(200);
  await expect(site.etcdctl(["put", "/k", "more"])).rejects.toThrow("corrupt");
  expect(await site.member(other, ["status", "--no-hash"])).toMatchObject({ code: 6, out: saying("alarm:CORRUPT") });
  expect(await site.member(other, ["replace", "--even-if-healthy"])).toMatchObject({ code: 6, err: saying("has the alarm CORRUPT") });
  const replaced = await site.member(node, ["replace"]);
  expect(replaced, replaced.err).toMatchObject({ code: 0, err: saying("alarm:CORRUPT: that member is gone") });
  await site.etcdctl(["put", "/k", "more"]);
  expect(await site.member(node, ["status"])).toMatchObject({ code: 0 });
});

/** The disk of a member is emptied while it runs. A kubelet starts it again and again on nothing; a unit stays dead here. */
async function loseData(site: RestoreSite, node: SiteNode): Promise<void> {
  if (node.layout === "systemd") await site.crash([node]);
  const pid = etcdOf(node);
  for (const name of readdirSync(node.dataDir)) rmSync(join(node.dataDir, name), { recursive: true });
  if (pid !== undefined) process.kill(pid, "SIGKILL");
}
