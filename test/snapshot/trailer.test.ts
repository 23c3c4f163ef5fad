import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { SnapshotHasher } from "../../shared/snapshot/trailer.ts";

const sha256 = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** `bytes` cut at `cuts`, through a hasher that must not keep the memory it was given. */
function hashed(bytes: Uint8Array, cuts: readonly number[]): ReturnType<SnapshotHasher["finish"]> {
  const hasher = new SnapshotHasher();
  const bounds = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].toSorted((a, b) => a - b);
  for (const [index, start] of bounds.slice(0, -1).entries()) {
    const chunk = Buffer.from(bytes.subarray(start, bounds[index + 1]));
    hasher.update(chunk);
    chunk.fill(0xee);
  }
  return hasher.finish();
}

test("a snapshot with its trailer holds, in chunks of any size", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), fc.array(fc.nat(540), { maxLength: 30 }), (content, cuts) => {
      const trailer = createHash("sha256").update(content).digest();
      const bytes = Buffer.concat([content, trailer]);
      expect(hashed(bytes, cuts)).toEqual({
        bytes: bytes.length,
        sha256: sha256(bytes),
        trailer: `sha256:${trailer.toString("hex")}`,
        trailerHolds: true,
      });
    }),
  );
});

test("one flipped bit anywhere, or one byte missing anywhere, does not hold", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.nat(),
      fc.nat(7),
      fc.array(fc.nat(340), { maxLength: 10 }),
      (content, place, bit, cuts) => {
        const bytes = Buffer.concat([content, createHash("sha256").update(content).digest()]);
        const at = place % bytes.length;
        const flipped = Buffer.from(bytes);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
        expect(hashed(flipped, cuts).trailerHolds).toBe(false);
        expect(hashed(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]), cuts).trailerHolds).toBe(false);
      },
    ),
  );
});

test.each([0, 1, 31])("%i bytes are too few for a trailer", (length) => expect(hashed(Buffer.alloc(length), []).trailerHolds).toBe(false));
