import fc from "fast-check";
import { expect, test } from "vitest";
import { compareIds, idOfSlot, parseId, parseUtc } from "../../shared/documents/slot.ts";

test("an id is its slot to the second, with an ordinal from 2", () => {
  const slot = new Date("2026-11-21T10:00:07.900Z");
  expect(idOfSlot(slot)).toBe("20261121T100007Z");
  expect(idOfSlot(slot, 2)).toBe("20261121T100007Z-2");
});

test("every slot and ordinal comes back from its id", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_102_444_800 }), fc.integer({ min: 1, max: 9999 }), (seconds, ordinal) => {
      const slot = new Date(seconds * 1000);
      expect(parseId(idOfSlot(slot, ordinal))).toEqual({ slot, ordinal });
    }),
  );
});

test.each([
  "",
  "latest",
  "20261121",
  "20261121T100000",
  "20261321T100000Z",
  "20260231T100000Z",
  "20261121T250000Z",
  "20261121T100000Z-1",
  "20261121T100000Z-01",
  "20261121T100000Z-10000",
  " 20261121T100000Z",
])("%j is no id", (text) => expect(parseId(text)).toBeUndefined());

test("ids sort by time, then by number and not as text", () => {
  const ids = ["20261121T100000Z-10", "20261121T100001Z", "20261121T100000Z", "20261121T100000Z-9", "20251231T235959Z"];
  expect(ids.toSorted(compareIds)).toEqual([
    "20251231T235959Z",
    "20261121T100000Z",
    "20261121T100000Z-9",
    "20261121T100000Z-10",
    "20261121T100001Z",
  ]);
});

test.each([
  ["2026-11-21T10:00:00Z", "2026-11-21T10:00:00.000Z"],
  ["2026-11-21T10:00Z", "2026-11-21T10:00:00.000Z"],
  ["2026-11-21", "2026-11-21T00:00:00.000Z"],
  ["20261121T100000Z", "2026-11-21T10:00:00.000Z"],
  ["2026-11-21T10:00:00.123Z", "2026-11-21T10:00:00.000Z"],
])("%s is a time", (text, iso) => expect(parseUtc(text)?.toISOString()).toBe(iso));

test.each(["yesterday", "2026-11-21T10:00:00", "2026-11-21T10:00:00+01:00", "2026-02-30", "2026-11-21 10:00:00Z", "20261121T100000Z-2"])(
  "%j is no UTC time",
  (text) => expect(parseUtc(text)).toBeUndefined(),
);
