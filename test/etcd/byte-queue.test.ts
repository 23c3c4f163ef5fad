import { expect, test } from "vitest";

import { ByteQueue } from "../../shared/etcd/adapter/byte-queue.ts";
import { ManualClock } from "../doubles/manual-clock.ts";

const piece = (text: string): Uint8Array => Buffer.from(text);
const MIB = 1024 * 1024;

function queueOf(clock = new ManualClock()): { queue: ByteQueue; clock: ManualClock; pauses: boolean[] } {
  const pauses: boolean[] = [];
  const queue = new ByteQueue({ clock, ms: 1000, expired: () => new Error("idle") }, (full) => pauses.push(full));
  return { queue, clock, pauses };
}

test("hands out what came, waits for more, and ends", async () => {
  const { queue } = queueOf();
  queue.push(piece("a"));
  queue.push(piece("b"));
  expect(await queue.take()).toEqual([piece("a"), piece("b")]);
  const next = queue.take();
  queue.push(piece("c"));
  queue.arrived();
  expect(await next).toEqual([piece("c")]);
  queue.push(piece("d"));
  queue.end();
  expect(await queue.take()).toEqual([piece("d")]);
  expect(await queue.take()).toBeUndefined();
  expect(await queue.take()).toBeUndefined();
});

test("an ending wakes a consumer that waits", async () => {
  const { queue, clock } = queueOf();
  const next = queue.take();
  queue.end();
  expect(await next).toBeUndefined();
  expect(clock.waiting).toBe(0);
});

test("the source is paused once the queue is full and resumed once it was taken", async () => {
  const { queue, pauses } = queueOf();
  queue.push(new Uint8Array(MIB - 1));
  expect(pauses).toEqual([]);
  queue.push(new Uint8Array(1));
  queue.push(new Uint8Array(1));
  expect(pauses).toEqual([true]);
  expect(await queue.take()).toHaveLength(3);
  expect(pauses).toEqual([true, false]);
});

test("a failure comes at once, before what is queued, and stays", async () => {
  const { queue, clock } = queueOf();
  queue.push(piece("a"));
  queue.fail(new Error("first"));
  queue.fail(new Error("second"));
  queue.end();
  await expect(queue.take()).rejects.toThrow("first");
  await expect(queue.take()).rejects.toThrow("first");
  expect(clock.waiting).toBe(0);
});

test("nothing for the idle limit while the consumer waits is a failure", async () => {
  const { queue, clock } = queueOf();
  const next = queue.take();
  clock.advance(999);
  clock.advance(1);
  await expect(next).rejects.toThrow("idle");
});

test("a slow consumer is no idle source", async () => {
  const { queue, clock } = queueOf();
  const first = queue.take();
  queue.push(piece("a"));
  queue.arrived();
  await first;
  clock.advance(100_000);
  queue.push(piece("b"));
  expect(await queue.take()).toEqual([piece("b")]);
  const waiting = queue.take();
  clock.advance(999);
  queue.push(piece("c"));
  queue.arrived();
  expect(await waiting).toEqual([piece("c")]);
});

test("the limit counts from the beginning of each wait, not from the first", async () => {
  const { queue, clock } = queueOf();
  for (let wait = 0; wait < 5; wait += 1) {
    const next = queue.take();
    clock.advance(700);
    queue.push(piece("x"));
    queue.arrived();
    await next;
  }
  const last = queue.take();
  clock.advance(999);
  expect(clock.waiting).toBe(1);
  clock.advance(1);
  await expect(last).rejects.toThrow("idle");
});
