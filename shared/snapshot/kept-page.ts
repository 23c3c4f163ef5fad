import { ELEMENT_BYTES, leafEnd } from "./elements.ts";
import { TreeFault } from "./finding.ts";
import { HEADER_BYTES } from "./meta-page.ts";

const LEAF_FLAG = 2;
const TWO_TO_32 = 2 ** 32;

/** A page whose elements were found to lie within it; `bytes` begins on a word of its memory. */
abstract class ElementPage {
  readonly count: number;
  /** All of the page, up to the end of its last element's data. */
  readonly bytes: Uint8Array;
  readonly #words: Uint32Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
    this.count = this.#words[2]! >>> 16;
  }

  /** Where an element's key begins. */
  abstract keyStart(index: number): number;
  abstract keyEnd(index: number): number;

  key(index: number): Uint8Array {
    return this.bytes.subarray(this.keyStart(index), this.keyEnd(index));
  }

  /** The `field`th word of an element. */
  protected word(index: number, field: 0 | 1 | 2 | 3): number {
    return this.#words[(HEADER_BYTES + ELEMENT_BYTES * index) / 4 + field]!;
  }
}

/** pos u32, ksize u32, pgid u64 for each child. */
export class BranchPage extends ElementPage {
  override keyStart(index: number): number {
    return HEADER_BYTES + ELEMENT_BYTES * index + this.word(index, 0);
  }

  override keyEnd(index: number): number {
    return this.keyStart(index) + this.word(index, 1);
  }

  /** The child's page number; past 2^53 not exactly, which no database has. */
  child(index: number): number {
    return this.word(index, 2) + this.word(index, 3) * TWO_TO_32;
  }
}

/** flags u32, pos u32, ksize u32, vsize u32 for each entry. */
export class LeafPage extends ElementPage {
  /** All keys and values, which follow each other. */
  get data(): Uint8Array {
    return this.bytes.subarray(HEADER_BYTES + ELEMENT_BYTES * this.count);
  }

  override keyStart(index: number): number {
    return HEADER_BYTES + ELEMENT_BYTES * index + this.word(index, 1);
  }

  override keyEnd(index: number): number {
    return this.keyStart(index) + this.word(index, 2);
  }

  value(index: number): Uint8Array {
    const start = this.keyEnd(index);
    return this.bytes.subarray(start, start + this.word(index, 3));
  }

  /** Whether the element is a bucket. */
  isBucket(index: number): boolean {
    return this.word(index, 0) !== 0;
  }
}

/** The page that lies in a small bucket's own value, after its header; `bucket` names it in a finding. */
export function inlinePage(value: Uint8Array, bucket: string): LeafPage {
  // A copy, so that words lie on word boundaries.
  const bytes = new Uint8Array(value);
  const words = new Uint32Array(bytes.buffer, 0, bytes.length >>> 2);
  if (bytes.length < HEADER_BYTES || (words[2]! & 0xffff) !== LEAF_FLAG) {
    throw new TreeFault("tree/bucket", `bucket ${bucket} has neither a root page nor a leaf page inside`);
  }
  const end = leafEnd(words, 0, bytes.length);
  // It takes all of the value, to the byte (bbolt: bucket.go, Bucket.write).
  if (end !== bytes.length)
    throw new TreeFault("tree/elements", `the page inside bucket ${bucket} has elements outside of it, or not where they belong`);
  return new LeafPage(bytes);
}
