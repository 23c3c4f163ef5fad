/**
 * Keys of bucket `key`: a revision is main u64, `_`, sub u64, big-endian, and a tombstone's has a `t` after it (etcd:
 * server/storage/mvcc/revision.go).
 */
export const REVISION_BYTES = 17;
export const UNDERSCORE = 0x5f;
export const LETTER_T = 0x74;
const TWO_TO_32 = 2 ** 32;
/** The upper half of a revision below 2^53. */
const MAIN_HIGH_LIMIT = 2 ** 21;

/** A revision, and whether its entry is a tombstone: one object that is filled anew for each key, since there are millions. */
export class Revision {
  main = 0;
  sub = 0;
  isTombstone = false;

  /** Reads the key of `length` bytes at `at`; false where it is no revision below 2^53 with a sub below 2^32, and nothing is changed. */
  read(bytes: Uint8Array, at: number, length: number): boolean {
    if (length !== REVISION_BYTES && (length !== REVISION_BYTES + 1 || bytes[at + REVISION_BYTES] !== LETTER_T)) return false;
    const high = bigEndian(bytes, at);
    if (high >= MAIN_HIGH_LIMIT || bytes[at + 8] !== UNDERSCORE || bigEndian(bytes, at + 9) !== 0) return false;
    this.main = high * TWO_TO_32 + bigEndian(bytes, at + 4);
    this.sub = bigEndian(bytes, at + 13);
    this.isTombstone = length > REVISION_BYTES;
    return true;
  }

  set(main: number, sub: number, isTombstone: boolean): this {
    this.main = main;
    this.sub = sub;
    this.isTombstone = isTombstone;
    return this;
  }

  /** Below 0 where this key comes before `other`, as bytes and so as numbers. */
  compare(other: Revision): number {
    if (this.main !== other.main) return this.main - other.main;
    if (this.sub !== other.sub) return this.sub - other.sub;
    return Number(this.isTombstone) - Number(other.isTombstone);
  }

  /** The key itself. */
  toBytes(): Uint8Array {
    const bytes = Buffer.alloc(this.isTombstone ? REVISION_BYTES + 1 : REVISION_BYTES, "t");
    bytes.writeUInt32BE(Math.floor(this.main / TWO_TO_32), 0);
    bytes.writeUInt32BE(this.main % TWO_TO_32, 4);
    bytes[8] = UNDERSCORE;
    bytes.writeUInt32BE(0, 9);
    bytes.writeUInt32BE(this.sub, 13);
    return bytes;
  }
}

function bigEndian(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
