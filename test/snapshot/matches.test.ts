import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EntryTable } from "../../shared/snapshot/entry-table.ts";
import { KeyValueReader } from "../../shared/snapshot/key-value.ts";
import type { NewestMatches } from "../../shared/snapshot/newest-matches.ts";
import { MatchTable } from "../../shared/snapshot/match-table.ts";
import type { EntryFilter } from "../../shared/snapshot/match-table.ts";
import { readEntries } from "../../shared/snapshot/read-page.ts";
import { UserKeyTable } from "../../shared/snapshot/user-key-table.ts";
import { boltFile, keyValue, revisionKey } from "./support/bolt-file.ts";
import type { BoltOptions, Entry } from "./support/bolt-file.ts";
import { wholeScan } from "./support/scanned.ts";

interface Change {
  readonly key: Uint8Array;
  readonly isDelete: boolean;
  readonly value: Uint8Array;
}

const changes = fc.array(
  fc.record({
    key: fc.constantFrom("a", "a/b", "a/c", "b", "\u0000", "b/\u001b[2J").map((name) => Buffer.from(name)),
    isDelete: fc.boolean(),
    value: fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constant(new Uint8Array(9000).fill(7))),
  }),
  { minLength: 1, maxLength: 30 },
);

/** Change n is revision n + 2. */
function entriesOf(list: readonly Change[]): Entry[] {
  return list.map(({ key, isDelete, value }, index) => ({
    key: revisionKey(index + 2, 0, isDelete),
    value: isDelete ? keyValue(key) : keyValue(key, value),
  }));
}

interface Found {
  readonly key: string;
  readonly value: string;
  readonly valueBytes: number;
  readonly revision: number;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** What is there at the end, change by change. */
function plainly(list: readonly Change[], isWanted: (key: Uint8Array) => boolean, valueBytes: number): Found[] {
  const alive = new Map<string, Found>();
  for (const [index, { key, isDelete, value }] of list.entries()) {
    if (isDelete) alive.delete(hex(key));
    else if (isWanted(key))
      alive.set(hex(key), { key: hex(key), value: hex(value.slice(0, valueBytes)), valueBytes: value.length, revision: index + 2 });
  }
  return [...alive.values()].toSorted((a, b) => Buffer.compare(Buffer.from(a.key, "hex"), Buffer.from(b.key, "hex")));
}

function matchesOf(bytes: Uint8Array, filter: EntryFilter, sizes?: readonly number[]): NewestMatches {
  const { matches } = wholeScan(bytes, sizes, { filter });
  if (matches === undefined) throw new Error("nothing was looked for");
  return matches;
}

function kept(matches: NewestMatches): Found[] {
  return Array.from(matches.inOrder(), ({ key, value, valueBytes, revision }) => ({
    key: hex(key),
    value: hex(value),
    valueBytes,
    revision,
  }));
}

/** The same by reading the snapshot again. */
function readAgain(file: Uint8Array, matches: NewestMatches): Found[] {
  const found: Found[] = [];
  let end = 0;
  for (const { at, length, pages } of matches.spans()) {
    expect(at).toBeGreaterThanOrEqual(end);
    end = at + length;
    for (const page of pages) {
      const entries = readEntries(file.subarray(at + page.offset, at + page.offset + page.length), page.crc, page.indexes);
      if (entries === undefined) throw new Error("the page is another one");
      for (const { key, value, revision, isTombstone } of entries) {
        expect(isTombstone).toBe(false);
        found.push({ key: hex(key), value: hex(value), valueBytes: value.length, revision });
      }
    }
  }
  return found.toSorted((a, b) => Buffer.compare(Buffer.from(a.key, "hex"), Buffer.from(b.key, "hex")));
}

const everything: EntryFilter = { matches: () => true, valueBytes: Infinity };
const beginsWithA: EntryFilter["matches"] = (bytes, start, end) => end > start && bytes[start] === 0x61;

/** A leaf of `entries` as a page that nothing names: what an older transaction left. */
function stalePage(entries: readonly Entry[]): Uint8Array {
  const { bytes, leaves } = boltFile(entries, { perLeaf: entries.length });
  const at = (leaves[0] ?? 0) * 4096;
  return bytes.subarray(at, at + 4096);
}

describe("the live entries that a filter matched", () => {
  test("are those that are there at the end, whatever the order of pages, of chunks, and what an older transaction left", () => {
    fc.assert(
      fc.property(
        changes,
        fc.integer({ min: 1, max: 4 }),
        fc.boolean(),
        fc.nat(20),
        fc.integer({ min: 1, max: 9000 }),
        (list, perLeaf, isBackwards, valueBytes, size) => {
          const entries = entriesOf(list);
          // The number of the page that it will be: only then is it looked at.
          const stale = stalePage([{ key: revisionKey(99), value: keyValue(Buffer.from("a"), Buffer.from("stale")) }]);
          const options: BoltOptions = { perLeaf, isBackwards, stale: [stale] };
          const { bytes } = boltFile(entries, options);
          bytes.writeBigUInt64LE(4n, 4 * 4096);
          expect(kept(matchesOf(bytes, everything, [size]))).toEqual(plainly(list, () => true, Infinity));
          const some = matchesOf(bytes, { matches: beginsWithA, valueBytes });
          expect(kept(some)).toEqual(plainly(list, (key) => key[0] === 0x61, valueBytes));
          expect(readAgain(bytes, some)).toEqual(plainly(list, (key) => key[0] === 0x61, Infinity));
        },
      ),
      { numRuns: 60 },
    );
  });

  test("past what they may take nothing of them is kept, and the same ones are read again", () => {
    fc.assert(
      fc.property(changes, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 2000 }), (list, perLeaf, keptBytes) => {
        const { bytes } = boltFile(entriesOf(list), { perLeaf });
        const matches = matchesOf(bytes, { ...everything, keptBytes });
        const expected = plainly(list, () => true, Infinity);
        expect(matches.entries).toHaveLength(expected.length);
        expect(kept(matches)).toEqual(matches.isCut ? [] : expected);
        expect(readAgain(bytes, matches)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });
});

test("user keys whose hashes collide are told apart by the keys themselves, as long as these are kept", () => {
  const entries = new EntryTable(1);
  const messages = ["one", "two", "one"].map((name) => keyValue(Buffer.from(name), Buffer.from("v")));
  const slotsWith = (filter: EntryFilter): number[] => {
    const matches = new MatchTable(filter);
    const message = new KeyValueReader();
    for (const [entry, bytes] of messages.entries()) {
      message.read(bytes, 0, bytes.length);
      matches.note(entry, bytes, message);
    }
    const table = new UserKeyTable(entries, 3, (a, b) => matches.isSameKey(a, b));
    return messages.map((_, entry) => {
      const slot = table.slotOf(entry);
      table.put(slot, entry);
      return slot;
    });
  };
  const [one, two, again] = slotsWith(everything);
  expect(two).not.toBe(one);
  expect(again).toBe(one);
  const isTwo: EntryFilter["matches"] = (bytes, start) => bytes[start] === 0x74;
  // Of those that were not looked for nothing is known; that it is not one of the others is.
  expect(slotsWith({ ...everything, matches: isTwo })).toEqual([one, two, one]);
  expect(slotsWith({ ...everything, keptBytes: 1 })).toEqual([one, one, one]);
});
