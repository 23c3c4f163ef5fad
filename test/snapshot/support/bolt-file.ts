/** Small bbolt files, page by page (bbolt: internal/common): whole ones, and with `edit` any that are not. */

export const PAGE_BYTES = 4096;
const BRANCH = 1;
const LEAF = 2;
const META = 4;
const FREELIST = 16;

export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** The bucket key of a revision. */
export function revisionKey(main: number, sub = 0, isTombstone = false): Buffer {
  const key = Buffer.alloc(isTombstone ? 18 : 17, "t");
  key.writeBigUInt64BE(BigInt(main), 0);
  key.write("_", 8);
  key.writeBigUInt64BE(BigInt(sub), 9);
  return key;
}

/** An mvccpb.KeyValue with only a key, or a key and a value. */
export function keyValue(key: Uint8Array, value?: Uint8Array): Buffer {
  const field = (tag: number, bytes: Uint8Array): Buffer => Buffer.concat([Buffer.from([tag]), varint(bytes.length), bytes]);
  return Buffer.concat([field(0x0a, key), ...(value === undefined ? [] : [field(0x2a, value)])]);
}

function varint(value: number): Buffer {
  return value < 0x80 ? Buffer.from([value]) : Buffer.concat([Buffer.from([(value & 0x7f) | 0x80]), varint(value >>> 7)]);
}

function page(id: number, flags: number, count: number, body: Uint8Array, pageBytes = PAGE_BYTES): Buffer {
  const pages = Math.max(1, Math.ceil((16 + body.length) / pageBytes));
  const bytes = Buffer.alloc(pages * pageBytes);
  bytes.writeBigUInt64LE(BigInt(id), 0);
  bytes.writeUInt16LE(flags, 8);
  bytes.writeUInt16LE(count, 10);
  bytes.writeUInt32LE(pages - 1, 12);
  bytes.set(body, 16);
  return bytes;
}

function leafBody(entries: readonly Entry[], flag: 0 | 1): Buffer {
  const elements = Buffer.alloc(16 * entries.length);
  let data = elements.length;
  for (const [index, { key, value }] of entries.entries()) {
    elements.writeUInt32LE(flag, 16 * index);
    elements.writeUInt32LE(data - 16 * index, 16 * index + 4);
    elements.writeUInt32LE(key.length, 16 * index + 8);
    elements.writeUInt32LE(value.length, 16 * index + 12);
    data += key.length + value.length;
  }
  return Buffer.concat([elements, ...entries.flatMap(({ key, value }) => [key, value])]);
}

function branchBody(children: readonly { key: Uint8Array; id: number }[]): Buffer {
  const elements = Buffer.alloc(16 * children.length);
  let data = elements.length;
  for (const [index, { key, id }] of children.entries()) {
    elements.writeUInt32LE(data - 16 * index, 16 * index);
    elements.writeUInt32LE(key.length, 16 * index + 4);
    elements.writeBigUInt64LE(BigInt(id), 16 * index + 8);
    data += key.length;
  }
  return Buffer.concat([elements, ...children.map(({ key }) => key)]);
}

export interface MetaFields {
  readonly root: number;
  readonly pages: number;
  readonly txid: number;
  readonly freelist?: number;
  readonly pageBytes?: number;
}

export function metaPage(id: number, { root, pages, txid, freelist, pageBytes = PAGE_BYTES }: MetaFields): Buffer {
  const bytes = page(id, META, 0, Buffer.alloc(0), pageBytes);
  bytes.writeUInt32LE(0xed0cdaed, 16);
  bytes.writeUInt32LE(2, 20);
  bytes.writeUInt32LE(pageBytes, 24);
  bytes.writeBigUInt64LE(BigInt(root), 32);
  bytes.writeBigUInt64LE(freelist === undefined ? 0xffff_ffff_ffff_ffffn : BigInt(freelist), 48);
  bytes.writeBigUInt64LE(BigInt(pages), 56);
  bytes.writeBigUInt64LE(BigInt(txid), 64);
  sealMeta(bytes);
  return bytes;
}

/** Writes the checksum that belongs to the meta page at `at`. */
export function sealMeta(bytes: Buffer, at = 0): void {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes.subarray(at + 16, at + 72)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  bytes.writeBigUInt64LE(hash, at + 72);
}

export interface BoltFile {
  readonly bytes: Buffer;
  /** Page numbers. */
  readonly root: number;
  readonly branch: number;
  readonly leaves: readonly number[];
}

export interface Bucket {
  readonly name: string;
  readonly entries: readonly Entry[];
}

export interface BoltOptions {
  /** Entries of one leaf of bucket `key`. */
  readonly perLeaf?: number;
  /** Leaves come last to first. */
  readonly isBackwards?: boolean;
  /** Of bucket `meta`. */
  readonly meta?: readonly Entry[];
  /** Further buckets inside the root's leaf, and further ones with a leaf of their own. */
  readonly inline?: readonly Bucket[];
  readonly paged?: readonly Bucket[];
  /** Pages that lie before the leaves of bucket `key`, and that nothing names. */
  readonly stale?: readonly Uint8Array[];
  /** Pages that a stored list calls free; undefined where there is none, which is etcd's way. */
  readonly free?: readonly number[];
  readonly pageBytes?: number;
}

/** A database whose bucket `key` is a branch over leaves of `perLeaf` entries, with an inline bucket `meta` beside it. */
export function boltFile(entries: readonly Entry[], options: BoltOptions = {}): BoltFile {
  const { perLeaf = 3, isBackwards = false, meta = [], inline = [], paged = [], stale = [], free, pageBytes = PAGE_BYTES } = options;
  const groups = Array.from({ length: Math.ceil(entries.length / perLeaf) }, (_, index) =>
    entries.slice(index * perLeaf, (index + 1) * perLeaf),
  );
  const [root, branch] = [2, 3];
  const children = groups.map((group) => ({ key: group[0]?.key ?? Buffer.alloc(0), id: 0 }));
  // Its length does not depend on the children's numbers.
  let next = branch + page(branch, BRANCH, children.length, branchBody(children), pageBytes).length / pageBytes + stale.length;
  const body: Buffer[] = stale.map((each) => Buffer.concat([each, Buffer.alloc(pageBytes)]).subarray(0, pageBytes));
  const place = (flags: number, count: number, bytes: Uint8Array): number => {
    const written = page(next, flags, count, bytes, pageBytes);
    body.push(written);
    next += written.length / pageBytes;
    return next - written.length / pageBytes;
  };
  for (const index of isBackwards ? [...groups.keys()].toReversed() : groups.keys()) {
    const group = groups[index] ?? [];
    children[index] = { key: group[0]?.key ?? Buffer.alloc(0), id: place(LEAF, group.length, leafBody(group, 0)) };
  }
  const buckets = [
    { key: Buffer.from("key"), value: bucketHeader(branch) },
    ...[{ name: "meta", entries: meta }, ...inline].map((bucket) => ({
      key: Buffer.from(bucket.name),
      value: inlineBucket(bucket.entries),
    })),
    ...paged.map((bucket) => ({
      key: Buffer.from(bucket.name),
      value: bucketHeader(place(LEAF, bucket.entries.length, leafBody(bucket.entries, 0))),
    })),
  ].toSorted((a, b) => Buffer.compare(a.key, b.key));
  const freelist = free && place(FREELIST, free.length, Buffer.from(BigUint64Array.from(free, BigInt).buffer));
  const fields = { root, pages: next, pageBytes, ...(freelist !== undefined && { freelist }) };
  const bytes = Buffer.concat([
    metaPage(0, { ...fields, txid: 8 }),
    metaPage(1, { ...fields, txid: 7 }),
    page(root, LEAF, buckets.length, leafBody(buckets, 1), pageBytes),
    page(branch, BRANCH, children.length, branchBody(children), pageBytes),
    ...body,
  ]);
  return { bytes, root, branch, leaves: children.map(({ id }) => id) };
}

function bucketHeader(root: number): Buffer {
  const header = Buffer.alloc(16);
  header.writeBigUInt64LE(BigInt(root));
  return header;
}

function inlineBucket(entries: readonly Entry[]): Buffer {
  return Buffer.concat([bucketHeader(0), page(0, LEAF, entries.length, leafBody(entries, 0)).subarray(0, 16), leafBody(entries, 0)]);
}
