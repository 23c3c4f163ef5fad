import { expect, test } from "vitest";
import { MAX_OBJECT_BYTES, MAX_PARTS, partBytes, partsInFlight } from "../../../shared/store/s3/part-plan.ts";
import { DEFAULT_PACE } from "../../../shared/store/s3/settings.ts";

const MIB = 1024 * 1024;
const { partBytes: first, inFlight } = DEFAULT_PACE;
const numbers = Array.from({ length: MAX_PARTS }, (_, index) => index + 1);

test("10,000 parts hold 5 TiB, each between the 5 MiB and 5 GiB that S3 takes, none smaller than the one before", () => {
  const sizes = numbers.map((number) => partBytes(number, first));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThanOrEqual(MAX_OBJECT_BYTES);
  expect(Math.min(...sizes)).toBeGreaterThanOrEqual(5 * MIB);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(5 * 1024 * MIB);
  expect(sizes).toEqual(sizes.toSorted((one, other) => one - other));
});

test("memory is 25 MiB for the first 4.8 GiB, and two parts from 20 MiB parts on", () => {
  const held = numbers.map((number) => (partsInFlight(number, first, inFlight) + 1) * partBytes(number, first));
  expect(new Set(held.slice(0, 1000))).toEqual(new Set([25 * MIB]));
  expect(held[1000]).toBe(30 * MIB);
  expect(held.slice(2000)).toEqual(numbers.slice(2000).map((number) => 2 * partBytes(number, first)));
});
