import type { BranchPage } from "./kept-page.ts";
import { Revision } from "./revision.ts";

/** A branch's key for one of its children: no key below that child comes before it, and none below the child before reaches it. */
export class BranchKey {
  readonly #page: BranchPage;
  readonly #index: number;
  /** The key as a revision, which in bucket `key` all are: numbers compare faster than bytes. */
  readonly #revision: Revision | undefined;

  constructor(page: BranchPage, index: number) {
    this.#page = page;
    this.#index = index;
    const start = page.keyStart(index);
    const revision = new Revision();
    this.#revision = revision.read(page.bytes, start, page.keyEnd(index) - start) ? revision : undefined;
  }

  /** Below 0 where this key comes before `other`. */
  compareTo(other: BranchKey): number {
    return other.#revision === undefined ? this.compareToBytes(other.bytes) : this.compareToRevision(other.#revision);
  }

  compareToRevision(other: Revision): number {
    return this.#revision === undefined ? Buffer.compare(this.bytes, other.toBytes()) : this.#revision.compare(other);
  }

  compareToBytes(other: Uint8Array): number {
    return Buffer.compare(this.bytes, other);
  }

  get bytes(): Uint8Array {
    return this.#page.key(this.#index);
  }
}
