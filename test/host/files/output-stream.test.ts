import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { LifeboatError } from "../../../shared/errors.ts";
import { writeStream } from "../../../shared/host/files/output-stream.ts";
import { failureOf } from "../../support/blobs.ts";

const never = new AbortController().signal;
const TO = { name: "standard output", signal: never };

test("what is written arrives in order, a piece pulled only when the one before was taken", async () => {
  let [pulled, taken] = [0, 0];
  const texts: string[] = [];
  const slow = new Writable({
    highWaterMark: 1,
    write(chunk: Buffer, _encoding, done) {
      texts.push(chunk.toString());
      setImmediate(() => {
        taken += 1;
        done();
      });
    },
  });
  async function* pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    // One buffer for all, as a body may do it.
    const buffer = Buffer.alloc(1);
    for (const text of ["a", "b", "c"]) {
      expect(taken).toBe(pulled);
      pulled += 1;
      buffer.write(text);
      yield buffer;
    }
  }
  await writeStream(slow, pieces(), TO);
  expect(texts).toEqual(["a", "b", "c"]);
  expect(slow.listenerCount("error")).toBe(0);
});

test("a reader that went away is output/failed, and the source is closed", async () => {
  let isClosed = false;
  async function* endless(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) yield Buffer.from("x");
    } finally {
      isClosed = true;
    }
  }
  const gone = new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" })) });
  expect(await failureOf(writeStream(gone, endless(), TO))).toMatchObject({
    code: "output/failed",
    message: "cannot write to standard output: write EPIPE",
  });
  expect(isClosed).toBe(true);
});

test("a signal ends it, also while nobody reads", async () => {
  const stop = new AbortController();
  async function* pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) yield Buffer.alloc(100);
  }
  const stalled = new Writable({ write: () => undefined });
  setImmediate(() => stop.abort(new LifeboatError("interrupted", "interrupted by SIGTERM")));
  expect(await failureOf(writeStream(stalled, pieces(), { ...TO, signal: stop.signal }))).toMatchObject({ code: "interrupted" });
});
