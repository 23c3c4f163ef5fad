import fc from "fast-check";
import { expect, test } from "vitest";
import { combine, crc32c, crc32cOfRange, shifted } from "../../shared/snapshot/crc32c.ts";
import { wordsOf } from "../../shared/snapshot/words.ts";

test("the check value of the catalogue, and the vectors of RFC 3720", () => {
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index))).toBe(0x46dd794e);
});

test("pieces of any length give what the whole gives, going on or combined", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1000 }), fc.nat(1000), (bytes, cut) => {
      const [a, b] = [bytes.subarray(0, cut), bytes.subarray(cut)];
      const whole = crc32c(bytes);
      expect(crc32c(b, crc32c(a))).toBe(whole);
      expect(combine(crc32c(a), crc32c(b), b.length)).toBe(whole);
      expect(crc32cOfRange(wordsOf(bytes), a.length, bytes.length, crc32c(a))).toBe(whole);
    }),
  );
});

test("a run in the middle comes out of the CRCs up to its start and its end", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(600), fc.nat(600), (bytes, one, other) => {
      const start = Math.min(one, other, bytes.length);
      const end = Math.min(Math.max(one, other), bytes.length);
      const run = (crc32c(bytes.subarray(0, end)) ^ shifted(crc32c(bytes.subarray(0, start)), end - start)) >>> 0;
      expect(run).toBe(crc32c(bytes.subarray(start, end)));
    }),
  );
});

test("lengths past 2^29 bytes combine to what reading them gives", () => {
  const pattern = new Uint8Array(4 << 20);
  for (let index = 0; index < pattern.length; index++) pattern[index] = (index * 31) ^ (index >>> 9);
  const head = crc32c(Buffer.from("what came before"));
  let onward = head;
  let alone = 0;
  let length = 0;
  // 640 MiB: past 2^29, where tables that repeat too early first go wrong.
  for (let block = 0; block < 160; block++) {
    onward = crc32c(pattern, onward);
    alone = crc32c(pattern, alone);
    length += pattern.length;
    if (block === 127 || block === 128 || block === 159) expect(combine(head, alone, length)).toBe(onward);
  }
});

test("far lengths: shifting twice is shifting by the sum, and a length that is none is refused", () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.integer({ min: 0, max: 2 ** 46 }), fc.integer({ min: 0, max: 2 ** 46 }), (crc, a, b) => {
      expect(shifted(shifted(crc, a), b)).toBe(shifted(crc, a + b));
    }),
  );
  expect(() => shifted(1, 2 ** 48)).toThrow("no such length: 281474976710656");
  expect(() => shifted(1, -1)).toThrow("no such length: -1");
  expect(() => shifted(1, 1.5)).toThrow("no such length: 1.5");
});
