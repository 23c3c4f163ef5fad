import { describe, expect, test } from "vitest";
import { isDailyIn, offsetMs, slotsIn } from "../../shared/config/fleet-due.ts";
import type { Tick } from "../../shared/config/fleet-due.ts";
import { BACKUP_TICK_MS, CRON_WINDOW_MS, DAILY_TICK_MS } from "../../shared/fleet/pace.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const START = Date.parse("2026-11-21T00:00:00Z");
const NAMES = Array.from({ length: 300 }, (_, index) => `cluster-${index}`);

/** The ticks of so long, one after the other. */
function ticks(tickMs: number, ms: number): readonly Tick[] {
  return Array.from({ length: ms / tickMs }, (_, index) => ({ after: START + index * tickMs, until: START + (index + 1) * tickMs }));
}

describe("a rate", () => {
  const hourly = { schedule: { rate: HOUR_MS }, service: {} };

  test("is met once in each of its intervals, at the same minute, whatever the ticks", () => {
    for (const name of NAMES.slice(0, 8)) {
      const slots = ticks(BACKUP_TICK_MS, DAY_MS).flatMap((tick) => slotsIn(name, hourly, tick));
      expect(slots).toHaveLength(24);
      expect(new Set(slots.map((slot) => slot.getTime() % HOUR_MS))).toEqual(new Set([offsetMs(name, HOUR_MS)]));
      expect(slotsIn(name, hourly, { after: START, until: START + DAY_MS })).toEqual(slots);
    }
  });

  test("spreads many clusters over its ticks evenly, or over the window that is asked for", () => {
    const counts = (service: object): readonly number[] =>
      ticks(BACKUP_TICK_MS, HOUR_MS).map((tick) => NAMES.filter((name) => slotsIn(name, { ...hourly, service }, tick).length > 0).length);
    for (const count of counts({})) {
      expect(count).toBeGreaterThan(10);
      expect(count).toBeLessThan(45);
    }
    const narrow = counts({ flexibleWindow: 10 * 60_000 });
    // The start at the full hour is in the tick that ends with it.
    expect(narrow.filter((count) => count > 0)).toHaveLength(3);
    expect(narrow.reduce((sum, each) => sum + each, 0)).toBe(NAMES.length);
  });

  test("starts no earlier than its slot: the slot is the start", () => {
    for (const tick of ticks(BACKUP_TICK_MS, HOUR_MS))
      for (const slot of slotsIn("prod", hourly, tick)) {
        expect(slot.getTime()).toBeGreaterThan(tick.after);
        expect(slot.getTime()).toBeLessThanOrEqual(tick.until);
      }
  });
});

describe("a cron line", () => {
  const nightly = { schedule: { cron: "0 2 * * *", timeZone: "Europe/Berlin" }, service: {} };

  test("keeps its time as the slot, as EventBridge Scheduler does, and starts within the window after it", () => {
    for (const name of NAMES.slice(0, 8)) {
      const found = ticks(BACKUP_TICK_MS, DAY_MS).flatMap((tick) => slotsIn(name, nightly, tick).map((slot) => ({ slot, tick })));
      expect(found.map(({ slot }) => slot.toISOString())).toEqual(["2026-11-21T01:00:00.000Z"]);
      const late = (found[0]?.tick.until ?? 0) - Date.parse("2026-11-21T01:00:00Z");
      expect(late).toBeGreaterThanOrEqual(0);
      expect(late).toBeLessThanOrEqual(CRON_WINDOW_MS + BACKUP_TICK_MS);
    }
  });

  test("is as exact as the ticks with a window of none", () => {
    const exact = { ...nightly, service: { flexibleWindow: 0 } };
    expect(slotsIn("prod", exact, { after: Date.parse("2026-11-21T00:55:00Z"), until: Date.parse("2026-11-21T01:00:00Z") })).toHaveLength(
      1,
    );
    expect(slotsIn("prod", exact, { after: Date.parse("2026-11-21T01:00:00Z"), until: Date.parse("2026-11-21T01:05:00Z") })).toEqual([]);
  });
});

test("what is daily comes once a day, at some hour of each cluster's own", () => {
  const hours = NAMES.map((name) => ticks(DAILY_TICK_MS, DAY_MS).filter((tick) => isDailyIn(name, tick)).length);
  expect(new Set(hours)).toEqual(new Set([1]));
  const busiest = Math.max(...ticks(DAILY_TICK_MS, DAY_MS).map((tick) => NAMES.filter((name) => isDailyIn(name, tick)).length));
  expect(busiest).toBeLessThan(30);
});

test("a cluster's part of the window is whole minutes within it, and the same each time", () => {
  for (const name of NAMES.slice(0, 100)) {
    const offset = offsetMs(name, HOUR_MS);
    expect(offset % 60_000).toBe(0);
    expect(offset).toBeLessThan(HOUR_MS);
    expect(offsetMs(name, HOUR_MS)).toBe(offset);
  }
  expect(offsetMs("prod", 0)).toBe(0);
  expect(offsetMs("prod", 60_000)).toBe(0);
});
