import { expect, test } from "vitest";
import { readMemory, remembered, toTell, writeMemory } from "../../../shared/jobs/audit/watch.ts";
import type { Watched, WatchMemory } from "../../../shared/jobs/audit/watch.ts";
import { systemClock } from "../../../shared/system-clock.ts";
import { MemoryBlobStore } from "../../doubles/memory-blob-store.ts";

const NOW = new Date("2026-11-29T12:00:00Z");
const HOUR_MS = 3_600_000;
const NOTHING: WatchMemory = { firstSeen: {}, told: {} };

const watched = (cluster: string, isMissed: boolean): Watched => ({ cluster, isMissed, takenAt: undefined, problems: [] });
const before = (hours: number): string => new Date(NOW.getTime() - hours * HOUR_MS).toISOString();

test("a missed cluster is told once, again after a day, and once more when it is over", () => {
  const states = (isMissed: boolean, told: WatchMemory["told"]): readonly string[] =>
    toTell([watched("a", isMissed), watched("b", false)], { firstSeen: {}, told }, NOW).map(({ cluster, state }) => `${cluster} ${state}`);
  expect(states(true, {})).toEqual(["a missed"]);
  expect(states(true, { a: before(1) })).toEqual([]);
  expect(states(true, { a: before(24) })).toEqual(["a missed"]);
  expect(states(false, { a: before(1) })).toEqual(["a recovered"]);
  expect(states(false, {})).toEqual([]);
});

test("what was told is remembered, and nothing of a cluster that is listed no more", () => {
  const first = remembered(NOTHING, ["a", "b"], [{ cluster: "a", state: "missed" }], NOW);
  const time = NOW.toISOString();
  expect(first).toEqual({ firstSeen: { a: time, b: time }, told: { a: time } });
  const later = new Date(NOW.getTime() + HOUR_MS);
  expect(remembered(first, ["a", "c"], [], later)).toEqual({ firstSeen: { a: time, c: later.toISOString() }, told: { a: time } });
  expect(remembered(first, ["a"], [{ cluster: "a", state: "recovered" }], later).told).toEqual({});
});

test("the memory comes back as it was put, and is empty where something else stands", async () => {
  const blobs = new MemoryBlobStore(systemClock);
  expect(await readMemory(blobs)).toEqual(NOTHING);
  const memory = remembered(NOTHING, ["a"], [{ cluster: "a", state: "missed" }], NOW);
  await writeMemory(blobs, memory);
  expect(await readMemory(blobs)).toEqual(memory);
  for (const text of ["{", '{"told": 3}']) expect(await readMemory(await withText(text))).toEqual(NOTHING);
});

async function withText(text: string): Promise<MemoryBlobStore> {
  const blobs = new MemoryBlobStore(systemClock);
  await blobs.put(
    "report/watch.json",
    (async function* () {
      yield Buffer.from(text);
    })(),
  );
  return blobs;
}
