/** Bytes of one buffer, as they are and as little-endian words; `words[0]` is `bytes[0..3]`. */
export interface Words {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
}

/** A view of the same memory, or where that does not begin on a word, a copy. */
export function wordsOf(bytes: Uint8Array): Words {
  const plain = (bytes.byteOffset & 3) === 0 ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes);
  return { bytes: plain, words: new Uint32Array(plain.buffer, plain.byteOffset, plain.byteLength >>> 2) };
}
