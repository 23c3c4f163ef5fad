import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { combineCrc32 } from "../../../shared/store/s3/crc32.ts";

describe("the CRC-32 of a whole, from its parts", () => {
  test.each([0, 1, 7, 255, 4096, 100_003])("the second of %i bytes", (length) => {
    const [one, other] = [randomBytes(1000), randomBytes(length)];
    expect(combineCrc32(crc32(one), crc32(other), length)).toBe(crc32(Buffer.concat([one, other])));
  });

  test("lengths past 512 MiB and 4 GiB, whose powers of x repeat elsewhere", () => {
    // A GiB of zeros at a time, by zlib itself, and by doubling what was combined.
    const chunk = new Uint8Array(1 << 24);
    let byZlib = crc32(Buffer.from("a"));
    for (let count = 0; count < 33; count++) byZlib = crc32(chunk, byZlib);
    const zeros = (bytes: number): number =>
      bytes === 1 << 24 ? crc32(chunk) : combineCrc32(zeros(bytes / 2), zeros(bytes / 2), bytes / 2);
    const length = 33 * (1 << 24);
    expect(combineCrc32(crc32(Buffer.from("a")), combineCrc32(zeros(2 ** 29), crc32(chunk), 1 << 24), length)).toBe(byZlib);
    const stepwise = combineCrc32(combineCrc32(crc32(Buffer.from("a")), zeros(2 ** 32), 2 ** 32), crc32(chunk), 1 << 24);
    expect(combineCrc32(crc32(Buffer.from("a")), combineCrc32(zeros(2 ** 32), crc32(chunk), 1 << 24), 2 ** 32 + (1 << 24))).toBe(stepwise);
  });
});
