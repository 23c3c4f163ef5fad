import { setImmediate } from "node:timers/promises";
import type { BlobStore } from "../../shared/store/blob-store.ts";

/** Bodies to put and short ways to look at a BlobStore. */

/** `content` in chunks of these sizes, over and over. */
export async function* inChunks(content: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array, void, undefined> {
  let offset = 0;
  for (let turn = 0; offset < content.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? content.length;
    await setImmediate();
    yield content.subarray(offset, offset + size);
    offset += size;
  }
}

/** A body of one chunk. */
export async function* once(content: string): AsyncGenerator<Uint8Array, void, undefined> {
  await setImmediate();
  yield Buffer.from(content);
}

/** Everything that is yielded. */
export async function collect<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** The keys that begin with `prefix`, in the order of the list. */
export async function keys(store: BlobStore, prefix: string): Promise<readonly string[]> {
  return (await collect(store.list(prefix))).map(({ key }) => key);
}

/** An object that is text. */
export async function text(store: BlobStore, key: string): Promise<string> {
  return (await read(store, key)).toString();
}

/** What a promise rejects with; an error where it does not. */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw new Error("what was thrown is not an error", { cause: error });
  }
  throw new Error("expected a failure, and there was none");
}

export interface Watched {
  readonly body: AsyncIterable<Uint8Array>;
  readonly pulls: number;
  readonly returns: number;
  /** Whether it ended by itself or was closed. */
  isOver(): boolean;
}

/** A body that counts how it is used. */
export function watched(chunks: readonly string[], onPull: (pulls: number) => void = () => undefined): Watched {
  const state = { pulls: 0, returns: 0, ended: false };
  const iterator: AsyncIterator<Uint8Array> = {
    next: () => {
      const chunk = chunks[state.pulls];
      state.pulls += 1;
      onPull(state.pulls);
      state.ended ||= chunk === undefined;
      return Promise.resolve(chunk === undefined ? { done: true, value: undefined } : { done: false, value: Buffer.from(chunk) });
    },
    return: () => {
      state.returns += 1;
      return Promise.resolve({ done: true, value: undefined });
    },
  };
  return {
    body: { [Symbol.asyncIterator]: () => iterator },
    get pulls() {
      return state.pulls;
    },
    get returns() {
      return state.returns;
    },
    isOver: () => state.ended || state.returns > 0,
  };
}

/** The whole of an object, or of a range. */
export async function read(store: BlobStore, key: string, range?: { start: number; end: number }): Promise<Buffer> {
  return Buffer.concat(await collect(store.get(key, range === undefined ? {} : { range })));
}
