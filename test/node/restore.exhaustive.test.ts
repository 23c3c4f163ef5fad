import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MadeBundle } from "../support/restore-bundle.ts";
import { RestoreSite } from "../support/restore-site.ts";
import type { Keys, SiteNode } from "../support/restore-site.ts";
import { needs } from "../support/programs.ts";

/** Of the script's own list. */
const STEPS = (
  /^readonly STEPS='([a-z -]+)'$/m.exec(readFileSync(fileURLToPath(new URL("../../node/lib/steps.sh", import.meta.url)), "utf8"))?.[1] ?? ""
).split(" ");

/** SIGKILL before a step does its work, and when it has done it but nobody wrote that down. */
const MOMENTS = { before: "run_step", after: "step_ended" } as const;

const LAYOUTS = ["static-pod", "systemd", "bare"] as const;

describe.skipIf(needs("openssl", "age", "age-keygen", "zstd")).each(LAYOUTS)("restore.sh on a node of layout %s", (layout) => {
  let site: RestoreSite;
  let node: SiteNode;
  let bundle: MadeBundle;
  let snapshot: Keys;
  let later: Keys;

  beforeAll(async () => {
    site = await RestoreSite.start("3.6", [layout]);
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

  /** A file that bash reads first: `action` is done once, just before the script's function `what` of `step`. */
  function hook(what: string, step: string, action: string): string {
    const file = join(node.root, "hook.sh");
    const done = join(node.root, `hit-${what}-${step}-${action.replaceAll(/[^a-z0-9]/gi, "")}`);
    const condition = `[[ $BASH_COMMAND == '${what} "$step"' && \${step-} == ${step} && ! -e ${done} ]]`;
    writeFileSync(file, `set -T\ntrap '${condition.replaceAll("'", "'\\''")} && { : > ${done}; ${action}; }' DEBUG\n`);
    return file;
  }
  function wasHit(what: string, step: string, action: string): boolean {
    return existsSync(join(node.root, `hit-${what}-${step}-${action.replaceAll(/[^a-z0-9]/gi, "")}`));
  }

  const cases = STEPS.flatMap((step) => Object.entries(MOMENTS).map(([moment, what]) => [step, moment, what] as const));
  test.each(cases)(
    "killed at %s, %s its work: rollback brings back what was there; killed once more, apply goes on",
    async (step, _, what) => {
      const kill = "kill -9 $$";
      const killed = await site.run(node, ["apply"], bundle, hook(what, step, kill));
      expect(killed.code, killed.err).not.toBe(0);
      expect(wasHit(what, step, kill)).toBe(true);
      const back = await site.run(node, ["rollback"]);
      expect(back, back.err).toMatchObject({ code: 0 });
      if (layout === "bare" && !(await isUp())) await site.startBare(node);
      await site.healthy();
      expect(await site.keys()).toEqual(later);

      const again = "kill -KILL $$";
      expect((await site.run(node, ["apply"], bundle, hook(what, step, again))).code).not.toBe(0);
      expect(wasHit(what, step, again)).toBe(true);
      const on = await site.run(node, ["apply"], bundle);
      expect(on, on.err).toMatchObject({ code: 0 });
      await site.healthy();
      expect(await site.keys()).toEqual(snapshot);
      expect(await site.run(node, ["rollback"])).toMatchObject({ code: 0 });
      if (layout === "bare" && !(await isUp())) await site.startBare(node);
      await site.healthy();
      expect(await site.keys()).toEqual(later);
    },
  );

  const isUp = (): Promise<boolean> =>
    site.etcdctl(["endpoint", "health"]).then(
      () => true,
      () => false,
    );
});
