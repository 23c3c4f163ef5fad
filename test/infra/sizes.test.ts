import { describe, expect, test } from "vitest";
import { alarmWindow } from "../../infra/alarm-window.ts";
import { LARGEST_DATABASE_BYTES, sizesFor } from "../../infra/sizes.ts";

const GIB = 2 ** 30;
const DAY_MS = 86_400_000;

describe("sizes", () => {
  test("of etcd's default quota: one core, and three minutes", () => {
    expect(sizesFor(2 * GIB, 40)).toEqual({ kind: "function", memoryMiB: 1769, storageMiB: 512, seconds: 172, startSeconds: 0 });
  });

  test("of the largest database that etcd recommends: two cores", () => {
    expect(sizesFor(8 * GIB, 40)).toEqual({ kind: "function", memoryMiB: 3538, storageMiB: 512, seconds: 507, startSeconds: 0 });
  });

  test("what does not fit into 15 minutes, for its size or its link, is a task", () => {
    expect(sizesFor(15 * GIB, 40)).toMatchObject({ kind: "function", seconds: 898 });
    expect(sizesFor(16 * GIB, 40)).toEqual({ kind: "task", cpu: 2048, memoryMiB: 4096, seconds: 954, startSeconds: 300 });
    expect(sizesFor(8 * GIB, 10)).toMatchObject({ kind: "task", seconds: 1796 });
  });

  test("a task's memory is one that Fargate offers, up to the largest database", () => {
    for (let bytes = 16 * GIB; bytes <= LARGEST_DATABASE_BYTES; bytes += GIB) {
      const { memoryMiB } = sizesFor(bytes, 40);
      expect(memoryMiB % 1024).toBe(0);
      expect(memoryMiB).toBeGreaterThanOrEqual(4096);
      expect(memoryMiB).toBeLessThanOrEqual(16_384);
    }
  });

  test("memory holds what was measured at 1,646 MB, 277 MB", () => {
    expect(sizesFor(1.646e9, 40).memoryMiB * 2 ** 20).toBeGreaterThan(277e6);
  });
});

describe("an alarm's window", () => {
  test.each([
    [60_000, { periodSeconds: 300, periods: 1 }],
    [83 * 60_000, { periodSeconds: 300, periods: 17 }],
    [DAY_MS, { periodSeconds: 300, periods: 288 }],
    [DAY_MS + 1, { periodSeconds: 3600, periods: 25 }],
    [7 * DAY_MS, { periodSeconds: 3600, periods: 168 }],
    [7 * DAY_MS + 1, undefined],
  ])("of %d ms", (ms, expected) => expect(alarmWindow(ms)).toEqual(expected));

  test("covers what was asked for within what CloudWatch takes, and no period too many", () => {
    for (let ms = 60_000; ms <= 7 * DAY_MS; ms += 1_234_567) {
      const window = alarmWindow(ms);
      if (window === undefined) throw new Error(`no window for ${ms} ms`);
      const seconds = window.periodSeconds * window.periods;
      expect(seconds * 1000).toBeGreaterThanOrEqual(ms);
      expect((window.periods - 1) * window.periodSeconds * 1000).toBeLessThan(ms);
      expect(seconds).toBeLessThanOrEqual(window.periodSeconds < 3600 ? 86_400 : 604_800);
    }
  });
});
