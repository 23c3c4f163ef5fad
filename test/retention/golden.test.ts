import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { KeepCode, RemoveCode } from "../../shared/retention/decision.ts";
import { decideGolden, goldenSchema, lineOf, SUBJECTS } from "./golden.ts";

const FOLDER = fileURLToPath(new URL("../golden/retention", import.meta.url));
const files = await readdir(FOLDER, { withFileTypes: true });
const goldens = await Promise.all(
  files
    .filter((each) => each.isFile() && each.name.endsWith(".json"))
    .map(async ({ name }) => ({ name, golden: goldenSchema.parse(JSON.parse(await readFile(join(FOLDER, name), "utf8"))) })),
);

/** How the text of each reason begins, or ends. */
const TEXTS: Readonly<Record<KeepCode | RemoveCode, RegExp>> = {
  latest: /^latest \d+ of \d+$/,
  hourly: /^hourly \d{4}-\d\d-\d\d \d\d:00$/,
  daily: /^daily \d{4}-\d\d-\d\d$/,
  weekly: /^weekly \d{4}-W\d\d$/,
  monthly: /^monthly \d{4}-\d\d$/,
  annual: /^annual \d{4}$/,
  "newest-good": /^newest good of lineage \d+$/,
  pinned: /^pinned: ./,
  locked: /^locked (?:until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|with no end date)(?:$|, to be removed after that: .)/,
  frozen: /^lineage \d+ is frozen(?:$|: .)/,
  unknown: /^(?:its|it is|whether|lineage) .*/,
  "min-age": /^(?:less than minAge \(\d+\w+\) old|within minAge \(\d+\w+\) of \S+, the newest good one)$/,
  unverified: /^not good.*, and (?:no good one is newer|kept until a good one is \d+\w+ newer)$/,
  superseded:
    /^(?:\w+: not the newest of .* \(\S+ is\)|not the latest \(\S+ is\)|not among the latest \d+ \(they go back to \S+\)|\w+: not in the last (?:\w+ with good snapshots \(|\d+ \w+s with good snapshots \(they go back to ).*, kept: \S+\))$/,
  "unverified-expired": /^not good.*, and \S+, which is good, is at least \d+\w+ newer$/,
};

test.each(goldens)("$name: $golden.about", ({ golden }) => {
  const decisions = decideGolden(golden);
  const named = new Set(golden.decisions.map((line) => line.split(" ")[1]?.replace(":", "")));
  const shown = golden.othersRemoved === undefined ? decisions : decisions.filter(({ id }) => named.has(id));
  expect(shown.map(lineOf)).toEqual(golden.decisions);
  const others = decisions.filter((each) => !shown.includes(each));
  expect(others.filter(({ verdict }) => verdict !== "remove")).toEqual([]);
  expect(others).toHaveLength(golden.othersRemoved ?? 0);
});

test.each(goldens)("$name: each reason has the text of its code, and what stands in for another is kept", ({ golden }) => {
  const decisions = decideGolden(golden);
  const kept = new Set(decisions.flatMap(({ id, verdict }) => (verdict === "keep" ? [id] : [])));
  // One look at all of them: there are thousands, and each expect takes its time.
  const reasons = decisions.flatMap((each) => each.reasons.map((reason) => ({ verdict: each.verdict, ...reason })));
  expect(reasons.filter(({ code, text }) => !TEXTS[code].test(text))).toEqual([]);
  expect(reasons.filter(({ verdict, by }) => (by === undefined) !== (verdict === "keep"))).toEqual([]);
  expect(reasons.filter(({ by }) => by !== undefined && !kept.has(by))).toEqual([]);
});

test("every file of the folder is one of these, and each subject has some", () => {
  expect(files.map(({ name }) => name).toSorted()).toEqual(goldens.map(({ name }) => name).toSorted());
  expect(goldens.length).toBeGreaterThanOrEqual(30);
  const covered = new Set(goldens.flatMap(({ golden }) => golden.subjects));
  expect(SUBJECTS.filter((subject) => !covered.has(subject))).toEqual([]);
});
