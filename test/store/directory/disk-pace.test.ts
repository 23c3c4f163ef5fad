import { expect, test } from "vitest";
import { DiskPace } from "../../../shared/store/directory/disk-pace.ts";

/** Longer than memory takes. */
function slowly(): string {
  const end = process.hrtime.bigint() + 3_000_000n;
  while (process.hrtime.bigint() < end);
  return "done";
}

test("after a call that took long, 64 are made otherwise, and then one is tried again", () => {
  const pace = new DiskPace();
  expect(pace.isQuick()).toBe(true);
  expect(pace.time(slowly)).toBe("done");
  expect(Array.from({ length: 66 }, () => pace.isQuick()).indexOf(true)).toBe(64);
});

test("a call that fails fails as it did, and counts", () => {
  const pace = new DiskPace();
  const failing = (): never => {
    slowly();
    throw new Error("EIO");
  };
  expect(() => pace.time(failing)).toThrow("EIO");
  expect(pace.isQuick()).toBe(false);
});
