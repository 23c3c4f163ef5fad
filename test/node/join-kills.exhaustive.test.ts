import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MadeBundle } from "../support/restore-bundle.ts";
import { RestoreSite } from "../support/restore-site.ts";
import type { SiteNode } from "../support/restore-site.ts";
import { needs } from "../support/programs.ts";
import { etcdOf, tidyUp, treeDigest } from "../support/site-node.ts";
import { joinFaults } from "./suites/faults.ts";
import { expectRefusal } from "./suites/step-tests.ts";
import { hookInto, JOIN_STEPS, wasHitOn } from "./suites/steps.ts";

/** restore.sh apply --join is killed, and fails, at each of its steps: it goes on, or leaves the cluster and brings back what was there. */
describe.skipIf(needs("openssl", "age", "age-keygen", "zstd"))("restore.sh apply --join", () => {
  let site: RestoreSite;
  let first: SiteNode;
  let node: SiteNode;
  let bundle: MadeBundle;
  let snapshot: string;
  let dead: string;

  beforeAll(async () => {
    site = await RestoreSite.start("3.6", ["systemd", "systemd"], { quick: true, traced: true, apiUnits: true });
    const [one, two] = site.nodes;
    if (one === undefined || two === undefined) throw new Error("no node");
    [first, node] = [one, two];
    await site.etcdctl(["put", "/k", "value"]);
    snapshot = await site.content();
    bundle = await site.bundle();
    await site.stopUnit(node);
    dead = await treeDigest(join(node.dataDir, "member"));
    const restored = await site.run(first, ["apply", "--first"], bundle);
    expect(restored, restored.err).toMatchObject({ code: 0 });
  });
  afterAll(() => site[Symbol.asyncDispose]());

  async function rolledBack(): Promise<void> {
    const back = await site.run(node, ["rollback"]);
    expect(back, back.err).toMatchObject({ code: 0, err: expect.not.stringContaining("may still list") as string });
    // It did not run before.
    expect(etcdOf(node)).toBeUndefined();
    expect(readdirSync(node.dataDir).filter((name) => !name.startsWith("member.restored-"))).toEqual(["member"]);
    expect(await treeDigest(join(node.dataDir, "member"))).toBe(dead);
    expect(await site.etcdctl(["member", "list"], first)).not.toContain(node.peerUrl);
    tidyUp(node);
  }

  // When a step has done its work and nobody wrote that down: before the next one it is the same, but for the journal. Before its work only the first.
  const kills = [`${JOIN_STEPS[0]} run_step`, ...JOIN_STEPS.map((step) => `${step} step_ended`)];
  test.each(kills)("killed at %s: rollback leaves the cluster; killed once more, it goes on", { timeout: 180_000 }, async (kill) => {
    const [step = "", what = ""] = kill.split(" ");
    for (const next of ["rollback", "go on"]) {
      const killed = await site.run(node, ["apply", "--join"], bundle, hookInto(node, what, step, "kill -9 $$"));
      expect(killed.code, killed.err).not.toBe(0);
      expect(wasHitOn(node)).toBe(true);
      if (next === "go on") {
        const on = await site.run(node, ["apply", "--join"], bundle);
        expect(on, on.err).toMatchObject({ code: 0, out: expect.stringContaining("2 member(s) agree") as string });
        expect(await site.content(node)).toBe(snapshot);
      }
      await rolledBack();
    }
  });

  test("there is a fault for each step", () => {
    expect(Object.keys(joinFaults(first))).toEqual(JOIN_STEPS);
  });

  test.each(JOIN_STEPS)("failing at %s: rollback leaves the cluster; failing once more, it goes on", { timeout: 180_000 }, async (step) => {
    const fault = joinFaults(first)[step];
    if (fault === undefined) throw new Error(`nothing makes ${step} fail`);
    for (const next of ["rollback", "go on"]) {
      const mend = await fault.set?.(node);
      const failed = await site.run(node, ["apply", "--join"], bundle, hookInto(node, "run_step", step, `WAIT=2; ${fault.action ?? ":"}`));
      expect(wasHitOn(node), failed.err).toBe(true);
      expect(failed, failed.err).toMatchObject({ code: fault.code, err: expect.stringContaining(fault.message) as string });
      expectRefusal(failed);
      fault.mend?.(node);
      await mend?.();
      if (next === "go on") {
        const on = await site.run(node, ["apply", "--join"], bundle);
        expect(on, on.err).toMatchObject({ code: 0, out: expect.stringContaining("2 member(s) agree") as string });
        expect(await site.content(node)).toBe(snapshot);
      }
      await rolledBack();
    }
  });
});
