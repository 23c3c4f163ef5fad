import { execFileSync } from "node:child_process";
import { readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { JsonDocument } from "../../shared/contract/documents.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { copyOf, growPlace } from "../support/grown-place.ts";
import type { GrownPlace } from "../support/grown-place.ts";
import { lifeboatHere } from "../support/lifeboat-here.ts";
import { fitting, saying } from "../support/matchers.ts";
import { flipped } from "../support/snapshots.ts";
import { needs } from "../support/programs.ts";

/** Catalog segments, `ls --fleet` and `metrics` by the command, over a directory store of 43 snapshots: the segments of two verifications are in it. */

let folder: TemporaryFolder;
let grown: GrownPlace;
beforeAll(async () => {
  folder = await temporaryFolder();
  grown = await growPlace(join(folder.path, "grown"), { old: 40 });
});
afterAll(() => folder.remove());

const NEWEST = /^prod +\d{8}T\d{6}Z +\d+ min +2 h +43\/43 +\d+\.\d KiB +1 +ok$/m;

describe("catalog", () => {
  test("writes what is in no segment, and ls then reads no manifest and says the same", async () => {
    const place = await copyOf(grown, join(folder.path, "catalog"));
    const before = await lifeboatHere(["ls"], place);
    const { stdout, code } = await lifeboatHere(["catalog"], place);
    expect([code, stdout]).toEqual([0, fitting(/^CLUSTER +WRITTEN +SEGMENTS +SNAPSHOTS IN THEM +NOT IN ANY\nprod +1 +\d +43 +0\n$/)]);
    expect(await lifeboatHere(["ls"], place)).toEqual(before);
    const debugged = await lifeboatHere(["ls", "--verbose"], place);
    expect(debugged.stdout).toBe(before.stdout);
    expect(await lifeboatHere(["ls", "--full"], place)).toEqual(before);
    expect(await lifeboatHere(["custody", "prod", "--verify"], place)).toMatchObject({ code: 0 });
    expect(await lifeboatHere(["prune", "prod", "--dry-run", "--although", "overdue", "many"], place)).toMatchObject({
      stdout: saying("remove"),
    });
    expect(await lifeboatHere(["orphans", "--older-than", "0s"], place)).toMatchObject({ code: 0, stdout: "no orphans\n" });
  });

  test("a manifest that was changed behind its time and size is seen by --full, and by whoever uses it", async () => {
    const place = await copyOf(grown, join(folder.path, "changed"));
    const [id = ""] = place.ids;
    const file = join(place.cwd, "vault/clusters/prod/snapshots", `${id}.json`);
    const { mtime } = await stat(file);
    await writeFile(file, flipped(await readFile(file), 40));
    await utimes(file, mtime, mtime);
    expect(await lifeboatHere(["ls"], place)).toMatchObject({ code: 0, stderr: "" });
    const full = await lifeboatHere(["ls", "--full"], place);
    expect(full).toMatchObject({ code: 6, stderr: saying(`prod/${id}: the catalog tells of it, and its manifest is not believed`) });
    const json = await lifeboatHere(["ls", "--full", "--json"], place);
    expect(JSON.parse(json.stdout)).toMatchObject({ differences: [{ ref: `prod/${id}` }], badSegments: [] });
    expect(await lifeboatHere(["verify", `prod/${id}`], place)).toMatchObject({ code: 4 });
  });

  test("a segment that was changed is told, and what it would have told is read", async () => {
    const place = await copyOf(grown, join(folder.path, "damaged"));
    const at = join(place.cwd, "vault/clusters/prod/catalog");
    const newest = (await readdir(at)).toSorted().at(-1) ?? "";
    await writeFile(join(at, newest), flipped(await readFile(join(at, newest)), 400));
    const listed = await lifeboatHere(["ls", "--json"], place);
    expect(listed.code).toBe(6);
    const { snapshots, badSegments } = JSON.parse(listed.stdout) as JsonDocument<"ls">;
    expect([snapshots.length, badSegments]).toEqual([
      43,
      [{ key: `clusters/prod/catalog/${newest}`, code: fitting(/^verify\//), message: saying(newest) }],
    ]);
    expect(await lifeboatHere(["ls", "--fleet"], place)).toMatchObject({ code: 6, stdout: saying("not believed") });
    expect(await lifeboatHere(["catalog", "prod"], place)).toMatchObject({ code: 6, stderr: saying(newest) });
  });
});

describe("ls --fleet", () => {
  test("has a line for each cluster, and exit code 6 where one is not well", async () => {
    expect(await lifeboatHere(["ls", "--fleet"], grown)).toMatchObject({ code: 0, stderr: "", stdout: fitting(NEWEST) });
    const place = await copyOf(grown, join(folder.path, "fleet"));
    const config = join(place.cwd, "lifeboat.yaml");
    const text = await readFile(config, "utf8");
    await writeFile(
      config,
      text.replace(/^ {2}prod:\n(?: {4}.*\n)+/m, (prod) => prod.replace("prod", "other")),
    );
    const { code, stdout, stderr } = await lifeboatHere(["ls", "--fleet"], place);
    expect(code).toBe(6);
    expect(stdout).toMatch(/^other .* nothing stored\nprod .* not configured$/m);
    expect(stderr).toContain("other: there are no snapshots");
    const { clusters } = JSON.parse((await lifeboatHere(["ls", "--fleet", "--json"], place)).stdout) as JsonDocument<"lsFleet">;
    expect(clusters).toMatchObject([
      { cluster: "other", hint: "nothing stored", rpoSeconds: 7200, stored: { snapshots: 0, newestGood: null } },
      {
        cluster: "prod",
        hint: "not configured",
        rpoSeconds: null,
        stored: { snapshots: 43, good: 43, newestGood: { id: place.ids.at(-1) } },
      },
    ]);
    expect(await lifeboatHere(["ls", "--fleet", "prod"], grown)).toMatchObject({ code: 0 });
    await writeFile(config, text.replace(/^ {2}prod:\n/m, "  prod:\n    labels: { team: a, env: live }\n"));
    expect(await lifeboatHere(["ls", "--fleet", "--label", "team=a"], place)).toMatchObject({
      code: 0,
      stdout: fitting(/^CLUSTER +LABELS +NEWEST GOOD .*\nprod +env=live,team=a +\d{8}T/),
    });
    expect(await lifeboatHere(["audit", "--label", "team=a", "--json"], place)).toMatchObject({
      stdout: fitting(/"labels": \{\s+"env": "live",\s+"team": "a"\s+\}/),
    });
    expect(await lifeboatHere(["metrics", "--label", "team=a"], place)).toMatchObject({
      code: 0,
      stdout: saying('lifeboat_good_snapshots{cluster="prod",env="live",team="a"} 43\n'),
    });
    expect(await lifeboatHere(["audit", "--label", "team=b"], place)).toMatchObject({
      code: 2,
      stderr: fitting(/the label team=b[^]*there are env=live, team=a/),
    });
    expect(await lifeboatHere(["audit", "prod", "--label", "team=a"], place)).toMatchObject({ code: 2, stderr: saying("prod names them") });
    expect(await lifeboatHere(["ls", "--label", "team=a"], place)).toMatchObject({ code: 2, stderr: saying("--fleet") });
    expect(await lifeboatHere(["ls", "--fleet", "--limit", "3"], grown)).toMatchObject({
      code: 2,
      stderr: saying("--limit, --since and --full"),
    });
  });
});

describe("fleet", () => {
  test("plans, applies and lists the clusters of several files, and says what an object beside them is", async () => {
    const place = await copyOf(grown, join(folder.path, "listed"));
    expect(await lifeboatHere(["fleet", "ls"], place)).toMatchObject({ code: 0, stdout: saying("no list of clusters is in force") });
    const team = (rpo: string): string =>
      `version: 1\nclusters:\n  pay:\n    labels: { team: a }\n    endpoints: [http://127.0.0.1:1]\n    rpo: ${rpo}\n`;
    await writeFile(join(place.cwd, "team.yaml"), team("3h"));
    const both = ["--config", "lifeboat.yaml", "--config", "team.yaml"];
    const planned = await lifeboatHere(["fleet", "plan", ...both], place);
    expect(planned).toMatchObject({
      code: 0,
      stdout: fitting(
        /^\+ pay {2}endpoints: .*; labels\.team: a; rpo: 3h\n\+ prod {2}.*\n2 to add, 0 to change, 0 to remove; 0 as they are$/m,
      ),
    });
    expect(await lifeboatHere(["fleet", "apply", "--on", "0", ...both, "--json"], place)).toMatchObject({
      code: 0,
      stdout: fitting(/"key": "fleet\/1\.json"/),
    });
    // Without the team's file its clusters would go.
    expect(await lifeboatHere(["fleet", "apply"], place)).toMatchObject({ code: 2, stderr: saying("pay would no longer be backed up") });
    await writeFile(join(place.cwd, "team.yaml"), team("4h"));
    expect(await lifeboatHere(["fleet", "plan", ...both], place)).toMatchObject({
      code: 0,
      stdout: fitting(
        /^fleet\/1\.json is in force: 2 clusters, .*\n~ pay\n {4}rpo: 3h -> 4h\n0 to add, 1 to change, 0 to remove; 1 as they are\n$/,
      ),
    });
    expect(await lifeboatHere(["fleet", "plan", ...both, "--json"], place)).toMatchObject({ code: 0 });
    expect(await lifeboatHere(["fleet", "apply", ...both], place)).toMatchObject({ code: 0, stdout: saying("applied fleet/2.json") });
    expect(await lifeboatHere(["fleet", "apply", ...both], place)).toMatchObject({
      code: 0,
      stdout: saying("nothing to change; 2 as they are"),
    });
    expect(await lifeboatHere(["fleet", "ls", "--label", "team=a"], place)).toMatchObject({
      code: 0,
      stdout: fitting(
        /\nCLUSTER +LABELS +NETWORK +SCHEDULE +RPO +ENDPOINTS\npay +team=a +default +every 1 h +4 h +http:\/\/127\.0\.0\.1:1\n$/,
      ),
    });
    // The list before, under a new number.
    await writeFile(join(place.cwd, "vault/fleet/3.json"), await readFile(join(place.cwd, "vault/fleet/1.json")));
    const planted = await lifeboatHere(["fleet", "ls", "--json"], place);
    expect(planted).toMatchObject({ code: 6, stderr: saying("fleet/3.json holds a document of number 1") });
    expect(JSON.parse(planted.stdout)).toMatchObject({ inForce: { number: 2 }, unbelieved: [{ code: "verify/format" }] });
    await writeFile(join(place.cwd, "team.yaml"), `${team("4h")}    auth: { username: root, password: env:PASSWORD }\n`);
    expect(await lifeboatHere(["fleet", "apply", ...both], place)).toMatchObject({
      code: 2,
      stderr: saying("clusters.pay.auth.password is env:PASSWORD, which only this machine can read"),
    });
  });
});

describe("metrics", () => {
  test("replace a file in one step, readable for everybody, and leave it where they fail", async () => {
    const place = await copyOf(grown, join(folder.path, "metrics"));
    const file = join(place.cwd, "lifeboat.prom");
    await writeFile(file, "before", { mode: 0o600 });
    expect(await lifeboatHere(["metrics", "--out", "lifeboat.prom"], place)).toMatchObject({
      code: 0,
      stdout: "wrote the metrics of 1 clusters to lifeboat.prom\n",
    });
    expect((await stat(file)).mode & 0o777).toBe(0o644);
    const written = await readFile(file, "utf8");
    expect(written).toContain('lifeboat_good_snapshots{cluster="prod"} 43\n');
    expect((await readdir(place.cwd)).filter((name) => name.endsWith(".partial"))).toEqual([]);
    expect(await lifeboatHere(["metrics", "--out", "nowhere/lifeboat.prom"], place)).toMatchObject({
      code: 2,
      stderr: saying("cannot write"),
    });
    await writeFile(
      join(place.cwd, "lifeboat.yaml"),
      (await readFile(join(place.cwd, "lifeboat.yaml"), "utf8")).replace("./vault", "./elsewhere"),
    );
    expect(await lifeboatHere(["metrics", "--out", "lifeboat.prom"], place)).toMatchObject({ code: 5 });
    expect(await readFile(file, "utf8")).toBe(written);
  });

  test.skipIf(needs("promtool"))("promtool finds nothing wrong with them, the alert rules, or what the dashboard asks", async () => {
    const { stdout } = await lifeboatHere(["metrics"], grown);
    expect(promtool(["check", "metrics"], stdout)).toBe("");
    const examples = fileURLToPath(new URL("../../examples/prometheus/", import.meta.url));
    expect(promtool(["check", "rules", join(examples, "alerts.yaml")])).toContain("SUCCESS: 10 rules found");
    expect(promtool(["test", "rules", join(examples, "alerts.test.yaml")])).toContain("SUCCESS");
    const dashboard = z
      .object({ panels: z.array(z.object({ targets: z.array(z.object({ expr: z.string() })) })) })
      .parse(JSON.parse(await readFile(join(examples, "dashboard.json"), "utf8")));
    const rules = dashboard.panels
      .flatMap(({ targets }) => targets)
      .map(({ expr }, index) => ({ record: `panel:${index}`, expr: expr.replaceAll("$cluster", ".*") }));
    const file = join(folder.path, "panels.yaml");
    await writeFile(file, JSON.stringify({ groups: [{ name: "panels", rules }] }));
    expect(promtool(["check", "rules", file])).toContain(`SUCCESS: ${rules.length} rules found`);
  });
});

function promtool(args: readonly string[], input = ""): string {
  return execFileSync("promtool", args, { encoding: "utf8", input });
}
