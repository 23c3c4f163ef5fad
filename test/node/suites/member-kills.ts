import { readdirSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { saying } from "../../support/matchers.ts";
import { RestoreSite } from "../../support/restore-site.ts";
import type { SiteRun } from "../../support/restore-site.ts";
import { inodeOf, manifestsOf, tidyUp, treeDigest } from "../../support/site-node.ts";
import type { Layout, SiteNode } from "../../support/site-node.ts";
import { hookInto, MEMBER_STEPS, wasHitOn } from "./steps.ts";

/** With LIFEBOAT_TEST_RESTORE=all each step is tried on each layout. */
const isAll = process.env["LIFEBOAT_TEST_RESTORE"] === "all";

type Repair = keyof typeof MEMBER_STEPS;

const COMMANDS: Readonly<Record<Repair, readonly string[]>> = {
  replace: ["replace", "--even-if-healthy"],
  "force-new-cluster": ["force-new-cluster", "--yes-i-lose-what-only-the-others-have"],
  rebuild: ["rebuild", "--yes-i-skip-the-hash-check"],
};

/** member.sh is killed at each of its steps on a node of one layout, or at some of them: rollback takes back what can be, and the same command goes on. */
export function memberKillTests(repair: Repair, layout: Layout, which?: readonly string[]): void {
  const all = MEMBER_STEPS[repair];
  const steps = which === undefined || isAll ? all : all.filter((step) => which.includes(step));
  describe(`member.sh ${repair} on a node of layout ${layout}`, () => {
    let site: RestoreSite;
    let node: SiteNode;
    let keys: string;

    beforeAll(async () => {
      const layouts: readonly Layout[] = repair === "rebuild" ? [layout] : [layout, "systemd", "systemd"];
      site = await RestoreSite.start("3.6", layouts, { quick: true, apiUnits: true });
      const [first, ...others] = site.nodes;
      if (first === undefined) throw new Error("no node");
      node = first;
      for (let each = 0; each < 5; each++) await site.etcdctl(["put", `/k/${each}`, "value"]);
      keys = await content();
      if (repair === "force-new-cluster") await Promise.all(others.map((each) => site.kill(each)));
      // etcd that starts without a quorum answers nobody, and each question to it takes its time.
      if (repair === "force-new-cluster" && layout === "systemd") await site.stopUnit(node);
      if (repair === "rebuild") await damageLog();
    });
    afterAll(() => site[Symbol.asyncDispose]());

    /** Without a quorum, too. */
    const content = async (): Promise<string> =>
      /"kvs":(\[.*?\])/.exec(await site.etcdctl(["get", "/k", "--prefix", "--consistency=s", "-w", "json"], node))?.[1] ?? "none";

    /** The log is cut within its first records: etcd ends at each start. */
    async function damageLog(): Promise<void> {
      await site.stopUnit(node);
      const log = join(node.dataDir, "member/wal");
      for (const name of readdirSync(log).filter((each) => each.endsWith(".wal"))) truncateSync(join(log, name), 20);
    }

    const run = (hook?: string): Promise<SiteRun> => site.member(node, COMMANDS[repair], hook);
    const configuration = (): Promise<string> => treeDigest(layout === "static-pod" ? `${manifestsOf(node)}/` : join(node.root, "etc"));
    const asides = (): readonly string[] => readdirSync(node.dataDir).filter((name) => name.startsWith("member.before-"));

    async function killed(kill: string): Promise<void> {
      const [step = "", what = ""] = kill.split(" ");
      const ended = await run(hookInto(node, what, step, "kill -9 $$"));
      expect(ended.code, ended.err).not.toBe(0);
      expect(wasHitOn(node)).toBe(true);
      expect(await site.member(node, ["progress"])).toMatchObject({ code: 6, out: saying(`${step}: begun, not ended`) });
    }

    async function done(): Promise<void> {
      const on = await run();
      expect(on, on.err).toMatchObject({ code: 0, out: saying("done: m1"), err: saying("going on with what was begun") });
      expect(await content()).toBe(keys);
      expect(site.configuration(node)).not.toMatch(/force.new.cluster/i);
      expect(node.plane?.running).toContain("kube-apiserver");
      const status = await site.member(node, ["status"]);
      expect(status, status.out).toMatchObject({
        code: 0,
        out: saying(repair === "replace" ? "3 member(s) have hash" : "1 member(s) have hash"),
      });
    }

    /** As it was before the repair, as far as that can be. */
    async function begunAnew(): Promise<void> {
      if (repair === "replace") for (const each of asides()) rmSync(join(node.dataDir, each), { recursive: true });
      else {
        const undone = await site.member(node, ["rollback"]);
        expect(undone, undone.err).toMatchObject({ code: 0 });
        expect(site.configuration(node)).not.toContain("existing");
      }
      tidyUp(node);
    }

    test("Ctrl-C ends it with exit code 130, and it goes on", { timeout: 240_000 }, async () => {
      const step = all[Math.floor(all.length / 2)] ?? "";
      const ended = await run(hookInto(node, "run_step", step, "kill -INT $$; sleep 1"));
      expect(ended, ended.err).toMatchObject({ code: 130, err: saying("member.sh: interrupted by SIGINT") });
      await done();
      await begunAnew();
    });

    const kills = steps.flatMap((step, index) => [...(index === 0 || isAll ? [`${step} run_step`] : []), `${step} step_ended`]);
    test.each(kills)("killed at %s: rollback takes it back; killed once more, it goes on", { timeout: 240_000 }, async (kill) => {
      const before = await configuration();
      const inode = inodeOf(join(node.dataDir, "member"));
      await killed(kill);
      const back = await site.member(node, ["rollback"]);
      expect(back, back.err).toMatchObject({
        code: 0,
        out: saying("rolled back"),
        err: expect.not.stringContaining("may still list") as string,
      });
      expect(asides()).toEqual([]);
      if (repair !== "force-new-cluster") expect(inodeOf(join(node.dataDir, "member"))).toBe(inode);
      // A static pod that the cluster removed for good has its manifest out of the way.
      const isAway = layout === "static-pod" && back.err.includes("etcd is not started: the cluster removed");
      if (!isAway) expect(await configuration()).toBe(before);
      if (repair === "replace") await site.etcdctl(["put", "/other", "works"], site.nodes[1]);
      tidyUp(node);

      await killed(kill);
      await done();
      await begunAnew();
    });
  });
}
