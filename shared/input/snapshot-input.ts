import type { SnapshotDigests } from "../snapshot/trailer.ts";

/** Bytes of a snapshot, from `at` on. */
export interface ByteSpan {
  readonly at: number;
  readonly length: number;
}

/** The port to a snapshot that is read from its beginning to its end, and then here and there: a file, or what a store holds. */
export interface SnapshotInput {
  /** As the person knows it. */
  readonly name: string;
  /** All that there is to read. */
  readonly bytes: number;

  /**
   * Hands every byte to `take`, in order and once; its memory may be used again when `take` returns. Throws `input/...` where a file fails or is written to
   * meanwhile, and what a store or its keys throw; what `take` was given until then proves nothing.
   */
  readAll(take: (chunk: Uint8Array) => void, signal: AbortSignal): Promise<SnapshotDigests>;

  /** Hands the bytes of each of `spans`, which ascend and do not overlap, to `take`, in order. Throws as `readAll` does, also where a span ends past the end. */
  readSpans(spans: readonly ByteSpan[], take: (bytes: Uint8Array, index: number) => void, signal: AbortSignal): Promise<void>;
}
