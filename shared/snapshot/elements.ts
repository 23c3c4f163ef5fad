import { HEADER_BYTES } from "./meta-page.ts";

/** Of a leaf (flags, pos, ksize, vsize: u32 each) and of a branch (pos, ksize: u32; pgid: u64). */
export const ELEMENT_BYTES = 16;

/**
 * How many bytes of the leaf at `at` are used; -1 where its elements do not follow each other closely, as bbolt writes them
 * (internal/common/inode.go), or leave the page.
 */
export function leafEnd(words: Uint32Array, at: number, extent: number): number {
  const count = words[(at >>> 2) + 2]! >>> 16;
  let end = HEADER_BYTES + ELEMENT_BYTES * count;
  if (end > extent) return -1;
  for (let index = 0; index < count; index++) {
    const offset = HEADER_BYTES + ELEMENT_BYTES * index;
    const element = (at + offset) >>> 2;
    // 1 is a bucket's, and there is no other.
    if (words[element]! > 1 || offset + words[element + 1]! !== end) return -1;
    end += words[element + 2]! + words[element + 3]!;
    if (end > extent) return -1;
  }
  return end;
}

/** The same of a branch. */
export function branchEnd(words: Uint32Array, at: number, extent: number): number {
  const count = words[(at >>> 2) + 2]! >>> 16;
  let end = HEADER_BYTES + ELEMENT_BYTES * count;
  // A branch without a child cannot be searched.
  if (count === 0 || end > extent) return -1;
  for (let index = 0; index < count; index++) {
    const offset = HEADER_BYTES + ELEMENT_BYTES * index;
    const element = (at + offset) >>> 2;
    if (offset + words[element]! !== end) return -1;
    end += words[element + 1]!;
    if (end > extent) return -1;
  }
  return end;
}
