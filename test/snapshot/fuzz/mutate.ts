import type { SeededRandom } from "../../support/seeded-random.ts";
import { sealMeta } from "../support/bolt-file.ts";
import type { PlainDatabase } from "../support/plain-reader.ts";

type Mutation = (bytes: Buffer, random: SeededRandom, plain: PlainDatabase) => Buffer;

const LEAST_META_BYTES = 80;
const META_FIELDS = { pageSize: 24, root: 32, freelist: 48, pages: 56, txid: 64 } as const;
/** Numbers at which readers go wrong. */
const EDGES = [0, 1, 2, 3, 15, 16, 17, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff];

const flip: Mutation = (bytes, random, plain) => {
  const at = placeIn(bytes, random, plain);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  return bytes;
};

const overwrite: Mutation = (bytes, random, plain) => {
  const at = placeIn(bytes, random, plain);
  random.bytes(random.below(1, 40)).copy(bytes, at);
  return bytes;
};

/** One of the numbers that headers and elements are made of. */
const setNumber: Mutation = (bytes, random, plain) => {
  const at = placeIn(bytes, random, plain) & ~3;
  if (at + 4 > bytes.length) return bytes;
  const before = bytes.readUInt32LE(at);
  bytes.writeUInt32LE(
    random.pick([random.pick(EDGES), before + 1, before - 1, before * 2, random.below(100)].map((number) => number >>> 0)),
    at,
  );
  return bytes;
};

/** A header's field: id, flags, count or overflow. */
const setHeader: Mutation = (bytes, random, plain) => {
  const at = pageIn(bytes, random, plain);
  const offset = random.pick([0, 4, 8, 10, 12]);
  if (at + 16 > bytes.length) return bytes;
  const number = random.pick([...EDGES, random.below(bytes.length / plain.pageBytes)]);
  if (offset === 8 || offset === 10) bytes.writeUInt16LE(number & 0xffff, at + offset);
  else bytes.writeUInt32LE(number, at + offset);
  return bytes;
};

/** One page over another, with the number of either. */
const copyPage: Mutation = (bytes, random, plain) => {
  const [from, to] = [pageIn(bytes, random, plain), pageIn(bytes, random, plain)];
  bytes.copyWithin(to, from, from + plain.pageBytes);
  if (random.below(2) === 0 && to + 8 <= bytes.length) bytes.writeBigUInt64LE(BigInt(to / plain.pageBytes), to);
  return bytes;
};

const swapPages: Mutation = (bytes, random, plain) => {
  const [one, other] = [pageIn(bytes, random, plain), pageIn(bytes, random, plain)];
  const held = Buffer.from(bytes.subarray(one, one + plain.pageBytes));
  bytes.copyWithin(one, other, other + plain.pageBytes);
  held.copy(bytes, other);
  return bytes;
};

const clearPage: Mutation = (bytes, random, plain) => {
  const at = pageIn(bytes, random, plain);
  return bytes.fill(random.pick([0, 0xff]), at, Math.min(at + plain.pageBytes, bytes.length));
};

/** A run of bytes over another place. */
const splice: Mutation = (bytes, random, plain) => {
  const from = placeIn(bytes, random, plain);
  bytes.copyWithin(placeIn(bytes, random, plain), from, from + random.below(1, 300));
  return bytes;
};

const cut: Mutation = (bytes, random, plain) =>
  bytes.subarray(0, random.pick([random.below(bytes.length), bytes.length - 1 - random.below(64), pageIn(bytes, random, plain)]));

const lengthen: Mutation = (bytes, random, plain) =>
  Buffer.concat([bytes, random.bytes(random.pick([1, 31, 32, 33, plain.pageBytes, plain.pageBytes + 32]))]);

/** Bytes that are missing or too many in the middle move all that follows. */
const shift: Mutation = (bytes, random, plain) => {
  const at = placeIn(bytes, random, plain);
  const length = random.pick([1, 16, plain.pageBytes]);
  return random.below(2) === 0
    ? Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
    : Buffer.concat([bytes.subarray(0, at), random.bytes(length), bytes.subarray(at)]);
};

/** A lie in a meta page whose checksum is right, in one or in both. */
const lieInMeta: Mutation = (bytes, random, { pageBytes }) => {
  const field = random.pick(Object.values(META_FIELDS));
  const pages = bytes.length / pageBytes;
  const number = random.pick([random.below(pages + 2), random.below(64), random.pick(EDGES), 512 << random.below(9)]);
  const ends = random.pick([[0], [pageBytes], [0, pageBytes]]);
  for (const at of ends.filter((each) => each + LEAST_META_BYTES <= bytes.length)) {
    bytes.writeUInt32LE(number >>> 0, at + field);
    sealMeta(bytes, at);
  }
  return bytes;
};

const MUTATIONS: readonly Mutation[] = [
  flip,
  flip,
  flip,
  overwrite,
  setNumber,
  setNumber,
  setHeader,
  setHeader,
  copyPage,
  swapPages,
  clearPage,
  splice,
  cut,
  lengthen,
  shift,
  lieInMeta,
];

/** A copy with one to three things done to it. */
export function mutated(original: Buffer, plain: PlainDatabase, random: SeededRandom): Buffer {
  let bytes: Buffer = Buffer.from(original);
  for (let count = random.pick([1, 1, 1, 2, 3]); count > 0 && bytes.length > 0; count--) {
    bytes = random.pick(MUTATIONS)(bytes, random, plain);
  }
  return bytes;
}

/** Mostly where it counts, and there mostly at the beginning of a page, where the numbers are. */
function placeIn(bytes: Buffer, random: SeededRandom, { content }: PlainDatabase): number {
  const [from, to] = random.pick(content);
  const place = random.pick([random.below(bytes.length), random.below(from, to), from + random.below(Math.min(96, to - from))]);
  return Math.min(place, bytes.length - 1);
}

/** Where a page begins: mostly one that is in use. */
function pageIn(bytes: Buffer, random: SeededRandom, { content, pageBytes }: PlainDatabase): number {
  const page = random.below(4) === 0 ? random.below(bytes.length / pageBytes) : Math.floor(random.pick(content)[0] / pageBytes);
  return Math.min(page * pageBytes, bytes.length - 1);
}
