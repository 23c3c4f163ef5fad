import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import type { Block } from "../../shared/blocks.ts";
import { LifeboatError } from "../../shared/errors.ts";
import { startCluster, type EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import type { LabMember } from "../../tools/lab/etcd-member.ts";
import { until } from "../../tools/lab/until.ts";
import { drain, trailerMatches } from "./support/drain.ts";
import { failureOf } from "./support/failure.ts";
import { fill } from "./support/fill.ts";
import { LIMITS, sourceOf } from "./support/source-of.ts";
import { tcpProxy } from "./support/tcp-proxy.ts";

const MIB = 1024 * 1024;
const MEGABYTES = 64;
const ATTEMPT_MS = 30_000;

/** Reads until `bytes` have come, then does `fault` and reads on: how the stream failed, and after how many bytes. */
async function faultAfter(
  stream: AsyncIterable<Block>,
  bytes: number,
  fault: () => unknown,
): Promise<{ error: LifeboatError; got: number }> {
  let got = 0;
  const reading = async (): Promise<void> => {
    let isDone = false;
    for await (const { bytes: came } of stream) {
      got += came.length;
      if (!isDone && got >= bytes) {
        isDone = true;
        await fault();
      }
    }
  };
  return { error: await failureOf(reading()), got };
}

describe.each(["plain", "tls"] as const)("a snapshot of 64 MB, %s", (security) => {
  let cluster: EtcdCluster;
  let member: LabMember;
  let url: string;

  beforeAll(async () => {
    cluster = await startCluster({ version: "3.6", security });
    const [only] = cluster.members;
    if (only === undefined) throw new Error("no member");
    member = only;
    url = only.endpoint;
    await fill(cluster, MEGABYTES);
  });
  afterEach(async () => {
    if (!member.isRunning) await member.start();
  });
  afterAll(async () => {
    await cluster.stop();
  });

  test("a member that hangs in mid-stream has stalled, once nothing came for the idle time", async () => {
    using source = sourceOf(cluster.connection);
    try {
      const { error, got } = await faultAfter(source.snapshot(url, { idleMs: 300, totalMs: 60_000 }), MIB, () => member.pause());
      expect(error).toMatchObject({ code: "etcd/stalled", retryable: true });
      expect(error.message).toMatch(new RegExp(`^the snapshot from ${url} stalled: nothing was received for 300 ms, after \\d+ bytes$`));
      expect(got).toBeGreaterThanOrEqual(MIB);
      expect(got).toBeLessThan(MEGABYTES * 1_000_000);
    } finally {
      member.resume();
    }
  });

  test("a member that is killed in mid-stream cuts it", async () => {
    using source = sourceOf(cluster.connection);
    const { error } = await faultAfter(source.snapshot(url, LIMITS), MIB, () => member.kill());
    expect(error).toMatchObject({ code: "etcd/stream", retryable: true });
    expect(error.message).toMatch(new RegExp(`^the snapshot from ${url} was cut after \\d+ bytes: `));
  });

  test("a connection that is reset on the way cuts it, wherever", async () => {
    for (const cutAfter of [MIB, 5 * MIB, 40 * MIB]) {
      await using proxy = await tcpProxy(url, { cutAfter });
      using source = sourceOf({ ...cluster.connection, endpoints: [proxy.url] });
      const error = await failureOf(drain(source.snapshot(proxy.url, LIMITS)));
      expect(error).toMatchObject({ code: "etcd/stream", retryable: true });
      expect(error.message).toContain(`the snapshot from ${proxy.url} was cut after`);
    }
  });

  test("a connection that is reset before the answer cannot be reached", async () => {
    await using proxy = await tcpProxy(url, { cutAfter: 0 });
    using source = sourceOf({ ...cluster.connection, endpoints: [proxy.url] });
    const expected = { code: "etcd/unreachable", retryable: true, message: `${proxy.url} cannot be reached: the connection was closed` };
    expect(await failureOf(drain(source.snapshot(proxy.url, LIMITS)))).toMatchObject(expected);
    expect(await failureOf(source.status(proxy.url))).toMatchObject(expected);
  });

  test("a way that passes nothing on any more has stalled", async () => {
    await using proxy = await tcpProxy(url, { stallAfter: 5 * MIB });
    using source = sourceOf({ ...cluster.connection, endpoints: [proxy.url] });
    expect(await failureOf(drain(source.snapshot(proxy.url, { idleMs: 300, totalMs: 60_000 })))).toMatchObject({ code: "etcd/stalled" });
    await until("no connection", ATTEMPT_MS, () => proxy.connections() === 0);
  });

  test("past the total time it is too late", async () => {
    await using proxy = await tcpProxy(url, { stallAfter: 5 * MIB });
    using source = sourceOf({ ...cluster.connection, endpoints: [proxy.url] });
    const late = await failureOf(drain(source.snapshot(proxy.url, { idleMs: 60_000, totalMs: 500 })));
    expect(late).toMatchObject({ code: "etcd/timeout", retryable: true });
    expect(late.message).toMatch(new RegExp(`^the snapshot from ${proxy.url} did not finish within 500 ms: \\d+ bytes were received$`));
    await until("no connection", ATTEMPT_MS, () => proxy.connections() === 0);
  });

  test("a slow consumer holds etcd back, is not taken for a stall, and gets every byte in flat memory", async () => {
    await using proxy = await tcpProxy(url);
    using source = sourceOf({ ...cluster.connection, endpoints: [proxy.url] });
    const held = (): number => process.memoryUsage().arrayBuffers;
    const before = held();
    const pieces: Buffer[] = [];
    let sentWhilePaused = 0;
    let heldWhilePaused = 0;
    for await (const block of source.snapshot(proxy.url, { idleMs: 300, totalMs: 60_000 })) {
      pieces.push(Buffer.from(block.bytes));
      block.release();
      if (pieces.length > 1) continue;
      // As long as it takes until nothing has moved for longer than the idle limit.
      let seen = -1;
      let sinceMs = performance.now();
      await until("etcd to be held back", ATTEMPT_MS, () => {
        if (proxy.bytesFromServer() !== seen) {
          seen = proxy.bytesFromServer();
          sinceMs = performance.now();
        }
        return performance.now() - sinceMs > 600;
      });
      sentWhilePaused = proxy.bytesFromServer();
      // Without the copy that is this test's own.
      heldWhilePaused = held() - before - block.bytes.length;
    }
    const snapshot = Buffer.concat(pieces);
    expect(snapshot.length).toBeGreaterThan(MEGABYTES * 1_000_000);
    expect(trailerMatches(snapshot)).toBe(true);
    // What the sockets and the proxy between hold, and at most the window of 32 MiB.
    expect(sentWhilePaused).toBeGreaterThan(MIB);
    expect(sentWhilePaused).toBeLessThan(44 * MIB);
    expect(heldWhilePaused).toBeLessThan(28 * MIB);
  });

  test("an interruption ends it at once, with nothing left open", async () => {
    await using proxy = await tcpProxy(url);
    using source = sourceOf({ ...cluster.connection, endpoints: [proxy.url] });
    const abort = new AbortController();
    const reason = new Error("ctrl-c");
    const { error } = await faultAfter(source.snapshot(proxy.url, LIMITS, abort.signal), MIB, () => abort.abort(reason));
    expect(error).toMatchObject({
      code: "interrupted",
      message: `interrupted while receiving a snapshot from ${proxy.url}`,
      cause: reason,
    });
    await until("no connection", ATTEMPT_MS, () => proxy.connections() === 0);
  });

  test("an interruption while nothing comes ends it too", async () => {
    await using proxy = await tcpProxy(url, { stallAfter: 2 * MIB });
    using source = sourceOf({ ...cluster.connection, endpoints: [proxy.url] });
    const abort = new AbortController();
    const ending = failureOf(drain(source.snapshot(proxy.url, LIMITS, abort.signal)));
    await until("bytes on the way", ATTEMPT_MS, () => proxy.bytesFromServer() > 2 * MIB);
    abort.abort();
    expect(await ending).toMatchObject({ code: "interrupted" });
    await until("no connection", ATTEMPT_MS, () => proxy.connections() === 0);
  });

  test("where the signal came before, no connection is made", async () => {
    await using proxy = await tcpProxy(url);
    using source = sourceOf({ ...cluster.connection, endpoints: [proxy.url] });
    expect(await failureOf(drain(source.snapshot(proxy.url, LIMITS, AbortSignal.abort())))).toMatchObject({ code: "interrupted" });
    expect(proxy.bytesFromServer()).toBe(0);
  });

  test("a consumer that leaves early leaves nothing open", async () => {
    await using proxy = await tcpProxy(url);
    using source = sourceOf({ ...cluster.connection, endpoints: [proxy.url] });
    for await (const { bytes } of source.snapshot(proxy.url, LIMITS)) {
      expect(bytes.length).toBeGreaterThan(0);
      break;
    }
    await until("no connection", ATTEMPT_MS, () => proxy.connections() === 0);
    expect(proxy.bytesFromServer()).toBeLessThan(28 * MIB);
  });

  test("several at once from one source do not disturb each other", async () => {
    using source = sourceOf(cluster.connection);
    const both = await Promise.all([drain(source.snapshot(url, LIMITS)), drain(source.snapshot(url, LIMITS))]);
    expect(both.map(trailerMatches)).toEqual([true, true]);
  });
});
