import type { ByteSpan, ReadThrough, SnapshotInput, SnapshotReader } from "../../shared/input/snapshot-input.ts";
import { SnapshotHasher } from "../../shared/snapshot/trailer.ts";

/** A snapshot in memory. */
export class BytesInput implements SnapshotInput {
  readonly name: string;
  readonly #content: Uint8Array;

  constructor(name: string, content: Uint8Array) {
    this.name = name;
    this.#content = content;
  }

  get bytes(): number {
    return this.#content.length;
  }

  async readAll<Result>(reader: SnapshotReader<Result>): Promise<ReadThrough<Result>> {
    const hasher = new SnapshotHasher();
    hasher.update(this.#content);
    reader.update(this.#content);
    return { digests: hasher.finish(), result: reader.finish() };
  }

  async *readSpans(spans: readonly ByteSpan[]): AsyncGenerator<Uint8Array, void, undefined> {
    for (const { at, length } of spans) yield this.#content.subarray(at, at + length);
  }
}
