import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LifeboatError } from "../../shared/errors.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { copyOf, growPlace } from "../support/grown-place.ts";
import type { GrownPlace } from "../support/grown-place.ts";
import { lifeboatHere } from "../support/lifeboat-here.ts";
import type { Outcome } from "../support/lifeboat.ts";
import { saying } from "../support/matchers.ts";

/** `lifeboat prune` as a person types it. Three of two days ago are to go, three are kept. */

let folder: TemporaryFolder;
let grown: GrownPlace;
beforeAll(async () => {
  folder = await temporaryFolder();
  grown = await growPlace(join(folder.path, "grown"));
});
afterAll(() => folder.remove());

let copies = 0;
const newPlace = (): Promise<GrownPlace> => copyOf(grown, join(folder.path, `copy-${copies++}`));
const files = async ({ cwd }: GrownPlace): Promise<readonly string[]> =>
  (await readdir(join(cwd, "vault"), { recursive: true, withFileTypes: true }))
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name))
    .toSorted();
const run = ({ cwd }: GrownPlace, line: string, options: { columns?: number; signal?: AbortSignal } = {}): Promise<Outcome> =>
  lifeboatHere(line.split(" "), { cwd, ...options });
const json = ({ stdout }: Outcome): unknown => JSON.parse(stdout);

describe("--dry-run", () => {
  test("shows each snapshot with the reason, what speaks against it, and changes nothing", async () => {
    const place = await newPlace();
    const before = await files(place);
    const { code, stdout, stderr } = await run(place, "prune prod --dry-run");
    expect(code).toBe(6);
    const [oldest, , , , , newest] = place.ids;
    expect(stdout).toMatch(new RegExp(`^${newest} .* keep +newest good of lineage 1; latest 1 of 3$`, "m"));
    expect(stdout).toMatch(new RegExp(`^${oldest} .* remove +not among the latest 3 \\(they go back to ${place.ids[3]}\\)$`, "m"));
    expect(stdout).toMatch(/^to remove: 3 snapshots, [\d.]+ \w+; to keep: 3$/m);
    expect(stderr).toContain("warning: nothing is removed: 3 of the 6 good snapshots of prod would be removed, more than a quarter");
    expect(stderr).toContain("--although many");
    expect(await files(place)).toEqual(before);
    const named = await run(place, "prune prod --dry-run --although many");
    expect([named.code, named.stderr]).toEqual([0, ""]);
    expect(await files(place)).toEqual(before);
  });

  test.each([100, 80])("fits a terminal of %i columns", async (columns) => {
    const { stdout } = await run(grown, "prune prod --dry-run --although many", { columns });
    expect(stdout.split("\n").filter((line) => line.length > columns)).toEqual([]);
    // Each stands on a line of its own.
    for (const id of grown.ids) expect(stdout).toMatch(new RegExp(`^${id} .* (keep|remove) +[ln]`, "m"));
  });

  test("as JSON", async () => {
    const document = json(await run(grown, "prune prod --dry-run --json --although many"));
    expect(document).toMatchObject({
      cluster: "prod",
      mode: "dry-run",
      keep: 3,
      remove: 3,
      decisions: grown.ids.toReversed().map((id, index) => ({ id, verdict: index < 3 ? "keep" : "remove", good: true, lineage: 1 })),
      leftovers: [],
      unclear: [],
      brakes: [],
      order: null,
      execution: null,
    });
  });
});

describe("the two halves", () => {
  test("one after the other, and each once more", async () => {
    const place = await newPlace();
    const before = await files(place);
    const ordered = await run(place, "prune prod --order --although many");
    expect(ordered).toMatchObject({ code: 0, stderr: "", stdout: saying("ordered: 9 objects, ") });
    expect((await files(place)).length).toBe(before.length + 1);
    expect(await run(place, "prune prod --order --although many")).toMatchObject({
      code: 0,
      stdout: saying("ordered before: 9 objects, "),
    });
    const wouldBe = await run(place, "prune prod --execute --dry-run");
    expect(wouldBe).toMatchObject({ code: 0, stderr: "", stdout: saying("would remove 9 objects of 3 snapshots, as ordered ") });
    expect((await files(place)).length).toBe(before.length + 1);
    const executed = await run(place, "prune prod --execute --json");
    expect(executed.code).toBe(0);
    expect(json(executed)).toMatchObject({
      mode: "execute",
      execution: {
        order: { subjects: 9 },
        orderRefused: null,
        removed: place.ids.slice(0, 3).map((id) => ({ id, objects: 3 })),
        refused: [],
        locked: [],
        locksExtended: 0,
      },
    });
    expect((await files(place)).length).toBe(before.length + 1 - 9);
    expect(await run(place, "prune prod --execute")).toMatchObject({ code: 0, stdout: "there is no order to follow for prod\n" });
    expect(await run(place, "prune prod")).toMatchObject({ code: 0, stderr: "", stdout: saying("nothing to remove of prod: 3 kept") });
    expect(await run(place, "custody prod --verify")).toMatchObject({ code: 0 });
  });

  test("in one", async () => {
    const place = await newPlace();
    const { code, stdout, stderr } = await run(place, "prune prod --although many");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^removed 9 objects of 3 snapshots, as ordered .* by .*: [\d.]+ \w+ freed, [\d.]+ \w+ in use$/m);
    expect(await run(place, "ls prod --json")).toMatchObject({ code: 0, stdout: saying(place.ids[5] ?? "") });
  });

  test("the keeper needs no key at all", async () => {
    const place = await newPlace();
    await run(place, "prune prod --order --although many");
    await rm(join(place.cwd, "keys"), { recursive: true });
    expect(await run(place, "prune prod --execute")).toMatchObject({ code: 0, stderr: "", stdout: saying("removed 9 objects") });
    // The other half does.
    const order = await run(place, "prune prod --order --although many");
    expect(order.code).toBe(0);
    expect(order.stdout).toContain("nothing to remove of prod");
  });

  test("a brake stops both, with exit code 6 and what to do", async () => {
    const place = await newPlace();
    const before = await files(place);
    const { code, stdout, stderr } = await run(place, "prune prod");
    expect(code).toBe(6);
    expect(stdout).not.toContain("ordered");
    expect(stderr).toContain("To remove all the same: --although many");
    expect(await files(place)).toEqual(before);
  });

  test("what was changed in the log is told, and nothing is removed", async () => {
    const place = await newPlace();
    await run(place, "prune prod --order --although many");
    const log = (await files(place)).filter((file) => file.includes("/custody/"));
    await writeFile(
      log.at(-1)?.replace(/(\d+)\.json$/, (_all, digits: string) => `${String(Number(digits) + 1).padStart(10, "0")}.json`) ?? "",
      "junk",
    );
    const before = await files(place);
    const { code, stderr } = await run(place, "prune prod --execute");
    expect(code).toBe(6);
    expect(stderr).toContain("warning: no order is followed (broken-chain): record ");
    expect(stderr).toContain("lifeboat custody prod --verify says what was changed");
    expect(await files(place)).toEqual(before);
  });

  test("a snapshot of which something is not known is kept, and named with exit code 6", async () => {
    const place = await newPlace();
    const [id = ""] = place.ids;
    await writeFile(join(place.cwd, `vault/clusters/prod/verified/${id}-20270101T000000Z.json`), "junk");
    const { code, stderr } = await run(place, "prune prod --although many");
    expect(code).toBe(6);
    expect(stderr).toContain(`warning: clusters/prod/snapshots/${id}.json is kept, since something about it cannot be told: `);
    expect(stderr).toContain("lifeboat custody prod --verify says what is wrong");
    expect(await readdir(join(place.cwd, "vault/clusters/prod/snapshots"))).toHaveLength(4);
  });

  test("Ctrl-C in the middle leaves what stands whole, and the next run ends it", async () => {
    const place = await newPlace();
    const stop = new AbortController();
    const running = lifeboatHere(["prune", "prod", "--although", "many"], {
      cwd: place.cwd,
      signal: stop.signal,
      onStdout: (text) => {
        if (/^ordered: /m.test(text)) stop.abort(new LifeboatError("interrupted", "interrupted by SIGINT"));
      },
    });
    const { code, stderr } = await running;
    expect(code).toBe(130);
    expect(stderr).toContain("interrupted");
    for (const name of await readdir(join(place.cwd, "vault/clusters/prod/snapshots")))
      expect(await run(place, `verify prod/${name.replace(".json", "")}`)).toMatchObject({ code: 0 });
    expect(await run(place, "prune prod --although many")).toMatchObject({ code: 0 });
    expect(await readdir(join(place.cwd, "vault/clusters/prod/data"))).toHaveLength(3);
    expect(await run(place, "custody prod --verify")).toMatchObject({ code: 0 });
  });
});

describe("wrong input", () => {
  test.each([
    ["prune", "missing required argument 'cluster'"],
    ["prune staging", "lifeboat.yaml has no cluster staging"],
    ["prune prod --order --execute", "--order and --execute exclude each other"],
    ["prune prod --although nonsense", '--although "nonsense" is not one of the reasons that stop a prune'],
    ["prune prod --although", "--although <name...> needs a value"],
    ["prune prod again", "prune takes 1 argument, and got 2"],
    ["prune prod --executes", "unknown option '--executes' (Did you mean --execute?)"],
  ])("%s", async (line, message) => {
    const before = await files(grown);
    const { code, stdout, stderr } = await run(grown, line);
    const [first, hint] = stderr.split("\n");
    expect({ code, stdout, first }).toEqual({ code: 2, stdout: "", first: `lifeboat: ${message}` });
    expect(hint).toMatch(/^lifeboat: hint: ./);
    expect(await files(grown)).toEqual(before);
  });

  test.each([
    ["a policy that keeps nothing", "latest: 3", "latest: 0", "retention"],
    ["an unknown time zone", "timeZone: UTC", "timeZone: Mars/Olympus", "timeZone"],
    ["a replica that is not configured", "latest: 3", "latest: 3, requireReplica: [nowhere]", "nowhere"],
  ])("%s: one error that names it, and nothing is removed", async (_what, from, to, named) => {
    const place = await newPlace();
    const file = join(place.cwd, "lifeboat.yaml");
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace(from, to));
    const before = await files(place);
    const { code, stdout, stderr } = await run(place, "prune prod --although many");
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(named);
    expect(stderr.split("\n").filter((line) => !line.startsWith("lifeboat: hint: "))).toHaveLength(2);
    expect(await files(place)).toEqual(before);
  });

  test("a cluster of which nothing is stored is none, and nothing is to go", async () => {
    const place = await newPlace();
    await rm(join(place.cwd, "vault/clusters/prod"), { recursive: true });
    expect(await run(place, "prune prod")).toMatchObject({ code: 0, stdout: saying("nothing to remove of prod: 0 kept"), stderr: "" });
  });
});

test("help says what it does, what stays, and what to type", async () => {
  const { code, stdout } = await run(grown, "prune --help", { columns: 80 });
  expect(code).toBe(0);
  for (const part of [
    "--dry-run",
    "--order",
    "--execute",
    "--although <name...>",
    "newest-not-good, overdue, frozen, many, foreign",
    "Example:",
  ])
    expect(stdout.replaceAll(/\s+/g, " ")).toContain(part);
});
