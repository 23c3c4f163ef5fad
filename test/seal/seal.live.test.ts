import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Block, BLOCK_BYTES } from "../../shared/blocks.ts";
import { inBlocks } from "../support/in-blocks.ts";
import { isLifeboatError } from "../../shared/errors.ts";
import { newIdentity } from "../../shared/seal/age.ts";
import { seal, unseal } from "../../shared/seal/seal.ts";
import { drain, inChunksOf, noise, whole } from "./streams.ts";

const MIB = 1024 * 1024;
const key = await newIdentity();
const breakGlass = await newIdentity();

/** A snapshot's bytes, made as they are pulled: `blocks` of 4 MiB, told apart by their first bytes. Random unless a `base` is given. */
function synthetic(
  blocks: number,
  base: Buffer = noise(BLOCK_BYTES),
): { readonly source: AsyncIterable<Uint8Array>; readonly state: { pulled: number; closed: boolean } } {
  const state = { pulled: 0, closed: false };
  async function* pull(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (let index = 0; index < blocks; index++) {
        state.pulled++;
        base.writeUInt32LE(index, 0);
        yield base;
        await new Promise(setImmediate);
      }
    } finally {
      state.closed = true;
    }
  }
  return { source: pull(), state };
}

test("what was sealed opens with the snapshot's identity and with the break-glass one, in any chunking", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 400_000 }),
      fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 5 }),
      async (bytes, sizes) => {
        const plain = Buffer.concat([noise(bytes, bytes), Buffer.alloc(bytes)]);
        const file = await whole(seal(inBlocks(inChunksOf(plain, ...sizes), 60_000), [key.recipient, breakGlass.recipient]));
        for (const { identity } of [key, breakGlass])
          expect((await whole(unseal(inChunksOf(file, ...sizes), [identity]))).equals(plain)).toBe(true);
      },
    ),
    { numRuns: 40 },
  );
}, 60_000);

test("64 MB of a repeating pattern, 16 frames in a few KB, come back whole", async () => {
  const plain = Buffer.alloc(64 * MIB, "kube-system/coredns ");
  const file = await whole(seal(inBlocks(inChunksOf(plain, MIB)), [key.recipient]));
  expect(file.length).toBeLessThan(64 * 1024);
  expect((await whole(unseal(inChunksOf(file, Infinity), [key.identity]))).equals(plain)).toBe(true);
}, 60_000);

test("a file that was altered or cut anywhere fails before its end, and what came before is the snapshot's beginning", async () => {
  const plain = Buffer.concat([Buffer.alloc(300_000, "even"), noise(300_000)]);
  const file = await whole(seal(inBlocks(inChunksOf(plain, 50_000), 100_000), [key.recipient]));
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: file.length - 1 }), fc.boolean(), async (at, cut) => {
      const altered = cut ? file.subarray(0, at) : Buffer.from(file);
      if (!cut) altered[at] = (altered[at] ?? 0) ^ 0x10;
      const { bytes, error } = await drain(unseal(inChunksOf(altered, 30_000), [key.identity]));
      expect(isLifeboatError(error, "verify/sealed", "keys/no-match")).toBe(true);
      expect(bytes.equals(plain.subarray(0, bytes.length))).toBe(true);
    }),
    { numRuns: 150 },
  );
}, 60_000);

describe("streams", () => {
  test("a slow consumer of a sealed stream holds the source back: no more than 5 blocks ahead", async () => {
    const { source, state } = synthetic(30);
    let taken = 0;
    for await (const piece of seal(inBlocks(source), [key.recipient])) {
      taken += piece.length;
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      // 3 in work, one being cut into pieces, one in the hands of inBlocks
      expect(state.pulled - taken / BLOCK_BYTES).toBeLessThanOrEqual(5);
    }
    expect(taken).toBeGreaterThan(30 * BLOCK_BYTES);
  }, 60_000);

  test("a slow consumer of an opened stream holds the store back: no more than 5 blocks ahead", async () => {
    const file = await whole(seal(inBlocks(synthetic(12).source), [key.recipient]));
    let pulled = 0;
    async function* stored(): AsyncGenerator<Uint8Array, void, undefined> {
      for await (const chunk of inChunksOf(file, 256 * 1024)) {
        pulled += chunk.length;
        yield chunk;
      }
    }
    let taken = 0;
    for await (const piece of unseal(stored(), [key.identity])) {
      taken += piece.length;
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      expect((pulled - taken) / BLOCK_BYTES).toBeLessThanOrEqual(5);
    }
    expect(taken).toBe(12 * BLOCK_BYTES);
  }, 60_000);

  test("leaving early closes the source, right from the first piece on", async () => {
    const { source, state } = synthetic(30);
    for await (const _piece of seal(inBlocks(source), [key.recipient])) break;
    expect(state.closed).toBe(true);
    expect(state.pulled).toBeLessThanOrEqual(5);
  });

  test("an error of the source passes through unchanged, both ways", async () => {
    const failure = new RangeError("etcd went away");
    async function* failing<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item, void, undefined> {
      yield* items;
      throw failure;
    }
    const blocks: AsyncIterable<Block> = inBlocks(synthetic(3).source);
    expect((await drain(seal(failing(blocks), [key.recipient]))).error).toBe(failure);
    const file = await whole(seal(inBlocks(synthetic(3).source), [key.recipient]));
    const { bytes, error } = await drain(unseal(failing(inChunksOf(file.subarray(0, 5 * MIB), MIB)), [key.identity]));
    expect(error).toBe(failure);
    expect(bytes.length).toBeLessThan(2 * BLOCK_BYTES);
  });

  // Each holds back far less than passes through: neither what goes in nor what comes out is kept. Some 130 MB of it is garbage
  // that waits for its collection.
  test("400 MB that do not compress are sealed in bounded memory", async () => {
    const { bytes, most } = await measured(seal(inBlocks(synthetic(100).source), [key.recipient]));
    expect(bytes).toBeGreaterThan(100 * BLOCK_BYTES);
    expect(most / MIB).toBeLessThan(200);
  }, 60_000);

  test("400 MB that compress to an eighth are sealed and opened in bounded memory", async () => {
    const base = Buffer.alloc(BLOCK_BYTES, noise(BLOCK_BYTES / 8));
    const { bytes, most } = await measured(unseal(seal(inBlocks(synthetic(100, base).source), [key.recipient]), [key.identity]));
    expect(bytes).toBe(100 * BLOCK_BYTES);
    expect(most / MIB).toBeLessThan(200);
  }, 60_000);
});

/** How much a stream gives, and the most of heap and buffers that is held meanwhile beyond what was held before, garbage included. */
async function measured(stream: AsyncIterable<Uint8Array>): Promise<{ readonly bytes: number; readonly most: number }> {
  const held = (): number => {
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const start = held();
  let bytes = 0;
  let most = 0;
  for await (const piece of stream) {
    bytes += piece.length;
    most = Math.max(most, held() - start);
  }
  return { bytes, most };
}
