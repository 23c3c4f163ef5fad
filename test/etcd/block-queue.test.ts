import { expect, test } from "vitest";

import { BlockQueue } from "../../shared/etcd/grpc/block-queue.ts";
import { ManualClock } from "../doubles/manual-clock.ts";

const BLOCK_BYTES = 4;

function queueOf(clock = new ManualClock()) {
  const pauses: boolean[] = [];
  const idle = { clock, ms: 1000, expired: () => new Error("idle") };
  const queue = new BlockQueue(idle, (full) => pauses.push(full), BLOCK_BYTES);
  const push = (text: string): void => queue.push(Buffer.from(text));
  const take = async (): Promise<string | undefined> => {
    const block = await queue.take();
    return block && Buffer.from(block.bytes).toString();
  };
  return { queue, push, take, clock, pauses };
}

test("hands out what came in full blocks, waits for more, and ends with what is left", async () => {
  const { queue, push, take } = queueOf();
  push("ab");
  push("cdefghij");
  expect(await take()).toBe("abcd");
  expect(await take()).toBe("efgh");
  const next = take();
  push("k");
  push("lm");
  expect(await next).toBe("ijkl");
  queue.end();
  expect(await take()).toBe("m");
  expect(await take()).toBeUndefined();
  expect(await take()).toBeUndefined();
});

test("a source that brought nothing, or full blocks only, ends without an empty one", async () => {
  const nothing = queueOf();
  nothing.queue.end();
  expect(await nothing.take()).toBeUndefined();
  const { queue, push, take } = queueOf();
  push("abcd");
  queue.end();
  expect(await take()).toBe("abcd");
  expect(await take()).toBeUndefined();
});

test("what was pushed may be written over at once", async () => {
  const { queue, take } = queueOf();
  const piece = Buffer.from("abcd");
  queue.push(piece);
  piece.fill("x");
  expect(await take()).toBe("abcd");
});

test("an ending wakes a consumer that waits", async () => {
  const { queue, push, take, clock } = queueOf();
  const next = take();
  push("a");
  queue.end();
  expect(await next).toBe("a");
  expect(clock.waiting).toBe(0);
});

test("the source is paused while a full block waits, and resumed once none does", async () => {
  const { push, take, pauses } = queueOf();
  push("abc");
  expect(pauses).toEqual([]);
  push("d");
  push("efghi");
  expect(pauses).toEqual([true]);
  await take();
  expect(pauses).toEqual([true]);
  await take();
  expect(pauses).toEqual([true, false]);
});

test("a failure comes at once, before what is queued, and stays", async () => {
  const { queue, push, take, clock } = queueOf();
  push("abcd");
  queue.fail(new Error("first"));
  queue.fail(new Error("second"));
  queue.end();
  push("efgh");
  await expect(take()).rejects.toThrow("first");
  await expect(take()).rejects.toThrow("first");
  expect(clock.waiting).toBe(0);
});

test("nothing for the idle limit while the consumer waits is a failure", async () => {
  const { take, clock } = queueOf();
  const next = take();
  clock.advance(999);
  clock.advance(1);
  await expect(next).rejects.toThrow("idle");
});

test("bytes that do not fill a block yet are a sign of life", async () => {
  const { push, take, clock } = queueOf();
  const next = take();
  for (const byte of "abc") {
    clock.advance(999);
    push(byte);
  }
  clock.advance(999);
  expect(clock.waiting).toBe(1);
  clock.advance(1);
  await expect(next).rejects.toThrow("idle");
});

test("a slow consumer is no idle source", async () => {
  const { push, take, clock } = queueOf();
  const first = take();
  push("abcd");
  await first;
  clock.advance(100_000);
  push("efgh");
  expect(await take()).toBe("efgh");
  const waiting = take();
  clock.advance(999);
  push("ijkl");
  expect(await waiting).toBe("ijkl");
});

test("the limit counts from the beginning of each wait, not from the first", async () => {
  const { push, take, clock } = queueOf();
  for (let wait = 0; wait < 5; wait += 1) {
    const next = take();
    clock.advance(700);
    push("abcd");
    await next;
  }
  clock.advance(900);
  const last = take();
  clock.advance(999);
  expect(clock.waiting).toBe(1);
  clock.advance(1);
  await expect(last).rejects.toThrow("idle");
});
