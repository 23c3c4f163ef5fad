import { createHash, randomBytes } from "node:crypto";
import { inBlocks } from "./in-blocks.ts";
import type { Block } from "../../shared/blocks.ts";
import type { SavedContent } from "../../shared/store/snapshot-store.ts";
import { ObjectDigest } from "../../shared/store/stored-object.ts";
import { boltFile, keyValue, revisionKey } from "../snapshot/support/bolt-file.ts";
import { wholeScan } from "../snapshot/support/scanned.ts";

/** `database` as etcd sends it over the network: with the SHA-256 of all of it at the end. */
export function asSent(database: Uint8Array): Buffer {
  return Buffer.concat([database, createHash("sha256").update(database).digest()]);
}

/** A whole snapshot of `keys` keys with `bytes` random bytes in all, which do not compress; put one after the other, the last at `revision`. */
export function randomSnapshot(bytes: number, { revision = 50, keys = 1 } = {}): Buffer {
  const entries = Array.from({ length: keys }, (_, index) => ({
    key: revisionKey(revision - keys + 1 + index),
    value: keyValue(Buffer.from(`/registry/configmaps/default/${index}`), randomBytes(Math.ceil(bytes / keys))),
  }));
  return asSent(boltFile(entries, { perLeaf: 32 }).bytes);
}

export interface ScannedHashKv {
  readonly revision: number;
  readonly hash: number;
  readonly compactRevision: number;
}

const HASHES = new WeakMap<Uint8Array, ScannedHashKv>();

/** HashKV as members answer that hold what `snapshot` does, at its last revision. Each snapshot is scanned once, however many members are asked. */
export function hashKvOf(snapshot: Uint8Array): ScannedHashKv {
  const known = HASHES.get(snapshot) ?? scanHashKv(snapshot);
  HASHES.set(snapshot, known);
  return known;
}

function scanHashKv(snapshot: Uint8Array): ScannedHashKv {
  const { lastRevision, compactRevision, hashKv } = wholeScan(snapshot);
  const answer = hashKv();
  if (!("hash" in answer)) throw new Error(answer.unavailable);
  return { revision: lastRevision, hash: answer.hash, compactRevision };
}

/** A copy with the bit of `mask` flipped at `offset`, which counts from the end where it is negative. */
export function flipped(bytes: Uint8Array, offset: number, mask = 1): Buffer {
  const copy = Buffer.from(bytes);
  const at = offset < 0 ? copy.length + offset : offset;
  const byte = copy[at];
  if (byte === undefined) throw new RangeError(`there is no byte ${offset} in ${copy.length}`);
  copy[at] = byte ^ mask;
  return copy;
}

export interface CountedBlocks {
  readonly blocks: AsyncIterable<Block>;
  readonly taken: number;
  readonly released: number;
  /** What was taken, as a commit wants it: to be asked once. */
  content(): SavedContent;
  /** Whether it ended by itself or was closed. */
  isOver(): boolean;
}

/** `chunks` in blocks, counting what becomes of each. */
export function countedBlocks(chunks: AsyncIterable<Uint8Array>, blockBytes?: number): CountedBlocks {
  const state = { taken: 0, released: 0, over: false };
  const digest = new ObjectDigest("no crc");
  const inner = inBlocks(chunks, blockBytes);
  const iterator: AsyncIterator<Block> = {
    async next() {
      const result = await inner.next();
      if (result.done === true) {
        state.over = true;
        return result;
      }
      state.taken += 1;
      const { value } = result;
      digest.add(value.bytes);
      let held = true;
      const release = (): void => {
        if (held) state.released += 1;
        held = false;
        value.release();
      };
      return { done: false, value: { bytes: value.bytes, release } };
    },
    async return() {
      state.over = true;
      await inner.return();
      return { done: true, value: undefined };
    },
  };
  return {
    blocks: { [Symbol.asyncIterator]: () => iterator },
    get taken() {
      return state.taken;
    },
    get released() {
      return state.released;
    },
    content: () => digest.finish(),
    isOver: () => state.over,
  };
}
