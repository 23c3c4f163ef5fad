import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MadeBundle } from "../../support/restore-bundle.ts";
import { RestoreSite } from "../../support/restore-site.ts";
import type { Keys, SiteRun } from "../../support/restore-site.ts";
import { needs } from "../../support/programs.ts";
import { etcdOf, inodeOf, manifestsOf, startsOf, tidyUp, treeDigest } from "../../support/site-node.ts";
import type { Layout, SiteNode } from "../../support/site-node.ts";
import { FAULTS } from "./faults.ts";
import { hookInto, STEPS, STEPS_BY_LAYOUT, wasHitOn } from "./steps.ts";

/** With LIFEBOAT_TEST_RESTORE=all each step is tried on each layout. */
const isAll = process.env["LIFEBOAT_TEST_RESTORE"] === "all";

/** restore.sh is killed, and fails, at each of its steps on a node of one layout, or at those that the layout decides: it goes on, or brings back what was there. */
export function stepTests(layout: Layout, which: "all" | "those of the layout", how: "kills" | "faults" | "both" = "both"): void {
  const steps = which === "all" || isAll ? STEPS : STEPS.filter((step) => STEPS_BY_LAYOUT.includes(step));
  describe.skipIf(needs("openssl", "age", "age-keygen", "zstd"))(`restore.sh on a node of layout ${layout}`, () => {
    let site: RestoreSite;
    let node: SiteNode;
    let bundle: MadeBundle;
    let snapshot: Keys;
    let later: Keys;

    beforeAll(async () => {
      site = await RestoreSite.start("3.6", [layout], { quick: true, traced: true, apiUnits: true });
      const [only] = site.nodes;
      if (only === undefined) throw new Error("no node");
      node = only;
      for (let each = 0; each < 5; each++) await site.etcdctl(["put", `/k/${each}`, "value"]);
      snapshot = await site.keys();
      bundle = await site.bundle();
      await site.etcdctl(["put", "/k/0", "later"]);
      later = await site.keys();
    });
    afterAll(() => site[Symbol.asyncDispose]());

    const hook = (what: string, step: string, action: string): string => hookInto(node, what, step, action);
    const wasHit = (): boolean => wasHitOn(node);

    async function applied(): Promise<void> {
      const on = await site.run(node, ["apply"], bundle);
      expect(on, on.err).toMatchObject({ code: 0, out: expect.stringContaining("member(s) agree on hash") as string });
      await site.healthy();
      expect(await site.keys()).toEqual(snapshot);
      expect(node.plane?.running).toContain("kube-apiserver");
    }

    /** The folder of the member that was there before, wherever it is now. */
    function oldMember(): string {
      const aside = readdirSync(node.dataDir, { withFileTypes: true }).find(
        (each) => each.isDirectory() && each.name.startsWith("member.before-"),
      );
      return join(node.dataDir, aside?.name ?? "member");
    }

    /** What a rollback must bring back. The bytes are known where the old etcd does not run. */
    async function whatIsThere(): Promise<{ readonly inode: number; readonly digest: string | undefined; readonly starts: number }> {
      const old = oldMember();
      const stands = !old.endsWith("member") || etcdOf(node) === undefined;
      return { inode: inodeOf(old), digest: stands ? await treeDigest(old) : undefined, starts: startsOf(node).length };
    }

    /** rollback, and that all is as it was: the same folder, the same bytes when etcd starts on it, and what it serves. */
    async function rolledBack(before: Awaited<ReturnType<typeof whatIsThere>>, manifests: string, early?: SiteRun): Promise<void> {
      const back = early?.code === 0 ? early : await site.run(node, ["rollback"]);
      expect(back, back.err).toMatchObject({ code: 0, out: expect.stringContaining("is what it was") as string });
      if (layout === "bare" && etcdOf(node) === undefined) await site.startBare(node);
      await site.healthy();
      expect(inodeOf(join(node.dataDir, "member"))).toBe(before.inode);
      if (before.digest !== undefined) expect(startsOf(node).slice(before.starts)).toContain(before.digest);
      expect(readdirSync(node.dataDir).filter((name) => !name.startsWith("member.restored-"))).toEqual(["member"]);
      expect(await site.keys()).toEqual(later);
      expect(await configuration()).toBe(manifests);
      expect(node.plane?.running).toContain("kube-apiserver");
      tidyUp(node);
    }

    const configuration = (): Promise<string> => treeDigest(layout === "static-pod" ? `${manifestsOf(node)}/` : join(node.root, "etc"));

    // When a step has done its work and nobody wrote that down. Before the next one it is the same but for the journal: so before its work only the first, or with all each.
    const kills = (how === "faults" ? [] : steps).flatMap((step, index) => [
      ...(index === 0 || isAll ? [`${step} run_step`] : []),
      `${step} step_ended`,
    ]);
    test.each(kills)("killed at %s: rollback brings back what was there; killed once more, apply goes on", async (kill) => {
      const [step = "", what = ""] = kill.split(" ");
      const manifests = await configuration();
      const killed = await site.run(node, ["apply"], bundle, hook(what, step, "kill -9 $$"));
      expect(killed.code, killed.err).not.toBe(0);
      expect(wasHit()).toBe(true);
      await rolledBack(await whatIsThere(), manifests);

      expect((await site.run(node, ["apply"], bundle, hook(what, step, "kill -9 $$"))).code).not.toBe(0);
      expect(wasHit()).toBe(true);
      await applied();
      await rolledBack(await whatIsThere(), manifests);
    });

    test("there is a fault for each step, and each that the layout decides is a step", () => {
      expect(STEPS).toEqual(expect.arrayContaining(STEPS_BY_LAYOUT));
      expect(Object.keys(FAULTS)).toEqual(STEPS);
    });

    const isOther = (step: string): boolean => FAULTS[step]?.[layout] !== FAULTS[step]?.["static-pod"];
    test.each(how === "kills" ? [] : STEPS.filter((step) => steps.includes(step) || isOther(step)))(
      "failing at %s: rollback brings back what was there; failing once more, apply goes on when the cause is mended",
      async (step) => {
        const fault = FAULTS[step]?.[layout];
        if (fault === undefined) throw new Error(`nothing makes ${step} fail`);
        const manifests = await configuration();
        const fail = async (): Promise<() => Promise<void>> => {
          const mend = await fault.set?.(node);
          // The step gives up soon; those before it have their time.
          const failed = await site.run(node, ["apply"], bundle, hook("run_step", step, `WAIT=2; ${fault.action ?? ":"}`));
          expect(wasHit(), failed.err).toBe(true);
          expect(failed, failed.err).toMatchObject({ code: fault.code, err: expect.stringContaining(fault.message) as string });
          expectRefusal(failed);
          expect(await site.run(node, ["status"])).toMatchObject({
            code: 6,
            out: expect.stringContaining(`${step}: begun, not ended`) as string,
          });
          return async () => {
            fault.mend?.(node);
            await mend?.();
          };
        };

        let mend = await fail();
        const before = await whatIsThere();
        // While the cause is still there it rolls back, or says clearly why not.
        const early = await site.run(node, ["rollback", "--wait", "2"]);
        if (early.code !== 0) expectRefusal(early);
        await mend();
        if (early.code === 0) expect(await site.run(node, ["rollback"])).toMatchObject({ code: 0, out: "done already: rolled back" });
        await rolledBack(before, manifests, early);

        mend = await fail();
        await mend();
        await applied();
        await rolledBack(await whatIsThere(), manifests);
      },
    );
  });
}

/** One message and what to do next, and nothing behind them. */
export function expectRefusal({ code, err }: SiteRun): void {
  expect(code, err).not.toBe(1);
  expect(err).not.toContain("unexpected");
  expect(err).toMatch(/^(?:restore|member)\.sh: [^\n]+\n {2}next: [^\n]+$/m);
  expect(err.match(/^ {2}next: /gm)).toHaveLength(1);
  expect(err.trimEnd().split("\n").at(-1)).toMatch(/^ {2}next: /);
}
