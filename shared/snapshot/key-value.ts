const KEY_FIELD = 1;
const VALUE_FIELD = 5;
/** Besides, create_revision, mod_revision, version and lease: all varints. */
const LAST_FIELD = 6;
const WIRE = { varint: 0, fixed64: 1, length: 2, fixed32: 5 } as const;

/**
 * Where key and value lie in an mvccpb.KeyValue (etcd: api/mvccpb/kv.proto): one object that is filled anew for each entry, since there
 * are millions.
 */
export class KeyValueReader {
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  #at = 0;

  /** Reads the message from `start` up to `end`; false where it is none. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    this.keyStart = this.keyEnd = this.valueStart = this.valueEnd = start;
    this.#at = start;
    while (this.#at < end) {
      const tag = this.#varint(bytes, end);
      // Field numbers go up to 2^29 - 1.
      if (tag < 8 || tag > 0xffff_ffff) return false;
      const field = tag >>> 3;
      // A field of etcd's that is of another kind than etcd's is an error to etcd.
      if (field <= LAST_FIELD && (tag & 7) !== (field === KEY_FIELD || field === VALUE_FIELD ? WIRE.length : WIRE.varint)) return false;
      switch (tag & 7) {
        case WIRE.varint:
          if (this.#varint(bytes, end) < 0) return false;
          break;
        case WIRE.fixed64:
          this.#at += 8;
          break;
        case WIRE.fixed32:
          this.#at += 4;
          break;
        case WIRE.length: {
          const length = this.#varint(bytes, end);
          if (length < 0 || length > end - this.#at) return false;
          if (field === KEY_FIELD) {
            this.keyStart = this.#at;
            this.keyEnd = this.#at + length;
          } else if (field === VALUE_FIELD) {
            this.valueStart = this.#at;
            this.valueEnd = this.#at + length;
          }
          this.#at += length;
          break;
        }
        default:
          return false;
      }
    }
    return this.#at === end;
  }

  /** -1 where there is none. Ten bytes at most; past 2^53 only its being there matters (lease ids). */
  #varint(bytes: Uint8Array, end: number): number {
    if (this.#at < end && bytes[this.#at]! < 0x80) return bytes[this.#at++]!;
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10 && this.#at < end; count++) {
      const byte = bytes[this.#at++]!;
      if (byte < 0x80) return value + byte * scale;
      value += (byte & 0x7f) * scale;
      scale *= 128;
    }
    return -1;
  }
}
