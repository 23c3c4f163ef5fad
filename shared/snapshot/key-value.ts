import { VarintCursor } from "./varint-cursor.ts";

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
  readonly #cursor = new VarintCursor();

  /** Reads the message from `start` up to `end`; false where it is none. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    this.keyStart = this.keyEnd = this.valueStart = this.valueEnd = start;
    const cursor = this.#cursor;
    cursor.at = start;
    while (cursor.at < end) {
      const tag = cursor.next(bytes, end);
      // Field numbers go up to 2^29 - 1.
      if (tag < 8 || tag > 0xffff_ffff) return false;
      const field = tag >>> 3;
      // A field of etcd's that is of another kind than etcd's is an error to etcd.
      if (field <= LAST_FIELD && (tag & 7) !== (field === KEY_FIELD || field === VALUE_FIELD ? WIRE.length : WIRE.varint)) return false;
      switch (tag & 7) {
        case WIRE.varint:
          if (cursor.next(bytes, end) < 0) return false;
          break;
        case WIRE.fixed64:
          cursor.at += 8;
          break;
        case WIRE.fixed32:
          cursor.at += 4;
          break;
        case WIRE.length: {
          const length = cursor.next(bytes, end);
          if (length < 0 || length > end - cursor.at) return false;
          if (field === KEY_FIELD) {
            this.keyStart = cursor.at;
            this.keyEnd = cursor.at + length;
          } else if (field === VALUE_FIELD) {
            this.valueStart = cursor.at;
            this.valueEnd = cursor.at + length;
          }
          cursor.at += length;
          break;
        }
        default:
          return false;
      }
    }
    return cursor.at === end;
  }
}
