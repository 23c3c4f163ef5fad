import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { differenceOf, stateOf } from "../../../shared/jobs/look/diff.ts";
import type { Difference } from "../../../shared/jobs/look/diff.ts";
import { everyKey, keyBeginsWith } from "../../../shared/snapshot/key-tests.ts";
import type { KeyTest } from "../../../shared/snapshot/key-tests.ts";
import { RecordedProgress } from "../../doubles/recorded-progress.ts";
import { boltFile, keyValue, revisionKey } from "../../snapshot/support/bolt-file.ts";
import { BytesInput } from "../../support/bytes-input.ts";
import { asSent } from "../../support/snapshots.ts";

interface Step {
  readonly key: string;
  readonly value: string | undefined;
}

const step = fc.record({
  key: fc.constantFrom("a", "b", "c/1", "c/2", "c/3", "\u0000", "zz"),
  value: fc.option(fc.constantFrom("1", "2", "3", "x".repeat(5000)), { nil: undefined }),
});

interface State {
  readonly value: string;
  readonly revision: number;
}

/** What is there after `steps`; step n is revision n + 2. */
function stateAfter(steps: readonly Step[]): ReadonlyMap<string, State> {
  const state = new Map<string, State>();
  for (const [index, { key, value }] of steps.entries()) {
    if (value === undefined) state.delete(key);
    else state.set(key, { value, revision: index + 2 });
  }
  return state;
}

function snapshotOf(steps: readonly Step[], name: string, perLeaf: number): BytesInput {
  const entries = steps.map(({ key, value }, index) => ({
    key: revisionKey(index + 2, 0, value === undefined),
    value: value === undefined ? keyValue(Buffer.from(key)) : keyValue(Buffer.from(key), Buffer.from(value)),
  }));
  return new BytesInput(name, asSent(boltFile(entries, { perLeaf }).bytes));
}

type Row = readonly [kind: string, key: string, before: number | undefined, after: number | undefined];

function plainly(before: ReadonlyMap<string, State>, after: ReadonlyMap<string, State>): Row[] {
  const keys = [...new Set([...before.keys(), ...after.keys()])].toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return keys.flatMap((key): Row[] => {
    const [was, is] = [before.get(key), after.get(key)];
    if (was?.revision === is?.revision && was?.value === is?.value) return [];
    const kind = was === undefined ? "added" : is === undefined ? "removed" : was.value === is.value ? "rewritten" : "changed";
    return [[kind, key, was?.revision, is?.revision]];
  });
}

async function differences(
  before: BytesInput,
  after: BytesInput,
  isWanted: KeyTest = everyKey,
  keptBytes?: number,
): Promise<{ difference: Difference; rows: Row[]; deletedAt: Map<string, number | undefined> }> {
  const ports = { progress: new RecordedProgress(), signal: new AbortController().signal };
  const request = { isWanted, ...(keptBytes !== undefined && { keptBytes }) };
  const difference = differenceOf(await stateOf(before, request, ports), await stateOf(after, request, ports), ports);
  const rows: Row[] = [];
  const deletedAt = new Map<string, number | undefined>();
  for await (const { kind, key, before: was, after: is, deletedAt: at } of difference.changes) {
    const text = Buffer.from(key).toString();
    rows.push([kind, text, was, is]);
    if (kind === "removed") deletedAt.set(text, at);
    else expect(at).toBeUndefined();
  }
  return { difference, rows, deletedAt };
}

const byKey = (rows: readonly Row[]): Row[] => rows.toSorted(([, a], [, b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

describe("the difference of two snapshots", () => {
  test("is that of the keys that are there, in their order, whatever the pages", () => {
    return fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 12 }),
        fc.array(step, { maxLength: 12 }),
        fc.integer({ min: 1, max: 4 }),
        fc.option(fc.integer({ min: 0, max: 300 }), { nil: undefined }),
        async (first, more, perLeaf, keptBytes) => {
          const [was, is] = [stateAfter(first), stateAfter([...first, ...more])];
          const before = snapshotOf(first, "before", perLeaf);
          const after = snapshotOf([...first, ...more], "after", 5 - perLeaf);
          const { difference, rows, deletedAt } = await differences(before, after, everyKey, keptBytes);
          const expected = plainly(was, is);
          expect(difference.isKept ? rows : byKey(rows)).toEqual(expected);
          const count = (kind: string): number => expected.filter(([each]) => each === kind).length;
          expect(difference.counts).toEqual({
            added: count("added"),
            removed: count("removed"),
            changed: count("changed"),
            rewritten: count("rewritten"),
            same: is.size - count("added") - count("changed") - count("rewritten"),
          });
          const steps = [...first, ...more];
          for (const [key, at] of deletedAt) expect(at).toBe(steps.findLastIndex((each) => each.key === key) + 2);
          // The way back.
          const back = await differences(after, before, everyKey, keptBytes);
          expect(byKey(back.rows)).toEqual(plainly(is, was));
        },
      ),
      { numRuns: 40 },
    );
  });

  test("tells another history by its values, where keys were written at the same revisions", async () => {
    const before = snapshotOf(
      [
        { key: "a", value: "1" },
        { key: "b", value: "same" },
      ],
      "before",
      3,
    );
    const after = snapshotOf(
      [
        { key: "a", value: "2" },
        { key: "b", value: "same" },
      ],
      "after",
      3,
    );
    expect((await differences(before, after)).rows).toEqual([["changed", "a", 2, 2]]);
  });

  test("is that of the keys that are asked for", async () => {
    const before = snapshotOf(
      [
        { key: "c/1", value: "1" },
        { key: "b", value: "1" },
      ],
      "before",
      3,
    );
    const after = snapshotOf(
      [
        { key: "c/2", value: "1" },
        { key: "d", value: "1" },
      ],
      "after",
      3,
    );
    const { rows, deletedAt } = await differences(before, after, keyBeginsWith(Buffer.from("c/")));
    expect(rows).toEqual([
      ["removed", "c/1", 2, undefined],
      ["added", "c/2", undefined, 2],
    ]);
    // The later one never had it, or knows of it no more.
    expect(deletedAt).toEqual(new Map([["c/1", undefined]]));
  });
});
