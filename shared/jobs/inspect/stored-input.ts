import { LifeboatError } from "../../errors.ts";
import type { ByteSpan, ReadThrough, SnapshotInput, SnapshotReader } from "../../input/snapshot-input.ts";
import type { Manifest } from "../../documents/manifest.ts";
import { SnapshotHasher } from "../../snapshot/trailer.ts";
import type { SnapshotStore } from "../../store/snapshot-store.ts";
import { requireAsRecorded } from "../verify/verify.ts";

/** Of one piece of a stored snapshot, which is the least that is read of it. */
const PIECE_BYTES = 4 * 1024 * 1024;
/** Where a few places are read, so much of the snapshot at most is read piece by piece: each waits for the one before. */
const SHARE = 1 / 4;

/** A stored snapshot, opened anew each time that something of it is read. */
export class StoredInput implements SnapshotInput {
  readonly name: string;
  readonly bytes: number;
  readonly #snapshots: SnapshotStore;
  readonly #manifest: Manifest;

  constructor(snapshots: SnapshotStore, manifest: Manifest) {
    this.name = `${manifest.cluster}/${manifest.id}`;
    this.bytes = manifest.snapshot.bytes;
    this.#snapshots = snapshots;
    this.#manifest = manifest;
  }

  async readAll<Result>(reader: SnapshotReader<Result>, signal: AbortSignal): Promise<ReadThrough<Result>> {
    const hasher = new SnapshotHasher();
    for await (const chunk of this.#snapshots.open(this.#manifest, this.#manifest.stored, { bytes: this.bytes, signal })) {
      hasher.update(chunk);
      reader.update(chunk);
    }
    const digests = hasher.finish();
    requireAsRecorded(this.#manifest, digests);
    return { digests, result: reader.finish() };
  }

  /** Holds one span at a time; of few it reads no more than their pieces, where the store can. */
  async *readSpans(spans: readonly ByteSpan[], signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const isFew = spans.length * PIECE_BYTES <= SHARE * this.bytes;
    const reader = isFew ? await this.#snapshots.openAt?.(this.#manifest, this.#manifest.stored, { bytes: this.bytes, signal }) : undefined;
    if (reader === undefined) yield* this.#readThrough(spans, signal);
    else for (const { at, length } of spans) yield await reader.readAt(at, length);
  }

  async *#readThrough(spans: readonly ByteSpan[], signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    let index = 0;
    let span = spans[0];
    let held = new Uint8Array(span?.length ?? 0);
    let at = 0;
    for await (const chunk of this.#snapshots.open(this.#manifest, this.#manifest.stored, { bytes: this.bytes, signal })) {
      const end = at + chunk.length;
      while (span !== undefined && span.at < end) {
        const [from, to] = [Math.max(span.at, at), Math.min(span.at + span.length, end)];
        held.set(chunk.subarray(from - at, to - at), from - span.at);
        if (to < span.at + span.length) break;
        yield held;
        span = spans[++index];
        held = new Uint8Array(span?.length ?? 0);
      }
      if (span === undefined) return;
      at = end;
    }
    if (span !== undefined) throw new LifeboatError("verify/size", `${this.name} ended after ${at} bytes when it was read again`);
  }
}
