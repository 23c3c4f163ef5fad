import type { SnapshotDigests } from "../snapshot/trailer.ts";

/** Bytes of a snapshot, from `at` on. */
export interface ByteSpan {
  readonly at: number;
  readonly length: number;
}

/** Is given all bytes of a snapshot, in order and once; their memory may be used again when `update` returns. */
export interface SnapshotReader<Result> {
  update(chunk: Uint8Array): void;
  /** Called once, after the last byte. */
  finish(): Result;
}

export interface ReadThrough<Result> {
  readonly digests: SnapshotDigests;
  readonly result: Result;
}

/** The port to a snapshot that is read from its beginning to its end, and then here and there: a file, or what a store holds. */
export interface SnapshotInput {
  /** As the person knows it. */
  readonly name: string;
  /** All that there is to read. */
  readonly bytes: number;

  /**
   * Gives everything to `reader`, and hashes it. Throws `input/...` where a file fails or is written to meanwhile, and what a store or its keys throw;
   * what `reader` was given until then proves nothing.
   */
  readAll<Result>(reader: SnapshotReader<Result>, signal: AbortSignal): Promise<ReadThrough<Result>>;

  /** The bytes of each of `spans`, which ascend and do not overlap, in order; they are valid until the next are asked for. Throws as `readAll` does, also where a span ends past the end. */
  readSpans(spans: readonly ByteSpan[], signal: AbortSignal): AsyncIterable<Uint8Array>;
}
