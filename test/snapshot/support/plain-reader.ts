import { crc32c } from "../../../shared/snapshot/crc32c.ts";
import { readMeta } from "../../../shared/snapshot/meta-page.ts";
import type { Entry } from "./bolt-file.ts";

/** What a database holds, read with random access, each rule of bbolt's as plainly as can be: a second opinion on the scan. */
export interface PlainDatabase {
  /** As `etcdutl snapshot status` prints it. */
  readonly hash: number;
  /** Of bucket `key`. */
  readonly entries: readonly Entry[];
  /** Where what counts lies, from and up to: page headers, elements, keys and values of leaves, but no keys of branches. */
  readonly content: readonly (readonly [number, number])[];
  /**
   * Among it, what may change and the database be the same: sequence numbers of buckets, the number and overflow of a page inside one, lengths of
   * the keys of branches, which only have to lead the right way, and the numbers of pages, which may lead to an older page that holds the same.
   */
  readonly silent: readonly (readonly [number, number])[];
  readonly pageBytes: number;
}

const [BRANCH, LEAF, FREELIST] = [1, 2, 16];

/** Throws an Error at the first thing that is wrong. */
export function readPlainly(bytes: Buffer): PlainDatabase {
  const meta = readMeta(bytes.subarray(0, 70_000));
  const { pageSize } = meta;
  const past = bytes.length % pageSize;
  const end = meta.pages * pageSize;
  check(bytes.length - past >= end && (past === 0 || (past === 32 && bytes.length - 32 === end)), "length");
  const reached = new Set([0, 1]);
  const content: [number, number][] = [];
  const silent: [number, number][] = [];
  const entries: Entry[] = [];
  const names = new Set<string>();
  let hash = 0;
  let bucket: string | undefined;

  const free = meta.freelist === undefined ? [] : freePages(meta.freelist);
  visit(meta.root, undefined, undefined);
  for (const id of free) {
    check(id >= 2n && id < BigInt(meta.pages) && !reached.has(Number(id)), "free page");
    reached.add(Number(id));
  }
  check(meta.freelist === undefined || reached.size === meta.pages, "lost page");
  check(names.has("key") && names.has("meta"), "buckets");
  return { hash, entries, content, silent, pageBytes: pageSize };

  function extentOf(id: number): Buffer {
    check(id >= 2 && id < meta.pages, "page number");
    const at = id * pageSize;
    check(bytes.readBigUInt64LE(at) === BigInt(id), "page id");
    const overflow = bytes.readUInt32LE(at + 12);
    check(id + overflow < meta.pages, "overflow");
    for (let each = id; each <= id + overflow; each++) {
      check(!reached.has(each), "reached twice");
      reached.add(each);
    }
    return bytes.subarray(at, at + (overflow + 1) * pageSize);
  }

  function freePages(id: number): bigint[] {
    const page = extentOf(id);
    check(page.readUInt16LE(8) === FREELIST, "freelist");
    const short = page.readUInt16LE(10);
    const count = short === 0xffff ? Number(page.readBigUInt64LE(16)) : short;
    const start = short === 0xffff ? 24 : 16;
    check(start + 8 * count <= page.length, "freelist count");
    return Array.from({ length: count }, (_, index) => page.readBigUInt64LE(start + 8 * index));
  }

  function visit(id: number, from: Buffer | undefined, to: Buffer | undefined): void {
    const page = extentOf(id);
    const flags = page.readUInt16LE(8);
    check(flags === BRANCH || flags === LEAF, "page flags");
    const count = page.readUInt16LE(10);
    const at = id * pageSize;
    if (flags === LEAF) {
      const elements = leafElements(page);
      content.push([at, at + elements.end]);
      bounds(elements.keys, from, to);
      leaf(elements);
      return;
    }
    check(count > 0, "branch without children");
    let start = 16 + 16 * count;
    check(start <= page.length, "branch count");
    content.push([at, at + start]);
    const children = Array.from({ length: count }, (_, index) => {
      const element = 16 + 16 * index;
      const length = page.readUInt32LE(element + 4);
      silent.push([at + element + 4, at + element + 16]);
      check(element + page.readUInt32LE(element) === start && start + length <= page.length, "branch element");
      start += length;
      return { key: page.subarray(start - length, start), id: Number(page.readBigUInt64LE(element + 8)) };
    });
    bounds(
      children.map(({ key }) => key),
      from,
      to,
    );
    for (const [index, child] of children.entries()) visit(child.id, child.key, children[index + 1]?.key ?? to);
  }

  function leaf({ keys, values, areBuckets }: Elements): void {
    if (bucket !== undefined) {
      check(
        areBuckets.every((is) => !is),
        "nested bucket",
      );
      for (const [index, key] of keys.entries()) add(key, values[index] ?? Buffer.alloc(0));
      return;
    }
    for (const [index, name] of keys.entries()) {
      const value = values[index] ?? Buffer.alloc(0);
      check(areBuckets[index] === true && value.length >= 16, "bucket");
      const place = value.byteOffset - bytes.byteOffset;
      hash = crc32c(name, hash);
      bucket = name.toString("utf8");
      names.add(bucket);
      const root = value.readBigUInt64LE();
      silent.push([place, place + 16]);
      if (root === 0n) {
        silent.push([place + 16, place + 24], [place + 28, place + 32]);
        check(value.length >= 32 && value.readUInt16LE(24) === LEAF, "inline page");
        const inside = leafElements(value.subarray(16));
        check(16 + inside.end === value.length, "inline page's end");
        bounds(inside.keys, undefined, undefined);
        leaf(inside);
      } else visit(Number(root), undefined, undefined);
      bucket = undefined;
    }
  }

  function add(key: Buffer, value: Buffer): void {
    hash = crc32c(value, crc32c(key, hash));
    if (bucket !== "key") return;
    check(key.length === 17 || (key.length === 18 && key[17] === 0x74), "revision length");
    check(key.readBigUInt64BE() < 2n ** 53n && key[8] === 0x5f && key.readBigUInt64BE(9) < 2n ** 32n, "revision");
    check(userKeyOf(value) !== undefined, "message");
    entries.push({ key, value });
  }
}

interface Elements {
  readonly keys: readonly Buffer[];
  readonly values: readonly Buffer[];
  readonly areBuckets: readonly boolean[];
  readonly end: number;
}

function leafElements(page: Buffer): Elements {
  const count = page.readUInt16LE(10);
  const [keys, values, areBuckets]: [Buffer[], Buffer[], boolean[]] = [[], [], []];
  let end = 16 + 16 * count;
  check(end <= page.length, "leaf count");
  for (let index = 0; index < count; index++) {
    const element = 16 + 16 * index;
    const [flags, pos, keyBytes, valueBytes] = [0, 4, 8, 12].map((offset) => page.readUInt32LE(element + offset));
    check(flags === 0 || flags === 1, "element flags");
    check(element + (pos ?? 0) === end, "leaf element");
    const middle = end + (keyBytes ?? 0);
    check(middle + (valueBytes ?? 0) <= page.length, "leaf element's end");
    keys.push(page.subarray(end, middle));
    end = middle + (valueBytes ?? 0);
    values.push(page.subarray(middle, end));
    areBuckets.push(flags === 1);
  }
  return { keys, values, areBuckets, end };
}

function bounds(keys: readonly Buffer[], from: Buffer | undefined, to: Buffer | undefined): void {
  for (const [index, key] of keys.entries()) {
    const before = keys[index - 1];
    check(before === undefined || Buffer.compare(before, key) < 0, "order");
    check(from === undefined || Buffer.compare(from, key) <= 0, "before its parent's key");
    check(to === undefined || Buffer.compare(key, to) < 0, "past its parent's key");
  }
}

/** Of mvccpb.KeyValue's fields: a length and bytes, or a varint. */
const KINDS: Readonly<Record<number, number>> = { 1: 2, 2: 0, 3: 0, 4: 0, 5: 2, 6: 0 };

/** Field 1 of a protobuf message; undefined where it is none. */
function userKeyOf(message: Buffer): string | undefined {
  let at = 0;
  let key = "";
  const varint = (): bigint => {
    let value = 0n;
    for (let count = 0; count < 10; count++) {
      const byte = message[at++];
      if (byte === undefined) return -1n;
      value |= BigInt(byte & 0x7f) << BigInt(7 * count);
      if (byte < 0x80) return value;
    }
    return -1n;
  };
  while (at < message.length) {
    const tag = varint();
    if (tag < 8n || tag >= 2n ** 32n) return undefined;
    const kind = Number(tag & 7n);
    const known = KINDS[Number(tag >> 3n)];
    if (known !== undefined && known !== kind) return undefined;
    if (kind === 0) {
      if (varint() < 0n) return undefined;
    } else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else if (kind === 2) {
      const length = varint();
      if (length < 0n || length > BigInt(message.length - at)) return undefined;
      if (tag >> 3n === 1n) key = message.toString("latin1", at, at + Number(length));
      at += Number(length);
    } else return undefined;
  }
  return at === message.length ? key : undefined;
}

/** The rule of etcd's hash.go, entry by entry. */
export function plainHashKv(entries: readonly Entry[], revision: number, compactRevision: number): number {
  const mainOf = ({ key }: Entry): number => Number(Buffer.from(key).readBigUInt64BE());
  const upTo = entries.filter((entry) => mainOf(entry) <= revision);
  const newest = new Map(upTo.map((entry) => [userKeyOf(Buffer.from(entry.value)), entry]));
  const kept = new Set([...newest.values()].filter(({ key }) => key.length === 17));
  const counted = upTo.filter((entry) => {
    const main = mainOf(entry);
    if (main > compactRevision) return true;
    return kept.size > 0 ? kept.has(entry) : main !== compactRevision || entry.key.length === 17;
  });
  return crc32c(Buffer.concat([Buffer.from("key"), ...counted.flatMap(({ key, value }) => [key, value])]));
}

/** User keys whose newest entry is no tombstone. */
export function plainLiveKeys(entries: readonly Entry[]): number {
  const newest = new Map(entries.map((entry) => [userKeyOf(Buffer.from(entry.value)), entry]));
  return [...newest.values()].filter(({ key }) => key.length === 17).length;
}

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}
