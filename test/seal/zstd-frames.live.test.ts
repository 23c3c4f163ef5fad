import { promisify } from "node:util";
import { constants, zstdCompress } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Block, BLOCK_BYTES } from "../../shared/blocks.ts";
import { inBlocks } from "../support/in-blocks.ts";
import { isLifeboatError } from "../../shared/errors.ts";
import { compressFrames, decompressFrames } from "../../shared/seal/zstd-frames.ts";
import { MAX_SKIPPED_BYTES, ZstdFrameReader } from "../../shared/seal/zstd-frame-reader.ts";
import { saying } from "../support/matchers.ts";
import { drain, inChunksOf, noise, whole } from "./streams.ts";

const compress = promisify(zstdCompress);

const MIB = 1024 * 1024;
const chunking = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 200_000 })), { minLength: 1, maxLength: 5 });

function frameLengths(stream: Uint8Array): (number | undefined)[] {
  const reader = new ZstdFrameReader();
  const found = [...reader.push(stream)].map(({ contentBytes }) => contentBytes);
  reader.end();
  return found;
}

describe("round trips", () => {
  test("of any length, block size and chunking", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 300_000 }),
        fc.integer({ min: 2_000, max: 100_000 }),
        chunking,
        fc.boolean(),
        async (bytes, blockBytes, reading, compressible) => {
          const plain = compressible ? Buffer.alloc(bytes, "/registry/pods/default/pod-") : noise(bytes, bytes + 1);
          const frames = await whole(compressFrames(inBlocks(inChunksOf(plain, 7_000), blockBytes)));
          expect(frameLengths(frames).length).toBe(Math.max(1, Math.ceil(bytes / blockBytes)));
          expect((await whole(decompressFrames(inChunksOf(frames, ...reading)))).equals(plain)).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  }, 60_000);

  // Node's own decompressor loses all but the first of frames that reach it in one chunk: these do, 16 and more of them.
  test.each([
    ["zeros", Buffer.alloc(64 * MIB + 3)],
    ["a pattern", Buffer.alloc(64 * MIB + 3, "/registry/leases/kube-node-lease/node-0001\n")],
  ])(
    "of 64 MB of %s, whose 17 frames fit in one chunk",
    async (_name, plain) => {
      const frames = await whole(compressFrames(inBlocks(inChunksOf(plain, MIB))));
      expect(frameLengths(frames)).toEqual([...Array.from({ length: 16 }, () => BLOCK_BYTES), 3]);
      expect(frames.length).toBeLessThan(64 * 1024);
      for (const size of [Infinity, 1000, 1]) expect((await whole(decompressFrames(inChunksOf(frames, size)))).equals(plain)).toBe(true);
    },
    60_000,
  );

  test("of nothing: one empty frame", async () => {
    const frames = await whole(compressFrames(inBlocks(inChunksOf(Buffer.alloc(0), 1))));
    expect(frameLengths(frames)).toEqual([0]);
    expect((await drain(decompressFrames(inChunksOf(frames, 1)))).error).toBeUndefined();
  });

  test("but not of a block so large that its frame would not be read back", async () => {
    const large: Block = { bytes: Buffer.alloc(8 * MIB + 1), release: () => undefined };
    async function* one(): AsyncGenerator<Block, void, undefined> {
      yield large;
    }
    expect((await drain(compressFrames(one()))).error).toMatchObject({
      name: "RangeError",
      message: "a block of 8388609 bytes makes a frame that is not read back: at most 8388608",
    });
  });

  test("at other levels and with one lane", async () => {
    const plain = noise(1000).toString("hex").repeat(500);
    const sizes = [];
    for (const options of [
      { level: 1, lanes: 1 },
      { level: 19, lanes: 2 },
    ]) {
      const frames = await whole(compressFrames(inBlocks(inChunksOf(Buffer.from(plain), 70_000), 300_000), options));
      expect((await whole(decompressFrames(inChunksOf(frames, 999)))).toString()).toBe(plain);
      sizes.push(frames.length);
    }
    expect(sizes[1]).toBeLessThan(sizes[0] ?? 0);
  });
});

describe("blocks", () => {
  /** `count` blocks, each of one content; watches who holds how many. */
  function watched(
    count: number,
    bytes: number,
  ): { readonly blocks: AsyncIterable<Block>; readonly seen: { pulled: number; released: number; mostHeld: number; closed: boolean } } {
    const seen = { pulled: 0, released: 0, mostHeld: 0, closed: false };
    async function* pull(): AsyncGenerator<Block, void, undefined> {
      try {
        for (let index = 0; index < count; index++) {
          seen.pulled++;
          seen.mostHeld = Math.max(seen.mostHeld, seen.pulled - seen.released);
          const memory = noise(bytes, index + 1);
          yield {
            bytes: memory,
            release() {
              seen.released++;
              memory.fill(0xff); // as the next user of a pooled buffer would
            },
          };
          await new Promise(setImmediate);
        }
      } finally {
        seen.closed = true;
      }
    }
    return { blocks: pull(), seen };
  }

  test("are released once, when they are compressed, and never before", async () => {
    const { blocks, seen } = watched(40, 100_000);
    const out = await whole(decompressFrames(compressFrames(blocks)));
    expect(out.equals(Buffer.concat(Array.from({ length: 40 }, (_, index) => noise(100_000, index + 1))))).toBe(true);
    expect(seen).toMatchObject({ pulled: 40, released: 40, closed: true });
    expect(seen.mostHeld).toBeLessThanOrEqual(3);
  });

  test("are not pulled more than 3 ahead of a slow consumer", async () => {
    const { blocks, seen } = watched(40, 10_000);
    let taken = 0;
    for await (const _frame of compressFrames(blocks)) {
      taken++;
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
      expect(seen.pulled - taken).toBeLessThanOrEqual(3);
    }
    // And the table of them.
    expect(taken).toBe(41);
  });

  test("are all given back, and their source is closed, when the consumer leaves early", async () => {
    const { blocks, seen } = watched(40, 1_000_000);
    for await (const _frame of compressFrames(blocks)) break;
    expect(seen).toMatchObject({ pulled: 3, released: 3, closed: true });
  });

  test("are all given back, when their source fails, and its error passes unchanged", async () => {
    const failure = new RangeError("the stream was cut");
    const { blocks, seen } = watched(5, 1_000_000);
    async function* failing(): AsyncGenerator<Block, void, undefined> {
      yield* blocks;
      throw failure;
    }
    expect((await drain(compressFrames(failing()))).error).toBe(failure);
    expect(seen).toMatchObject({ pulled: 5, released: 5 });
  });
});

describe("skippable frames", () => {
  const skippable = (bytes: number, kind = 0): Buffer => {
    const header = Buffer.alloc(8);
    header.writeUInt32LE(0x18_4d_2a_50 + kind, 0);
    header.writeUInt32LE(bytes, 4);
    return Buffer.concat([header, noise(bytes, kind + 1)]);
  };

  test("are passed over anywhere between frames, of any kind, size and chunking", async () => {
    const plain = noise(100_000);
    const [first, second] = [plain.subarray(0, 60_000), plain.subarray(60_000)];
    const frames = [await compress(first), await compress(second)] as const;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 15 }), fc.integer({ min: 0, max: 3000 })), {
          maxLength: 8,
        }),
        chunking,
        async (skips, reading) => {
          const at = (place: number): Buffer[] =>
            skips.filter(([where]) => where === place).map(([, kind, bytes]) => skippable(bytes, kind));
          const stream = Buffer.concat([...at(0), frames[0], ...at(1), frames[1], ...at(2)]);
          expect((await whole(decompressFrames(inChunksOf(stream, ...reading)))).equals(plain)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("are no content: alone they are no data", async () => {
    expect((await drain(decompressFrames(inChunksOf(skippable(10), 3)))).error).toMatchObject({
      code: "verify/sealed",
      message: "the compressed data is empty: not even an empty frame is there",
    });
  });

  test("that are cut are refused, at any byte", async () => {
    const one = await compress(Buffer.from("x"));
    const skip = skippable(4);
    for (let length = 1; length < skip.length; length += 1)
      expect((await drain(decompressFrames(inChunksOf(Buffer.concat([one, skip.subarray(0, length)]), 5)))).error).toMatchObject({
        message: saying("is cut short"),
      });
  });

  test("are held by nobody, and of more than 8 MiB in all no more is read", async () => {
    const one = await compress(Buffer.from("x"));
    const most = Buffer.concat([one, skippable(MAX_SKIPPED_BYTES - 16), skippable(0), one]);
    expect((await whole(decompressFrames(inChunksOf(most, 65_536)))).toString()).toBe("xx");
    let taken = 0;
    async function* endless(): AsyncGenerator<Uint8Array, void, undefined> {
      yield one;
      for (;;) {
        taken += 1;
        yield skippable(1000);
      }
    }
    expect((await drain(decompressFrames(endless()))).error).toMatchObject({ code: "verify/sealed", message: saying("skippable bytes") });
    expect(taken).toBeLessThan(9000);
    const header = skippable(0);
    header.writeUInt32LE(0xffff_ffff, 4);
    expect((await drain(decompressFrames(inChunksOf(Buffer.concat([one, header]), 100)))).error).toMatchObject({
      message: `zstd frame 2, at byte ${one.length} of the compressed data, comes after 4294967303 skippable bytes, and at most 8388608 are skipped`,
    });
  });
});

describe("decompression refuses", () => {
  async function refusal(stream: Uint8Array, chunkBytes = 5): Promise<string> {
    const { error } = await drain(decompressFrames(inChunksOf(stream, chunkBytes)));
    if (!isLifeboatError(error, "verify/sealed")) throw new Error(`not refused as it should be: ${String(error)}`);
    return error.message;
  }

  /** A frame by hand: descriptor, further header fields, blocks of [type, size, stored bytes]. */
  function frame(
    descriptor: number,
    fields: readonly number[],
    blocks: readonly (readonly [type: number, size: number, stored: Uint8Array])[],
  ): Buffer {
    const parts = blocks.map(([type, size, stored], index) => {
      const header = Buffer.alloc(3);
      header.writeUIntLE((size << 3) | (type << 1) | (index === blocks.length - 1 ? 1 : 0), 0, 3);
      return Buffer.concat([header, stored]);
    });
    return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, descriptor, ...fields]), ...parts]);
  }
  const RUN = 1;
  const RAW = 0;
  const WINDOW_8_MIB = 13 << 3;
  const zero = Buffer.from([0]);

  test("nothing at all", async () => {
    expect(await refusal(Buffer.alloc(0))).toBe("the compressed data is empty: not even an empty frame is there");
  });

  test("a frame that is cut at any byte", async () => {
    const one = await compress(Buffer.from("some text, some text, some text"));
    for (let length = 1; length < one.length; length++) {
      expect(await refusal(Buffer.concat([one, one.subarray(0, length)]), 7)).toBe(
        `zstd frame 2, at byte ${one.length} of the compressed data, is cut short`,
      );
    }
  });

  test("anything else after or between frames", async () => {
    const one = await compress(Buffer.from("x"));
    expect(await refusal(Buffer.concat([one, Buffer.from("trailing garbage")]))).toBe(
      `zstd frame 2, at byte ${one.length} of the compressed data, does not begin as a zstd frame does`,
    );
    expect(await refusal(Buffer.from([0x1f, 0x8b, 8, 0, 0, 0]))).toContain(
      "zstd frame 1, at byte 0 of the compressed data, does not begin as a zstd frame does",
    );
  });

  test("windows and contents over 8 MiB, before any memory is taken for them", async () => {
    expect(await refusal(frame(0x00, [14 << 3], [[RAW, 0, Buffer.alloc(0)]]))).toContain(
      "needs a window of 16777216 bytes, and the most that is accepted is 8388608",
    );
    expect(await refusal(frame(0x00, [0xff], [[RAW, 0, Buffer.alloc(0)]]))).toContain("needs a window of 4123168604160 bytes");
    const content = Buffer.alloc(8);
    content.writeBigUInt64LE(2n ** 60n);
    expect(await refusal(frame(0xc0, [WINDOW_8_MIB, ...content], [[RAW, 0, Buffer.alloc(0)]]))).toContain(
      "says that it holds 1152921504606847000 bytes, and the most that is accepted is 8388608",
    );
    content.writeUInt32LE(8 * MIB + 1);
    expect(await refusal(frame(0xa0, [...content.subarray(0, 4)], [[RAW, 0, Buffer.alloc(0)]]))).toContain(
      "needs a window of 8388609 bytes",
    );
  });

  test("what no encoder writes: reserved bits and blocks, dictionaries, overlong blocks", async () => {
    expect(await refusal(frame(0x28, [1], [[RAW, 1, zero]]))).toContain("uses a reserved bit");
    expect(await refusal(frame(0x21, [7, 1], [[RAW, 1, zero]]))).toContain("needs a dictionary");
    expect(await refusal(frame(0x20, [1], [[3, 1, zero]]))).toContain("has a block of the reserved type");
    expect(await refusal(frame(0x00, [WINDOW_8_MIB], [[RAW, 128 * 1024 + 1, Buffer.alloc(128 * 1024 + 1)]]), 10_000)).toContain(
      "has a block of 131073 bytes, and zstd allows 131072",
    );
  });

  test("a frame that never ends, after a bounded length", async () => {
    const endless = Buffer.alloc(9 * MIB); // a raw block of no bytes, over and over
    const head = frame(0x00, [WINDOW_8_MIB], []);
    expect(await refusal(Buffer.concat([head, endless]), 50_000)).toBe(
      "zstd frame 1, at byte 0 of the compressed data, is longer than 8421376 bytes, the most that is accepted",
    );
  });

  test("a bomb: 300 bytes that would be 12 MiB", async () => {
    const bomb = frame(
      0x00,
      [WINDOW_8_MIB],
      Array.from({ length: 96 }, () => [RUN, 128 * 1024, zero] as const),
    );
    expect(await refusal(bomb)).toBe("zstd frame 1 of the compressed data holds more than 8388608 bytes");
    const fits = frame(
      0x00,
      [WINDOW_8_MIB],
      Array.from({ length: 64 }, () => [RUN, 128 * 1024, zero] as const),
    );
    expect((await whole(decompressFrames(inChunksOf(fits, 5)))).equals(Buffer.alloc(8 * MIB))).toBe(true);
  });

  test("contents of another length than the frame says", async () => {
    const four = Buffer.from("four");
    expect((await whole(decompressFrames(inChunksOf(frame(0x20, [4], [[RAW, 4, four]]), 3)))).toString()).toBe("four");
    expect(await refusal(frame(0x20, [5], [[RAW, 4, four]]))).toContain("zstd frame 1 of the compressed data");
    expect(await refusal(frame(0x20, [3], [[RAW, 4, four]]))).toContain("zstd frame 1 of the compressed data");
    expect(await refusal(frame(0x20, [0], [[RUN, 100_000, zero]]))).toContain("zstd frame 1 of the compressed data");
  });

  test("a wrong checksum, and says which frame", async () => {
    const params = { [constants.ZSTD_c_checksumFlag]: 1 };
    const [good, bad] = await Promise.all(["one", "two"].map((text) => compress(Buffer.from(text.repeat(1000)), { params })));
    if (good === undefined || bad === undefined) throw new Error("nothing was compressed");
    expect((await whole(decompressFrames(inChunksOf(Buffer.concat([good, bad]), 9)))).length).toBe(6000);
    bad[bad.length - 1] = (bad[bad.length - 1] ?? 0) ^ 1;
    expect(await refusal(Buffer.concat([good, bad]))).toBe("zstd frame 2 of the compressed data cannot be decompressed");
  });

  test("hostile bytes with nothing but that error, whatever they are", async () => {
    const valid = Buffer.concat([await compress(noise(3000).toString("hex")), await compress(Buffer.alloc(500_000))]);
    const mutated = fc
      .array(fc.tuple(fc.integer({ min: 0, max: 120 }), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 })
      .map((edits) => {
        const bytes = Buffer.from(valid);
        for (const [at, value] of edits) bytes[at * 41 < bytes.length && at % 2 === 0 ? at * 41 : at] = value;
        return bytes;
      });
    const random = fc
      .uint8Array({ minLength: 0, maxLength: 200 })
      .map((tail) => Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), tail]));
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated, random), fc.integer({ min: 1, max: 300 }), async (bytes, chunkBytes) => {
        const { error } = await drain(decompressFrames(inChunksOf(bytes, chunkBytes)));
        if (error !== undefined && !isLifeboatError(error, "verify/sealed")) throw new Error("another error", { cause: error });
        if (error !== undefined) refused++;
      }),
      { numRuns: 500 },
    );
    expect(refused).toBeGreaterThan(250);
  }, 60_000);
});

test("the source of decompression is closed when its consumer leaves, and its error passes unchanged", async () => {
  const frames = await whole(compressFrames(inBlocks(inChunksOf(noise(500_000), 100_000), 50_000)));
  let closed = false;
  const failure = new RangeError("the disk is gone");
  async function* source(failAt: number): AsyncGenerator<Uint8Array, void, undefined> {
    let at = 0;
    try {
      for await (const chunk of inChunksOf(frames, 20_000)) {
        if (++at === failAt) throw failure;
        yield chunk;
      }
    } finally {
      closed = true;
    }
  }
  for await (const _content of decompressFrames(source(Infinity))) break;
  expect(closed).toBe(true);
  expect((await drain(decompressFrames(source(9)))).error).toBe(failure);
});
