import { mkdir, readdir, readFile, rm, cp, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DOCUMENTS } from "../../shared/contract/documents.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { copyOf, growPlace } from "../support/grown-place.ts";
import type { GrownPlace } from "../support/grown-place.ts";
import { lifeboatHere } from "../support/lifeboat-here.ts";
import { fitting, saying } from "../support/matchers.ts";

/** An audit of a store that has grown, and of what becomes of it when somebody changes it. */

let folder: TemporaryFolder;
let grown: GrownPlace;

beforeAll(async () => {
  folder = await temporaryFolder();
  grown = await growPlace(join(folder.path, "grown"), { old: 4 });
});
afterAll(() => folder.remove());

let copies = 0;
/** The same once more, to be changed. */
async function changed(change: (vault: string, place: GrownPlace) => Promise<void>): Promise<GrownPlace> {
  const place = await copyOf(grown, join(folder.path, `copy-${++copies}`));
  await change(join(place.cwd, "vault/clusters/prod"), place);
  return place;
}

async function audit({ cwd }: GrownPlace, ...args: readonly string[]) {
  const { code, stdout } = await lifeboatHere(["audit", "--json", ...args], { cwd });
  return { code, ...DOCUMENTS.audit.parse(JSON.parse(stdout)) };
}

/** Beside what a grown store always has. */
async function codesOf(place: GrownPlace, ...args: readonly string[]): Promise<readonly string[]> {
  const { findings } = await audit(place, ...args);
  return findings.map(({ code }) => code).filter((code) => !EVER.has(code));
}

const AT_ONCE = ["rpo/gap", "recipient/missing"];
/** That nobody rehearsed break-glass only the whole log tells. */
const EVER = new Set([...AT_ONCE, "key/not-rehearsed"]);

test("a store with which all is well has warnings of its past, and exit code 0; 6 where a warning is too much", async () => {
  const { code, ok, counts, clusters, findings } = await audit(grown);
  expect({ code, ok, counts }).toEqual({ code: 0, ok: true, counts: { error: 0, warn: 1, info: 1 } });
  expect(clusters).toMatchObject([
    { cluster: "prod", configured: true, snapshots: { all: 7, good: 7 }, good: { ref: `prod/${grown.ids.at(-1)}` } },
  ]);
  expect(findings.map((each) => each.code).toSorted()).toEqual(AT_ONCE.toSorted());
  expect(findings[0]?.message).toContain("once good snapshots were further apart than the rpo of 2 h");
  expect(await audit(grown, "--fail-on", "warn")).toMatchObject({ code: 6, ok: false, failOn: "warn" });
  expect(await codesOf(grown, "--full")).toEqual([]);
});

/** Each document names a record that is gone. */
const ALL_BROKEN = ["custody/broken"];

const newestIn = async (path: string): Promise<string> => join(path, (await readdir(path)).toSorted().at(-1) ?? "");

test.each<readonly [string, (vault: string) => Promise<void>, quick: readonly string[], full: readonly string[]]>([
  [
    "data that is gone",
    async (vault) => rm(await newestIn(join(vault, "data"))),
    ["data/missing"],
    ["data/missing", "custody/unaccounted"],
  ],
  ["data that was cut", async (vault) => truncate(await newestIn(join(vault, "data")), 100), ["data/size"], ["data/size"]],
  [
    "data that is other bytes, which only a sum shows",
    async (vault) => {
      const file = await newestIn(join(vault, "data"));
      await writeFile(
        file,
        (await readFile(file)).map((byte, index) => (index === 500 ? byte ^ 1 : byte)),
      );
    },
    [],
    ["data/checksum"],
  ],
  [
    "a manifest that was changed",
    async (vault) => {
      const file = await newestIn(join(vault, "snapshots"));
      await writeFile(file, (await readFile(file, "utf8")).replace('"sig":"M', '"sig":"N'));
    },
    ["snapshot/unbelieved"],
    ["snapshot/unbelieved", "custody/unaccounted"],
  ],
  [
    "a countersignature that was changed",
    async (vault) => writeFile(await newestIn(join(vault, "verified")), "{}"),
    ["document/unbelieved"],
    ["document/unbelieved", "custody/unaccounted"],
  ],
  [
    "the last record of the log",
    async (vault) => rm(await newestIn(join(vault, "custody/0000000"))),
    ["custody/broken"],
    ["custody/broken"],
  ],
  ["a record in the middle", async (vault) => rm(join(vault, "custody/0000000/0000000013.json")), ["custody/broken"], ["custody/broken"]],
  ["the whole log", async (vault) => rm(join(vault, "custody"), { recursive: true }), ["custody/broken"], ALL_BROKEN],
  [
    "something that is not ours",
    async (vault) => cp(join(vault, "lineage"), join(vault, "mine"), { recursive: true }),
    ["store/foreign"],
    ["store/foreign"],
  ],
])("%s", async (_, change, quick, full) => {
  const place = await changed(change);
  expect(await codesOf(place)).toEqual(quick);
  expect([...new Set(await codesOf(place, "--full"))]).toEqual([...new Set(full)]);
});

test("a second audit tells the same by what the first one kept, and sees what was changed since", async () => {
  const place = await changed(async (_, { cwd }) => {
    await mkdir(join(cwd, ".cache"), { mode: 0o700 });
  });
  const [first, second] = [await audit(place), await audit(place)];
  const said = ({ clusters, findings }: typeof first): unknown => ({ ids: clusters.map(({ good }) => good?.ref), findings });
  expect(said(second)).toEqual(said(first));
  const kept = join(place.cwd, ".cache/etcd-lifeboat/audit");
  const [of = "", ...more] = await readdir(kept);
  expect([more, await readdir(join(kept, of))]).toEqual([[], ["prod@7d.json"]]);
  await rm(await newestIn(join(place.cwd, "vault/clusters/prod/data")));
  expect(await codesOf(place)).toEqual(["data/missing"]);
});

test("a cluster on one side only is told from both", async () => {
  const place = await changed(async (vault, { cwd }) => {
    await cp(vault, join(vault, "../other"), { recursive: true });
    const file = join(cwd, "lifeboat.yaml");
    const text = await readFile(file, "utf8");
    await writeFile(file, `${text}  newcomer: { endpoints: ["http://127.0.0.1:1"] }\n`);
  });
  const { code, clusters, findings } = await audit(place);
  expect(code).toBe(6);
  expect(clusters.map(({ cluster, configured }) => ({ cluster, configured }))).toEqual([
    { cluster: "newcomer", configured: true },
    { cluster: "other", configured: false },
    { cluster: "prod", configured: true },
  ]);
  expect(findings.filter(({ cluster }) => cluster === "newcomer").map((each) => each.code)).toContain("cluster/not-stored");
  expect(findings.filter(({ cluster }) => cluster === "other").map((each) => each.code)).toContain("cluster/not-configured");
  expect((await audit(place, "prod")).clusters).toHaveLength(1);
});

test("a name that was mistyped is not passed over", async () =>
  expect(await lifeboatHere(["audit", "prdo"], grown)).toMatchObject({ code: 2, stderr: saying("did you mean prod?") }));

test("at 80 columns each finding has its fix and where to read on, and the last line counts", async () => {
  const { stdout } = await lifeboatHere(["audit"], { cwd: grown.cwd, columns: 80 });
  const lines = stdout.trimEnd().split("\n");
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(lines[0]).toMatch(/^warn: prod: once good snapshots were/);
  expect(stdout).toMatch(/\n {2}fix: .*\n {2}see: Backups were missed \[rpo\/gap\]\n/);
  expect(lines.at(-1)).toMatch(/^prod, 7 of 7 snapshots good, the newest .* old: 1 warning, 1 note$/);
});

test("in SARIF and JUnit it is the same, escaped", async () => {
  const place = await changed(async (vault) => cp(join(vault, "lineage"), join(vault, "mine"), { recursive: true }));
  const sarif = await lifeboatHere(["audit", "--format", "sarif"], place);
  expect(JSON.parse(sarif.stdout)).toMatchObject({
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "etcd-lifeboat" } },
        results: fittingCodes(["store/foreign", ...AT_ONCE]),
      },
    ],
  });
  const { stdout } = await lifeboatHere(["audit", "--format", "junit"], place);
  expect(stdout).toMatch(/<testsuite name="prod" tests="\d+" failures="2">/);
  expect(stdout).toContain('<failure type="warn" message="clusters/prod/mine/: lifeboat does not write that">');
  expect(await lifeboatHere(["audit", "--format", "sarif", "--json"], grown)).toMatchObject({ code: 2, stdout: fitting(/two formats/) });
});

function fittingCodes(codes: readonly string[]): readonly object[] {
  return codes.map((ruleId) => ({ ruleId }));
}
