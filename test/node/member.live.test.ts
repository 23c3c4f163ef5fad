import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { AcknowledgedWrites, lostOn } from "../support/acknowledged.ts";
import { saying } from "../support/matchers.ts";
import { RestoreSite } from "../support/restore-site.ts";

/** member.sh on a real cluster that is written to. Versions, layouts, kills and faults: the exhaustive suites of member.sh. */
describe("member.sh", () => {
  test("says how a cluster is, and replaces a member that lost its data; nothing acknowledged is lost", { timeout: 300_000 }, async () => {
    await using site = await RestoreSite.start("3.6", ["systemd", "static-pod", "systemd"], { quick: true });
    const [first, second, failed] = site.nodes;
    if (first === undefined || second === undefined || failed === undefined) throw new Error("no node");
    await using writes = AcknowledgedWrites.begin([first, second]);
    expect(await site.member(second, ["status"])).toMatchObject({ code: 0, err: "", out: saying("have hash") });
    expect(await site.member(second, ["replace"])).toMatchObject({ code: 6, err: saying("is healthy: there is nothing to replace") });
    expect(await site.member(failed, ["progress"])).toMatchObject({ code: 0, out: "nothing was repaired on this node" });

    await site.stopUnit(failed);
    site.wipe(failed);
    // Once its own etcd is gone it hears of the others by their peers' addresses.
    expect(await site.member(failed, ["status"])).toMatchObject({
      code: 6,
      out: saying("DOES NOT ANSWER: nothing takes connections"),
      err: saying("DEGRADED"),
    });
    const before = writes.count;
    const dry = await site.member(failed, ["replace", "--dry-run"]);
    expect(dry).toMatchObject({ code: 0, err: "", out: saying("add-learner: etcdctl member add m3 --learner") });
    expect(readdirSync(failed.dataDir)).toEqual([]);
    const replaced = await site.member(failed, ["replace"]);
    expect(replaced, replaced.err).toMatchObject({ code: 0, out: saying("m3 is a voting member again; 3 member(s) agree on hash") });
    expect(writes.count).toBeGreaterThan(before);
    const acknowledged = await writes.stop();
    for (const node of site.nodes) expect(await lostOn(site, node, acknowledged)).toEqual([]);
    expect(await site.member(failed, ["status"])).toMatchObject({ code: 0, out: saying("3 member(s) have hash") });
    expect(await site.member(failed, ["progress"])).toMatchObject({ code: 0, out: expect.stringMatching(/\ndone$/) as string });
    expect(await site.member(failed, ["rollback"])).toMatchObject({ code: 6, err: saying("there is nothing to take back") });
    expect(site.configuration(failed)).toContain("ETCD_INITIAL_CLUSTER_STATE=existing");
  });
});
