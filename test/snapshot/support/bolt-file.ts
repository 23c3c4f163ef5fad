/** Small bbolt files, page by page (bbolt: internal/common): whole ones, and with `edit` any that are not. */

export const PAGE_BYTES = 4096;
const BRANCH = 1;
const LEAF = 2;
const META = 4;

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

function page(id: number, flags: number, count: number, body: Uint8Array): Buffer {
  const pages = Math.max(1, Math.ceil((16 + body.length) / PAGE_BYTES));
  const bytes = Buffer.alloc(pages * PAGE_BYTES);
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

export function metaPage(id: number, fields: { root: number; pages: number; txid: number }): Buffer {
  const bytes = page(id, META, 0, Buffer.alloc(0));
  bytes.writeUInt32LE(0xed0cdaed, 16);
  bytes.writeUInt32LE(2, 20);
  bytes.writeUInt32LE(PAGE_BYTES, 24);
  bytes.writeBigUInt64LE(BigInt(fields.root), 32);
  bytes.writeBigUInt64LE(0xffff_ffff_ffff_ffffn, 48);
  bytes.writeBigUInt64LE(BigInt(fields.pages), 56);
  bytes.writeBigUInt64LE(BigInt(fields.txid), 64);
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes.subarray(16, 72)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  bytes.writeBigUInt64LE(hash, 72);
  return bytes;
}

export interface BoltFile {
  readonly bytes: Buffer;
  /** Page numbers. */
  readonly root: number;
  readonly branch: number;
  readonly leaves: readonly number[];
}

/**
 * A database whose bucket `key` is a branch over leaves of `perLeaf` entries, with an inline bucket `meta` beside it; leaves
 * come last to first where `isBackwards`, and the pages of `stale` lie before them.
 */
export function boltFile(
  entries: readonly Entry[],
  { perLeaf = 3, isBackwards = false, meta = [] as readonly Entry[], stale = [] as readonly Uint8Array[] } = {},
): BoltFile {
  const groups = Array.from({ length: Math.ceil(entries.length / perLeaf) }, (_, index) =>
    entries.slice(index * perLeaf, (index + 1) * perLeaf),
  );
  const [root, branch] = [2, 3];
  let next = 4 + stale.length;
  const leaves: number[] = [];
  const body: Buffer[] = stale.map((each) => Buffer.concat([each, Buffer.alloc(PAGE_BYTES)]).subarray(0, PAGE_BYTES));
  for (const index of isBackwards ? [...groups.keys()].toReversed() : groups.keys()) {
    const leaf = page(next, LEAF, groups[index]?.length ?? 0, leafBody(groups[index] ?? [], 0));
    leaves[index] = next;
    body.push(leaf);
    next += leaf.length / PAGE_BYTES;
  }
  const header = Buffer.alloc(16);
  header.writeBigUInt64LE(BigInt(branch));
  const inline = Buffer.concat([Buffer.alloc(16), page(0, LEAF, meta.length, leafBody(meta, 0)).subarray(0, 16), leafBody(meta, 0)]);
  const buckets = [
    { key: Buffer.from("key"), value: header },
    { key: Buffer.from("meta"), value: inline },
  ];
  const children = groups.map((group, index) => ({ key: group[0]?.key ?? Buffer.alloc(0), id: leaves[index] ?? 0 }));
  const bytes = Buffer.concat([
    metaPage(0, { root, pages: next, txid: 8 }),
    metaPage(1, { root, pages: next, txid: 7 }),
    page(root, LEAF, buckets.length, leafBody(buckets, 1)),
    page(branch, BRANCH, children.length, branchBody(children)),
    ...body,
  ]);
  return { bytes, root, branch, leaves };
}
