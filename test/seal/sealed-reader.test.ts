import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isLifeboatError } from "../../shared/errors.ts";
import { encryptSmall, newIdentity } from "../../shared/seal/age.ts";
import { AgeReader } from "../../shared/seal/age-reader.ts";
import type { RangeSource } from "../../shared/seal/age-reader.ts";
import { seal } from "../../shared/seal/seal.ts";
import { SealedReader } from "../../shared/seal/sealed-reader.ts";
import { compressFrames } from "../../shared/seal/zstd-frames.ts";
import { saying } from "../support/matchers.ts";
import { inBlocks } from "../support/in-blocks.ts";
import { inChunksOf, noise, whole } from "./streams.ts";

const key = await newIdentity();
const CHUNK = 64 * 1024;

/** `file` as a store has it, and what was read of it. */
function stored(file: Uint8Array): RangeSource & { moved: number; reads: number } {
  return {
    bytes: file.length,
    moved: 0,
    reads: 0,
    // oxlint-disable-next-line require-await -- as a store's is
    async read(start, end) {
      if (start < 0 || end > file.length || start > end) throw new RangeError(`${start} to ${end} of ${file.length}`);
      this.moved += end - start;
      this.reads += 1;
      return Uint8Array.from(file.subarray(start, end));
    },
  };
}

function refusal(code: string, message: string): object {
  return { code, message: saying(message) };
}

function altered(file: Uint8Array, at: number): Buffer {
  const other = Buffer.from(file);
  other[at] = (other[at] ?? 0) ^ 1;
  return other;
}

const sealed = (plain: Uint8Array, blockBytes: number): Promise<Buffer> =>
  whole(seal(inBlocks(inChunksOf(plain, 50_000), blockBytes), [key.recipient]));

async function open(file: Uint8Array): Promise<SealedReader> {
  const reader = await SealedReader.open(stored(file), [key.identity]);
  if (reader === undefined) throw new Error("it has no table of frames");
  return reader;
}

const rangeIn = (bytes: number): fc.Arbitrary<readonly [number, number]> =>
  fc
    .tuple(fc.integer({ min: 0, max: bytes }), fc.integer({ min: 0, max: bytes }))
    .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

describe("an age file here and there", () => {
  test.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 5 * CHUNK + 77])(
    "of %i bytes: any range is what was encrypted",
    async (bytes) => {
      const plain = noise(bytes, 3);
      const source = stored(await encryptSmall([key.recipient], plain));
      const reader = await AgeReader.open(source, [key.identity]);
      expect(reader.bytes).toBe(bytes);
      await fc.assert(
        fc.asyncProperty(rangeIn(bytes), async ([start, end]) => {
          source.moved = 0;
          expect(Buffer.from(await reader.read(start, end)).equals(plain.subarray(start, end))).toBe(true);
          // The chunks that cover it, and no others.
          expect(source.moved).toBeLessThanOrEqual((Math.floor(end / CHUNK) - Math.floor(start / CHUNK) + 1) * (CHUNK + 16));
        }),
        { numRuns: 40 },
      );
      await expect(reader.read(0, bytes + 1)).rejects.toThrow(RangeError);
    },
  );

  test("a header longer than what is read first", async () => {
    const others = await Promise.all(Array.from({ length: 60 }, async () => (await newIdentity()).recipient));
    const plain = noise(4 * CHUNK);
    const reader = await AgeReader.open(stored(await encryptSmall([...others, key.recipient], plain)), [key.identity]);
    expect(Buffer.from(await reader.read(100, 200)).equals(plain.subarray(100, 200))).toBe(true);
  });

  test("chunks that changed places, and an end that is not the end, are refused", async () => {
    const file = Buffer.from(await encryptSmall([key.recipient], noise(4 * CHUNK)));
    const start = file.length - 4 * (CHUNK + 16);
    const chunk = (index: number): Buffer => file.subarray(start + index * (CHUNK + 16), start + (index + 1) * (CHUNK + 16));
    const swapped = Buffer.concat([file.subarray(0, start), chunk(1), chunk(0), chunk(2), chunk(3)]);
    const reader = await AgeReader.open(stored(swapped), [key.identity]);
    await expect(reader.read(0, 10)).rejects.toMatchObject(refusal("verify/sealed", "chunk 1 of the age file was altered, moved or cut"));
    await expect(AgeReader.open(stored(file.subarray(0, start + 3 * (CHUNK + 16))), [key.identity])).rejects.toMatchObject(
      refusal("verify/sealed", "chunk 3 of the age file is not the last one, yet nothing follows it: the file was cut"),
    );
    await expect(AgeReader.open(stored(Buffer.concat([file, chunk(3)])), [key.identity])).rejects.toMatchObject(
      refusal("verify/sealed", "chunk 5 of the age file was altered, moved or cut"),
    );
    await expect(AgeReader.open(stored(file.subarray(0, start + 3 * (CHUNK + 16) + 16)), [key.identity])).rejects.toMatchObject(
      refusal("verify/sealed", "chunk 4 of the age file is an empty last chunk after others, which age does not allow"),
    );
    await expect(AgeReader.open(stored(Buffer.alloc(0)), [key.identity])).rejects.toMatchObject(
      refusal("verify/sealed", "the age file is empty"),
    );
    const stranger = await newIdentity();
    await expect(AgeReader.open(stored(file), [stranger.identity])).rejects.toMatchObject(
      refusal("keys/no-match", "is encrypted to none of the 1"),
    );
  });
});

describe("a sealed snapshot here and there", () => {
  test("any range is what was sealed, whatever the blocks", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 400_000 }),
        fc.integer({ min: 3_000, max: 150_000 }),
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })), {
          minLength: 3,
          maxLength: 8,
        }),
        async (bytes, blockBytes, places) => {
          const plain = Buffer.concat([noise(bytes >>> 1, bytes), Buffer.alloc(bytes - (bytes >>> 1), "/registry/pods/default/")]);
          const reader = await open(await sealed(plain, blockBytes));
          expect(reader.bytes).toBe(bytes);
          expect(reader.frames).toBe(Math.max(1, Math.ceil(bytes / blockBytes)));
          for (const [from, share] of places) {
            const at = Math.floor(from * bytes);
            const length = Math.floor(share * (bytes - at));
            expect(Buffer.from(await reader.readAt(at, length)).equals(plain.subarray(at, at + length))).toBe(true);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test("a page moves its frame alone, and once", async () => {
    const plain = noise(3_000_000);
    const source = stored(await sealed(plain, 100_000));
    const reader = await SealedReader.open(source, [key.identity]);
    // Both ends of the file, read at once.
    expect([source.reads, source.moved]).toEqual([2, 4096 + 2 * (CHUNK + 16)]);
    source.moved = 0;
    for (let turn = 0; turn < 3; turn++)
      expect(Buffer.from(await reader!.readAt(1_234_000, 4096)).equals(plain.subarray(1_234_000, 1_238_096))).toBe(true);
    expect(source.reads).toBe(3);
    expect(source.moved).toBeLessThanOrEqual(100_100 + 2 * (CHUNK + 16));
    await expect(reader!.readAt(2_999_999, 2)).rejects.toMatchObject(
      refusal("verify/size", "bytes 2999999 to 3000001 are not within the 3000000 that were sealed"),
    );
  });

  test("what was altered is refused where it lies, and the rest can be read", async () => {
    const plain = noise(1_000_000);
    const file = await sealed(plain, 100_000);
    const reader = await open(altered(file, 500_000));
    await expect(reader.readAt(499_000, 2000)).rejects.toMatchObject(
      refusal("verify/sealed", "chunk 8 of the age file was altered, moved or cut"),
    );
    expect(Buffer.from(await reader.readAt(900_000, 50_000)).equals(plain.subarray(900_000, 950_000))).toBe(true);
  });

  test("frames that somebody else sealed are refused by their digests", async () => {
    const [plain, other] = [noise(300_000, 1), noise(300_000, 2)];
    const digests: Buffer[] = [];
    for await (const frame of compressFrames(inBlocks(inChunksOf(plain, 50_000), 100_000)))
      digests.push(createHash("sha256").update(frame).digest());
    const told = Buffer.concat(digests.slice(0, -1));
    const reader = await open(await sealed(plain, 100_000));
    reader.requireDigests(told);
    expect(Buffer.from(await reader.readAt(150_000, 100)).equals(plain.subarray(150_000, 150_100))).toBe(true);
    const forged = await open(await sealed(other, 100_000));
    forged.requireDigests(told);
    await expect(forged.readAt(150_000, 100)).rejects.toMatchObject(
      refusal("verify/sealed", "zstd frame 2 of the compressed data is another one than was verified"),
    );
    expect(() => reader.requireDigests(told.subarray(32))).toThrow("there are 3 zstd frames, and digests of 2");
  });
});

describe("the table of frames", () => {
  const age = async (plain: Uint8Array): Promise<RangeSource> => stored(await encryptSmall([key.recipient], plain));
  const frames = async (): Promise<Buffer> => whole(compressFrames(inBlocks(inChunksOf(noise(10_000), 5000), 5000)));

  test("where there is none, as older versions wrote, nothing is opened here and there", async () => {
    const all = await frames();
    for (const plain of [all.subarray(0, -(8 + 2 * 8 + 9)), Buffer.alloc(3), Buffer.alloc(0)])
      expect(await SealedReader.open(await age(plain), [key.identity])).toBeUndefined();
  });

  test("one with checksums, as zstd's own programs write, serves as well", async () => {
    const all = await frames();
    const table = all.subarray(-(8 + 2 * 8 + 9));
    const longer = Buffer.concat([
      table.subarray(0, 16),
      Buffer.alloc(4, 1),
      table.subarray(16, 24),
      Buffer.alloc(4, 2),
      table.subarray(24, 28),
      Buffer.from([0x80]),
      table.subarray(29),
    ]);
    longer.writeUInt32LE(longer.length - 8, 4);
    const reader = await SealedReader.open(await age(Buffer.concat([all.subarray(0, -table.length), longer])), [key.identity]);
    expect(Buffer.from(await reader!.readAt(4000, 2000)).equals(noise(10_000).subarray(4000, 6000))).toBe(true);
  });

  const table = "the table of zstd frames at the end of the compressed data";
  test.each([
    ["a count that it has not", -9, 3, `${table} does not begin as its skippable frame does`],
    ["a count beyond all bounds", -6, 1, `${table} is longer than 8388608 bytes, the most that is accepted`],
    ["a reserved bit", -5, 0x04, `${table} uses a reserved bit`],
    ["another magic number", -33, 0x5f, `${table} does not begin as its skippable frame does`],
    ["another size", -29, 1, `${table} does not begin as its skippable frame does`],
    ["a frame of another size", -25, 1, "the table of zstd frames does not fit the compressed data that it ends"],
    ["a frame that is too large", -22, 1, `${table} says that frame 1 is larger than any that is accepted`],
    ["content of another size", -21, 1, "zstd frame 1 of the compressed data holds 5000 bytes, and the table of frames says 4865"],
  ])("with %s is refused", async (_name, at, byte, message) => {
    const all = await frames();
    all[all.length + at] = byte;
    const reading = async (): Promise<unknown> => (await SealedReader.open(await age(all), [key.identity]))?.readAt(0, 10);
    await expect(reading()).rejects.toMatchObject(refusal("verify/sealed", message));
  });

  test("whatever byte of it is another, what is read is right, or refused, or the snapshot is not as long as it was", async () => {
    const plain = noise(10_000);
    const all = await frames();
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 33 }), fc.integer({ min: 1, max: 255 }), async (fromEnd, flip) => {
        const file = Buffer.from(all);
        file[file.length - fromEnd] = (file[file.length - fromEnd] ?? 0) ^ flip;
        const reading = async (): Promise<unknown> => {
          const reader = await SealedReader.open(await age(file), [key.identity]);
          return (
            reader === undefined ||
            reader.bytes !== plain.length ||
            Buffer.from(await reader.readAt(4990, 20)).equals(plain.subarray(4990, 5010))
          );
        };
        expect(await reading().catch((error: unknown) => isLifeboatError(error, "verify/sealed", "verify/size"))).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
