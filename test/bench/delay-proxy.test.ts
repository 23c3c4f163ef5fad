import { createServer, connect } from "node:net";
import type { AddressInfo } from "node:net";
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { startDelayProxy } from "../../bench/delay-proxy.ts";

const DELAY_MS = 40;

/** A server that sends back what it gets. */
async function echo(): Promise<{ readonly port: number; [Symbol.asyncDispose](): Promise<void> }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.on("error", () => undefined).pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { port, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}

test("every byte arrives in order, and none before its time in both directions", async () => {
  await using server = await echo();
  await using proxy = await startDelayProxy(server.port, DELAY_MS);
  const socket = connect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen: true });
  const sent = randomBytes(5_000_000);
  const startedMs = performance.now();
  let firstMs: number | undefined;
  const back: Buffer[] = [];
  socket.on("data", (bytes) => {
    firstMs ??= performance.now() - startedMs;
    back.push(bytes);
  });
  const ended = new Promise((resolve) => socket.once("end", resolve));
  socket.end(sent);
  await ended;
  expect(Buffer.concat(back).length).toBe(sent.length);
  expect(Buffer.concat(back).equals(sent)).toBe(true);
  expect(firstMs).toBeGreaterThanOrEqual(2 * DELAY_MS);
});

test("a side that breaks off takes the other with it", async () => {
  await using server = await echo();
  await using proxy = await startDelayProxy(server.port, DELAY_MS);
  const socket = connect({ port: proxy.port, host: "127.0.0.1" });
  await new Promise((resolve) => socket.once("connect", resolve));
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await proxy.close();
  await closed;
});
