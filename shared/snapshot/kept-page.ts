import { TreeFault } from "./finding.ts";
import { HEADER_BYTES } from "./meta-page.ts";
import { ELEMENT_BYTES, leafEnd } from "./page-reader.ts";

const LEAF_FLAG = 2;

/** A branch page whose elements were found to lie within it. */
export class BranchPage {
  readonly count: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.count = this.#view.getUint16(10, true);
  }

  key(index: number): Uint8Array {
    const element = HEADER_BYTES + ELEMENT_BYTES * index;
    const start = element + this.#view.getUint32(element, true);
    return this.#bytes.subarray(start, start + this.#view.getUint32(element + 4, true));
  }

  /** The child's page number. */
  child(index: number): number {
    return Number(this.#view.getBigUint64(HEADER_BYTES + ELEMENT_BYTES * index + 8, true));
  }
}

/** A leaf page whose elements were found to lie within it. */
export class LeafPage {
  readonly count: number;
  /** All keys and values, which follow each other. */
  readonly data: Uint8Array;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.count = this.#view.getUint16(10, true);
    this.data = bytes.subarray(HEADER_BYTES + ELEMENT_BYTES * this.count);
  }

  /** Whether the element is a bucket. */
  isBucket(index: number): boolean {
    return this.#view.getUint32(HEADER_BYTES + ELEMENT_BYTES * index, true) !== 0;
  }

  key(index: number): Uint8Array {
    const { start, keyBytes } = this.#place(index);
    return this.#bytes.subarray(start, start + keyBytes);
  }

  value(index: number): Uint8Array {
    const { start, keyBytes, valueBytes } = this.#place(index);
    return this.#bytes.subarray(start + keyBytes, start + keyBytes + valueBytes);
  }

  #place(index: number): { start: number; keyBytes: number; valueBytes: number } {
    const element = HEADER_BYTES + ELEMENT_BYTES * index;
    const [pos, keyBytes, valueBytes] = [4, 8, 12].map((offset) => this.#view.getUint32(element + offset, true));
    return { start: element + pos!, keyBytes: keyBytes!, valueBytes: valueBytes! };
  }
}

/** The page that lies in a small bucket's own value, after its header. */
export function inlinePage(value: Uint8Array, bucket: string): LeafPage {
  // A copy, so that words lie on word boundaries.
  const bytes = new Uint8Array(value);
  const words = new Uint32Array(bytes.buffer, 0, bytes.length >>> 2);
  if (bytes.length < HEADER_BYTES || (words[2]! & 0xffff) !== LEAF_FLAG) {
    throw new TreeFault("tree/bucket", `bucket ${bucket} has neither a root page nor a leaf page inside`);
  }
  const end = leafEnd(words, 0, bytes.length);
  if (end < 0)
    throw new TreeFault("tree/elements", `the page inside bucket ${bucket} has elements outside of it, or not where they belong`);
  return new LeafPage(bytes.subarray(0, end));
}
