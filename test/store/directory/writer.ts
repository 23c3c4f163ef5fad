import { randomBytes } from "node:crypto";
import { writeSync } from "node:fs";
import { isLifeboatError, messageOf } from "../../../shared/errors.ts";
import { DirectoryBlobStore } from "../../../shared/store/directory/directory-store.ts";
import { collect, keys } from "../../support/blobs.ts";
import { incoming } from "./directory-under-test.ts";

/**
 * A process of its own that writes to a directory store, for what a test cannot do to itself: be killed, be short of room, be another user.
 *
 *   writer.ts put ROOT KEY BYTES     puts once, then prints a Report
 *   writer.ts denied ROOT KEY        as a user who is not root, puts and reads KEY, then prints a Report
 *   writer.ts hang ROOT KEY BYTES    puts, prints "taken" when BYTES were taken, and never ends the body
 *   writer.ts forever ROOT BYTES     puts objects 0, 1, 2, ... of BYTES each, filled with their number, until it is killed
 */
export interface Report {
  readonly put: Failure | "done";
  readonly get?: Failure | "done";
  readonly list?: Failure | "done";
  readonly keys: readonly string[];
  readonly incoming: readonly string[];
}

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
}

const PIECE = 64 * 1024;

async function* body(
  bytes: number,
  fill: number,
  atEnd: () => Promise<void> = () => Promise.resolve(),
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let left = bytes; left > 0; left -= PIECE) yield Buffer.alloc(Math.min(left, PIECE), fill);
  await atEnd();
}

async function attempt(work: Promise<unknown>): Promise<Failure | "done"> {
  try {
    await work;
    return "done";
  } catch (error) {
    if (!isLifeboatError(error)) return { code: "not a LifeboatError", message: messageOf(error), hint: undefined };
    return { code: error.code, message: error.message, hint: error.hint };
  }
}

const [mode, root = "", ...rest] = process.argv.slice(2);
if (mode !== undefined) {
  const store = new DirectoryBlobStore(root, (bytes) => randomBytes(bytes));
  if (mode === "put") {
    const put = await attempt(store.put(rest[0] ?? "", body(Number(rest[1]), 7)));
    print({ put, keys: await keys(store, ""), incoming: await incoming(root) });
  } else if (mode === "denied") {
    // 65534 is nobody; root is refused nothing.
    if (process.geteuid?.() === 0) process.seteuid?.(65_534);
    const key = rest[0] ?? "";
    const put = await attempt(store.put("clusters/new", body(10, 7)));
    print({
      put,
      get: await attempt(collect(store.get(key))),
      list: await attempt(keys(store, "closed/")),
      keys: [],
      incoming: await incoming(root),
    });
  } else if (mode === "hang") {
    await store.put(
      rest[0] ?? "",
      body(Number(rest[1]), 7, () => {
        writeSync(1, "taken\n");
        // A timer keeps the process alive until the test kills it.
        return new Promise(() => setInterval(() => undefined, 60_000));
      }),
    );
  } else if (mode === "forever") {
    for (let number = 0; ; number += 1) await store.put(`objects/${number}`, body(Number(rest[0]), number % 256), { ifAbsent: true });
  } else {
    throw new TypeError(`no mode ${mode}`);
  }
}

function print(report: Report): void {
  writeSync(1, JSON.stringify(report));
}
