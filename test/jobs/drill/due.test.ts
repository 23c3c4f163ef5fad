import { expect, test } from "vitest";
import { dueDrills } from "../../../shared/jobs/drill/due.ts";
import type { DrillState } from "../../../shared/jobs/drill/due.ts";

const [HOUR, DAY] = [3_600_000, 86_400_000];
const NOW = Date.UTC(2026, 10, 21, 10);

function cluster(name: string, everyMs: number | undefined, agoMs?: number, ok = true): DrillState {
  const last = agoMs === undefined ? undefined : { id: "x", at: NOW - agoMs, ok, reason: undefined, tookMs: 1, steps: [] };
  return { cluster: name, everyMs, last };
}

test("a drill is due when its time has passed, and never where nobody asks for drills", () => {
  const states = [cluster("due", 7 * DAY, 7 * DAY), cluster("early", 7 * DAY, 7 * DAY - 1), cluster("unasked", undefined)];
  expect(dueDrills(states, NOW)).toEqual(["due"]);
});

test("those never drilled come first, then by how long they wait", () => {
  const states = [cluster("late", DAY, 2 * DAY), cluster("later", 7 * DAY, 9 * DAY), cluster("z", DAY), cluster("never", 30 * DAY)];
  expect(dueDrills(states, NOW)).toEqual(["never", "z", "later", "late"]);
});

test("one that failed is tried again after a day, or sooner where drills are more frequent", () => {
  const failed = (everyMs: number, agoMs: number): readonly string[] => dueDrills([cluster("a", everyMs, agoMs, false)], NOW);
  expect(failed(7 * DAY, DAY - 1)).toEqual([]);
  expect(failed(7 * DAY, DAY)).toEqual(["a"]);
  expect(failed(HOUR, HOUR)).toEqual(["a"]);
});
