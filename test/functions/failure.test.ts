import { expect, test } from "vitest";
import { clusterIn, parseEvent } from "../../functions/events.ts";
import { deadlineOf, LAST_WORDS_MS } from "../../functions/deadline.ts";
import { failureOf } from "../../functions/failure.ts";
import { backupEvent, verifyEvent } from "../../shared/contract/events.ts";
import { isLifeboatError, LifeboatError } from "../../shared/errors.ts";
import { ManualClock } from "../doubles/manual-clock.ts";
import { saying } from "../support/matchers.ts";

const SECRET = "hunter2-AGE-SECRET-KEY-1";

test("an error of lifeboat goes by its code, with the hint on a second line, and its cause stays behind", () => {
  const cause = new Error(SECRET);
  const { failure, logged } = failureOf(new LifeboatError("etcd/unreachable", "no way to m1", { hint: "start m1", cause }), undefined);
  expect(failure).toMatchObject({ name: "etcd/unreachable", message: "no way to m1\nhint: start m1" });
  expect(logged).toEqual({ code: "etcd/unreachable", reason: "no way to m1", hint: "start m1", retryable: true });
  expect([failure.stack, failure.cause, JSON.stringify(logged)].join(" ")).not.toContain(SECRET);
});

test("of an error that nobody foresaw only its kind and its place are told", () => {
  const { failure, logged } = failureOf(new TypeError(`cannot read ${SECRET}\n    at ${SECRET}`), undefined);
  expect(failure).toMatchObject({ name: "unexpected", message: saying("internal error (a bug)\nhint: ") });
  expect(logged).toEqual({ code: "unexpected", kind: "TypeError", frames: expect.arrayContaining([saying("failure.test.ts")]) as unknown });
  expect([failure.stack, JSON.stringify(logged)].join(" ")).not.toContain(SECRET);
  expect(failureOf(SECRET, undefined).logged).toEqual({ code: "unexpected", kind: "string", frames: [] });
});

test("the deadline leaves time for last words, of a short time half, and what it stops is not tried again", () => {
  const clock = new ManualClock();
  const late = deadlineOf(clock, 900_000);
  const short = deadlineOf(clock, 10_000);
  clock.advance(4_999);
  expect(short.signal.aborted).toBe(false);
  clock.advance(1);
  expect(short.signal.aborted).toBe(true);
  clock.advance(900_000 - LAST_WORDS_MS - 5_000 - 1);
  expect(late.signal.aborted).toBe(false);
  clock.advance(1);
  expect(late.signal.aborted).toBe(true);

  const cut = new LifeboatError("interrupted", "the stream was interrupted", { cause: late.signal.reason });
  const { failure, logged } = failureOf(cut, late.signal);
  expect(failure).toMatchObject({ name: "deadline", message: saying("the function's time was nearly up after 885 s") });
  expect(logged).toMatchObject({ code: "deadline", retryable: false });
  // Something else that fails at the same moment keeps its own name.
  expect(failureOf(new LifeboatError("store/full", "full"), late.signal).failure.name).toBe("store/full");
});

test("a deadline that is not needed any more leaves no timer", () => {
  const clock = new ManualClock();
  const { cancel, signal } = deadlineOf(clock, 20_000);
  cancel();
  expect(clock.waiting).toBe(0);
  clock.advance(30_000);
  expect(signal.aborted).toBe(false);
});

test("events are read, and more than is needed is no fault", () => {
  expect(parseEvent(backupEvent, { cluster: "prod", slot: "2026-11-21T10:00:00Z", more: 1 })).toEqual({
    cluster: "prod",
    slot: new Date("2026-11-21T10:00:00Z"),
  });
  expect(parseEvent(backupEvent, { cluster: "prod" })).toEqual({ cluster: "prod" });
  expect(parseEvent(verifyEvent, { cluster: "prod", id: "20261121T100000Z-2", proof: "proven" })).toEqual({
    cluster: "prod",
    id: "20261121T100000Z-2",
  });
});

test("whose event it is can be told where the rest is wrong", () => {
  expect(clusterIn({ cluster: "prod", slot: 7 })).toBe("prod");
  for (const event of [undefined, "prod", {}, { cluster: "../etc" }]) expect(clusterIn(event)).toBeUndefined();
});

test.each([
  [backupEvent, {}, "cluster: Invalid input"],
  [backupEvent, "prod", "Invalid input: expected object"],
  [backupEvent, { cluster: "../etc" }, "cluster: is not a cluster's name"],
  // What a scheduler that knows no such placeholder passes on.
  [backupEvent, { cluster: "prod", slot: "<aws.scheduler.scheduled-time>" }, 'slot: "<aws.scheduler.scheduled-time>" is not a UTC time'],
  [verifyEvent, { cluster: "prod" }, "id: Invalid input"],
  [verifyEvent, { cluster: "prod", id: "latest" }, "id: is not a snapshot's id"],
])("an event that is none is told by what is wrong with it: %#", (schema, event, words) => {
  try {
    parseEvent(schema, event);
    expect.unreachable();
  } catch (error) {
    expect(error).toMatchObject({ code: "usage", message: saying(words), hint: saying("an example is") });
    expect(isLifeboatError(error)).toBe(true);
  }
});
