import { crc32c } from "./crc32c.ts";
import { leafEnd } from "./elements.ts";
import { KeyValueReader } from "./key-value.ts";
import { LeafPage } from "./kept-page.ts";
import { Revision } from "./revision.ts";

/** An entry of bucket `key`: views of the page that it was read from. */
export interface ReadEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** The main part of its revision, which is its mod_revision. */
  readonly revision: number;
  readonly isTombstone: boolean;
}

/** The entries at `indexes` of a leaf that is read a second time; undefined where it is not the page whose keys and values had the CRC-32C `crc`. */
export function readEntries(page: Uint8Array, crc: number, indexes: readonly number[]): readonly ReadEntry[] | undefined {
  // A copy, so that words lie on word boundaries.
  const bytes = new Uint8Array(page);
  const end = leafEnd(new Uint32Array(bytes.buffer, 0, bytes.length >>> 2), 0, bytes.length);
  if (end < 0) return undefined;
  const leaf = new LeafPage(bytes.subarray(0, end));
  if (crc32c(leaf.data) !== crc) return undefined;
  const entries = indexes.flatMap((index) => (index < leaf.count ? (entryOf(leaf.key(index), leaf.value(index)) ?? []) : []));
  return entries.length === indexes.length ? entries : undefined;
}

/** An entry out of its two halves; undefined where they are none. */
export function entryOf(key: Uint8Array, message: Uint8Array): ReadEntry | undefined {
  const [revision, fields] = [new Revision(), new KeyValueReader()];
  if (!revision.read(key, 0, key.length) || !fields.read(message, 0, message.length)) return undefined;
  return {
    key: message.subarray(fields.keyStart, fields.keyEnd),
    value: message.subarray(fields.valueStart, fields.valueEnd),
    revision: revision.main,
    isTombstone: revision.isTombstone,
  };
}
