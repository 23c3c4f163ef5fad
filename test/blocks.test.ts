import fc from "fast-check";
import { expect, test } from "vitest";
import { inBlocks } from "./support/in-blocks.ts";

async function* chunksOf(
  chunks: readonly Uint8Array[],
  onReturn: () => void = () => undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* chunks;
  } finally {
    onReturn();
  }
}

test("all bytes come through in full blocks and a rest, whether blocks are released or kept", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 50 })),
      fc.integer({ min: 1, max: 64 }),
      fc.boolean(),
      async (chunks, blockBytes, release) => {
        const out: Buffer[] = [];
        for await (const block of inBlocks(chunksOf(chunks), blockBytes)) {
          out.push(Buffer.from(block.bytes));
          if (release) block.release();
        }
        expect(Buffer.concat(out)).toEqual(Buffer.concat(chunks));
        expect(out.slice(0, -1).every((block) => block.length === blockBytes)).toBe(true);
        expect(out.every((block) => block.length > 0)).toBe(true);
      },
    ),
  );
});

test("a released block's memory is used again, one that is held never", async () => {
  const source = chunksOf(Array.from({ length: 40 }, (_, index) => new Uint8Array(10).fill(index)));
  const memories = new Set<ArrayBufferLike>();
  const held: { readonly bytes: Uint8Array; readonly first: number }[] = [];
  let index = 0;
  for await (const block of inBlocks(source, 10)) {
    memories.add(block.bytes.buffer);
    if (index % 10 === 0) held.push({ bytes: block.bytes, first: index });
    else {
      block.release();
      block.release();
    }
    index++;
  }
  expect(memories.size).toBe(held.length + 1);
  for (const { bytes, first } of held) expect(bytes).toEqual(new Uint8Array(10).fill(first));
});

test("leaving early closes the source", async () => {
  let closed = false;
  const source = chunksOf([new Uint8Array(8), new Uint8Array(8)], () => (closed = true));
  for await (const block of inBlocks(source, 8)) {
    block.release();
    break;
  }
  expect(closed).toBe(true);
});
