import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PrefixTable } from "../../shared/snapshot/prefix-table.ts";
import { groupByResource, resourceOf } from "../../shared/snapshot/resources.ts";
import { readEntry } from "../../shared/snapshot/survey.ts";
import type { Ranked, Survey } from "../../shared/snapshot/survey.ts";
import { boltFile, keyValue, revisionKey } from "./support/bolt-file.ts";
import type { Entry } from "./support/bolt-file.ts";
import { wholeScan } from "./support/scanned.ts";

function put(main: number, name: string, valueBytes = 10): Entry {
  return { key: revisionKey(main), value: keyValue(Buffer.from(name), Buffer.alloc(valueBytes, "v")) };
}

function deletion(main: number, name: string): Entry {
  return { key: revisionKey(main, 0, true), value: keyValue(Buffer.from(name)) };
}

function bytesOf({ key, value }: Entry): number {
  return key.length + value.length;
}

function surveyOf(bytes: Uint8Array, surveyTop = 3, sizes?: readonly number[]): Survey {
  const { survey } = wholeScan(bytes, sizes, { surveyTop });
  if (survey === undefined) throw new Error("there is no survey");
  return survey;
}

/** What a second look at the winners' pages finds. */
function named(file: Uint8Array, winners: readonly Ranked[]): [string | undefined, number, number | undefined][] {
  return winners.map(({ place, figure }) => {
    const entry = readEntry(file.subarray(place.at, place.at + place.length), place);
    return [entry && Buffer.from(entry.key).toString(), figure, entry?.revision];
  });
}

function tallies({ prefixes }: Survey): Record<string, readonly number[]> {
  return Object.fromEntries(
    prefixes.map(({ prefix, revisions, live, bytes, liveBytes }) => [Buffer.from(prefix).toString(), [revisions, live, bytes, liveBytes]]),
  );
}

test("keys count for their prefix, all of them and the live ones", () => {
  const entries = [
    put(2, "/registry/pods/default/a"),
    put(3, "/registry/pods/default/a", 20),
    put(4, "/registry/pods/default/b"),
    put(5, "plain"),
    deletion(6, "/registry/pods/default/b"),
    put(7, "/registry/nodes/n1"),
  ];
  const [first, second, third, plain, gone, node] = entries.map(bytesOf);
  expect(tallies(surveyOf(boltFile(entries).bytes))).toEqual({
    "/registry/pods/default/": [4, 1, first! + second! + third! + gone!, second],
    "": [1, 1, plain, plain],
    "/registry/nodes/": [1, 1, node, node],
  });
});

test("the largest objects are live ones, and the hottest keys those with most revisions, told by their newest entry", () => {
  const entries = [
    put(2, "huge-but-deleted", 9000),
    put(3, "hot", 1),
    deletion(4, "huge-but-deleted"),
    put(5, "hot", 2),
    put(6, "large", 5000),
    put(7, "middle", 300),
    put(8, "hot", 3),
    put(9, "small", 2),
  ];
  const { bytes } = boltFile(entries, { isBackwards: true });
  const survey = surveyOf(bytes, 2, [5000]);
  expect(named(bytes, survey.largest)).toEqual([
    ["large", bytesOf(entries[4]!), 6],
    ["middle", bytesOf(entries[5]!), 7],
  ]);
  expect(named(bytes, survey.hottest)).toEqual([
    ["hot", 3, 8],
    ["huge-but-deleted", 2, 4],
  ]);
});

test("what stale pages hold does not count, though it is of the same kind", () => {
  const stale = boltFile([put(2, "/stale/a", 3000), put(3, "/stale/a", 3500)], { perLeaf: 1 });
  // Leaves of two free pages, each with the number of the place where it lies.
  const pages = [4, 5].map((page) => stale.bytes.subarray(page * 4096, (page + 1) * 4096));
  const { bytes } = boltFile([put(2, "/real/a"), put(3, "/real/b")], { stale: pages });
  expect(bytes.includes("/stale/a")).toBe(true);
  const survey = surveyOf(bytes);
  expect(Object.keys(tallies(survey))).toEqual(["/real/"]);
  expect(named(bytes, survey.largest).map(([name]) => name)).toEqual(["/real/a", "/real/b"]);
  expect(survey.hottest).toEqual([]);
});

test("a page that changed meanwhile names nothing", () => {
  const { bytes } = boltFile([put(2, "/a/b")]);
  const place = surveyOf(bytes).largest[0]?.place;
  if (place === undefined) throw new Error("nothing is largest");
  const page = Buffer.from(bytes.subarray(place.at, place.at + place.length));
  expect(readEntry(page, place)).toMatchObject({ valueBytes: 10, revision: 2, isTombstone: false });
  page[40] = page[40]! ^ 1;
  expect(readEntry(page, place)).toBeUndefined();
  expect(readEntry(Buffer.alloc(place.length, 0xff), place)).toBeUndefined();
  expect(readEntry(Buffer.alloc(place.length), { ...place, crc: 0 })).toBeUndefined();
});

test("past the limit of entries there is no survey, and without being asked for none", () => {
  const { bytes } = boltFile([put(2, "a"), put(3, "b"), put(4, "c")]);
  expect(wholeScan(bytes, undefined, { surveyTop: 3, entryLimit: 2 }).survey).toBeUndefined();
  expect(wholeScan(bytes)).not.toHaveProperty("survey");
});

test("is what counting one by one finds", () => {
  const operation = fc.record({
    name: fc.constantFrom("a", "x/1", "x/2", "/registry/pods/ns/p", "/registry/x.io/y/ns/z", "/1/2/3/4/5/6/7"),
    bytes: fc.integer({ min: 0, max: 2500 }),
    isDeletion: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(operation, { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 7 }), (operations, perLeaf) => {
      const entries = operations.map(({ name, bytes, isDeletion }, index) =>
        isDeletion ? deletion(index + 2, name) : put(index + 2, name, bytes),
      );
      const { bytes } = boltFile(entries, { perLeaf });
      const survey = surveyOf(bytes, 100);
      const newest = new Map(operations.map(({ name }, index) => [name, index]));
      const live = [...newest.values()].filter((index) => operations[index]?.isDeletion === false);
      const expectedSizes = live.map((index) => bytesOf(entries[index]!)).toSorted((a, b) => b - a);
      expect(survey.largest.map(({ figure }) => figure)).toEqual(expectedSizes);
      const counts = Map.groupBy(operations, ({ name }) => name);
      const hot = [...counts].filter(([, all]) => all.length > 1);
      expect(new Set(named(bytes, survey.hottest).map(String))).toEqual(
        new Set(hot.map(([name, all]) => String([name, all.length, (newest.get(name) ?? 0) + 2]))),
      );
      expect(survey.hottest.map(({ figure }) => figure)).toEqual(hot.map(([, all]) => all.length).toSorted((a, b) => b - a));
      const all = Object.values(tallies(survey));
      expect([0, 1, 2].map((column) => all.reduce((sum, tally) => sum + (tally[column] ?? 0), 0))).toEqual([
        entries.length,
        live.length,
        entries.reduce((sum, entry) => sum + bytesOf(entry), 0),
      ]);
    }),
    { numRuns: 60 },
  );
});

describe("prefixes", () => {
  function noted(keys: readonly string[]): { table: PrefixTable; prefixOf: (entry: number) => string } {
    const table = new PrefixTable();
    for (const [entry, key] of keys.entries()) {
      // Somewhere within a page.
      const bytes = Buffer.from(`before/${key}/after`);
      table.note(entry, bytes, 7, 7 + Buffer.byteLength(key));
    }
    return { table, prefixOf: (entry) => Buffer.from(table.name(table.ofEntry[entry] ?? -1)).toString() };
  }

  test("end with the last slash, at the fifth one at most, and within 256 bytes", () => {
    const long = "n".repeat(300);
    const keys = ["", "a", "a/b", "a/b/", "/1/2/3/4/5/6", `/a/${long}/b`];
    const { prefixOf, table } = noted(keys);
    expect(keys.map((_, entry) => prefixOf(entry))).toEqual(["", "", "a/", "a/b/", "/1/2/3/4/", "/a/"]);
    expect(table.isComplete).toBe(true);
  });

  test("are shortened to resources past 100,000 of them, so that every key still counts for its resource", () => {
    const namespaces = Array.from({ length: 100_050 }, (_, index) => `/registry/pods/ns-${index}/pod`);
    const late = ["/registry/cert-manager.io/certificates/late/c", "/registry/secrets/late/s", "/registry/pods/ns-3/again"];
    const { prefixOf, table } = noted([...namespaces, ...late]);
    expect(table.isComplete).toBe(false);
    expect(prefixOf(5)).toBe("/registry/pods/ns-5/");
    expect([0, 1, 2].map((index) => prefixOf(namespaces.length + index))).toEqual([
      "/registry/cert-manager.io/certificates/",
      "/registry/secrets/",
      "/registry/pods/ns-3/",
    ]);
    expect(prefixOf(namespaces.length - 1)).toBe("/registry/pods/");
  });
});

test.each([
  ["/registry/pods/default/", "pods"],
  ["/registry/nodes/", "nodes"],
  ["/registry/minions/", "nodes"],
  ["/registry/services/specs/default/", "services"],
  ["/registry/services/endpoints/default/", "endpoints"],
  ["/registry/controllers/default/", "replicationcontrollers"],
  ["/registry/cert-manager.io/certificates/default/", "certificates.cert-manager.io"],
  ["/registry/apiextensions.k8s.io/customresourcedefinitions/", "customresourcedefinitions.apiextensions.k8s.io"],
  ["/kubernetes.io/secrets/kube-system/", "secrets"],
  ["/openshift.io/routes/default/", "routes"],
  ["/registry/", undefined],
  ["", undefined],
  ["/calico/resources/", undefined],
])("the resource of %j is %s", (prefix, resource) => {
  expect(resourceOf(prefix)).toBe(resource);
});

test("tallies add up by resource, most bytes first", () => {
  const tally = (prefix: string, revisions: number, bytes: number) => ({
    prefix: Buffer.from(prefix),
    revisions,
    live: 1,
    bytes,
    liveBytes: bytes - 1,
  });
  expect(groupByResource([tally("/registry/pods/a/", 2, 10), tally("x/", 1, 50), tally("/registry/pods/b/", 3, 70)])).toEqual([
    { resource: "pods", revisions: 5, live: 2, bytes: 80, liveBytes: 78 },
    { resource: undefined, revisions: 1, live: 1, bytes: 50, liveBytes: 49 },
  ]);
});
