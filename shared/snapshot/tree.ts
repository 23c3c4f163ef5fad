import { TreeFault } from "./finding.ts";
import { BranchPage, inlinePage, LeafPage } from "./kept-page.ts";
import { DEPTH } from "./limits.ts";
import { HEADER_BYTES } from "./meta-page.ts";
import type { Meta } from "./meta-page.ts";
import { REVISION_BYTES } from "./page-reader.ts";
import { BROKEN, KIND } from "./page-table.ts";
import type { PageTable } from "./page-table.ts";

/** A bucket's value: its root page u64 (0: the page follows here) and a sequence u64 (bbolt: internal/common/bucket.go). */
const BUCKET_BYTES = 16;
const UNDERSCORE = 0x5f;
const LETTER_T = 0x74;

/** Told of what the tree reaches, in the order of keys. */
export interface TreeVisitor {
  bucket(name: string, nameBytes: Uint8Array): void;
  /** A leaf of the present bucket. */
  leaf(leaf: LeafPage): void;
  /** A leaf of the present bucket whose entries are revisions, by page number. */
  revisions(page: number): void;
}

/** Keys from `from` on and before `to`; undefined is no bound. */
interface Range {
  readonly from: Uint8Array | undefined;
  readonly to: Uint8Array | undefined;
}

const UNBOUNDED: Range = { from: undefined, to: undefined };

/** Walks a database from its root, and checks that each page is reached once, is what it is named for, and has its keys in order and within its parent's. */
export class TreeWalk {
  /** Pages reached, overflow included. */
  reachedPages = 0;
  readonly #meta: Meta;
  readonly #pages: PageTable;
  readonly #reached: Uint8Array;
  readonly #visitor: TreeVisitor;
  #isInBucket = false;
  /** Room for the two keys that a page of revisions is compared by. */
  readonly #first = new Uint8Array(REVISION_BYTES + 1);
  readonly #last = new Uint8Array(REVISION_BYTES + 1);

  constructor(meta: Meta, pages: PageTable, visitor: TreeVisitor) {
    this.#meta = meta;
    this.#pages = pages;
    this.#reached = new Uint8Array(pages.count);
    this.#visitor = visitor;
  }

  /** Throws a TreeFault at the first thing that is wrong. */
  walk(): void {
    // The meta pages are nobody's children.
    this.#reached.fill(1, 0, 2);
    this.reachedPages = 2;
    const freelist = this.#freelist();
    this.#visit(this.#meta.root, 0, UNBOUNDED, (leaf) => this.#buckets(leaf));
    if (freelist !== undefined) this.#checkFree(freelist);
  }

  /** The buckets in a leaf of the root. */
  #buckets(leaf: LeafPage): void {
    for (let index = 0; index < leaf.count; index++) {
      const nameBytes = leaf.key(index);
      const name = Buffer.from(nameBytes).toString("utf8");
      if (!leaf.isBucket(index)) throw new TreeFault("tree/bucket", `${JSON.stringify(name)} stands among the buckets and is none`);
      const value = leaf.value(index);
      if (value.length < BUCKET_BYTES) throw new TreeFault("tree/bucket", `the header of bucket ${JSON.stringify(name)} is cut short`);
      this.#visitor.bucket(name, nameBytes);
      const root = Number(new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0, true));
      if (root === 0) {
        const inline = inlinePage(value.subarray(BUCKET_BYTES), JSON.stringify(name));
        checkLeafKeys(inline, UNBOUNDED, `inside bucket ${JSON.stringify(name)}`);
        this.#leafOf(inline, name);
        continue;
      }
      this.#isInBucket = true;
      this.#visit(root, 0, UNBOUNDED, (each) => this.#leafOf(each, name));
      this.#isInBucket = false;
    }
  }

  #leafOf(leaf: LeafPage, bucket: string): void {
    for (let index = 0; index < leaf.count; index++) {
      if (leaf.isBucket(index))
        throw new TreeFault("tree/bucket", `bucket ${JSON.stringify(bucket)} holds a bucket, which etcd's never do`);
    }
    this.#visitor.leaf(leaf);
  }

  #visit(id: number, depth: number, range: Range, onLeaf: (leaf: LeafPage) => void): void {
    const pages = this.#pages;
    this.#reach(id);
    const ref = pages.ref[id]!;
    switch (pages.kind[id]!) {
      case KIND.branch: {
        if (depth === DEPTH) throw new TreeFault("tree/depth", `page ${id} lies ${DEPTH} levels below its root`);
        const branch = new BranchPage(pages.kept[ref]!);
        const keys = Array.from({ length: branch.count }, (_, index) => branch.key(index));
        checkKeys(keys, range, `of page ${id}`);
        for (const [index, from] of keys.entries()) {
          this.#visit(branch.child(index), depth + 1, { from, to: keys[index + 1] ?? range.to }, onLeaf);
        }
        break;
      }
      case KIND.leaf: {
        const leaf = new LeafPage(pages.kept[ref]!);
        checkLeafKeys(leaf, range, `of page ${id}`);
        onLeaf(leaf);
        break;
      }
      case KIND.revisions: {
        const tombstones = pages.tombstones[id]!;
        const first = revisionKey(this.#first, pages.firstMain[id]!, pages.firstSub[id]!, (tombstones & 1) !== 0);
        const last = revisionKey(this.#last, pages.lastMain[id]!, pages.lastSub[id]!, (tombstones & 2) !== 0);
        checkKeys(pages.entries[id] === 1 ? [first] : [first, last], range, `of page ${id}`);
        if (!this.#isInBucket) throw new TreeFault("tree/bucket", `page ${id} has revisions where the buckets should be`);
        this.#visitor.revisions(id);
        break;
      }
      case KIND.broken: {
        const { code, message } = BROKEN[ref]!;
        throw new TreeFault(code, `page ${id} ${message}`);
      }
      default:
        throw new TreeFault("tree/page", `page ${id} is named by another and is neither a branch nor a leaf page of that number`);
    }
  }

  #reach(id: number): void {
    if (id < 2 || id >= this.#meta.pages || id >= this.#pages.count) {
      throw new TreeFault("tree/page", `page ${id} is named by another, and the database has pages 2 to ${this.#pages.count - 1}`);
    }
    const after = Math.min(id + this.#pages.overflow[id]! + 1, this.#pages.count);
    for (let each = id; each < after; each++) {
      if (this.#reached[each] !== 0) throw new TreeFault("tree/overlap", `page ${each} is reached twice`);
      this.#reached[each] = 1;
    }
    this.reachedPages += after - id;
  }

  /** The stored numbers of free pages. */
  #freelist(): DataView | undefined {
    const id = this.#meta.freelist;
    if (id === undefined) return undefined;
    this.#reach(id);
    if (this.#pages.kind[id] !== KIND.freelist) throw new TreeFault("tree/page", `page ${id} is no list of free pages`);
    const kept = this.#pages.kept[this.#pages.ref[id]!]!;
    return new DataView(kept.buffer, kept.byteOffset, kept.byteLength);
  }

  #checkFree(list: DataView): void {
    const short = list.getUint16(10, true);
    // A count past 16 bits stands in the first place instead (bbolt: internal/common/page.go).
    const isLong = short === 0xffff;
    const start = HEADER_BYTES + (isLong ? 8 : 0);
    const count = isLong ? Number(list.getBigUint64(HEADER_BYTES, true)) : short;
    if (start + count * 8 > list.byteLength) throw new TreeFault("tree/elements", "the list of free pages is longer than its page");
    for (let index = 0; index < count; index++) {
      const id = Number(list.getBigUint64(start + index * 8, true));
      if (id < 2 || id >= this.#pages.count) throw new TreeFault("tree/page", `page ${id} is called free and is not in the database`);
      if (this.#reached[id] !== 0) throw new TreeFault("tree/overlap", `page ${id} is called free and is in use, or is called free twice`);
      this.#reached[id] = 1;
    }
  }
}

function checkLeafKeys(leaf: LeafPage, range: Range, where: string): void {
  const keys = Array.from({ length: leaf.count }, (_, index) => leaf.key(index));
  checkKeys(keys, range, where);
}

/** Keys ascend strictly, and lie in `range`. */
function checkKeys(keys: readonly Uint8Array[], { from, to }: Range, where: string): void {
  for (let index = 1; index < keys.length; index++) {
    if (Buffer.compare(keys[index - 1]!, keys[index]!) >= 0) throw new TreeFault("tree/order", `the keys ${where} do not ascend`);
  }
  const first = keys[0];
  const last = keys.at(-1);
  if (first === undefined || last === undefined) return;
  if ((from !== undefined && Buffer.compare(first, from) < 0) || (to !== undefined && Buffer.compare(last, to) >= 0)) {
    throw new TreeFault("tree/order", `the keys ${where} are not all within those that its parent names`);
  }
}

function revisionKey(room: Uint8Array, main: number, sub: number, isTombstone: boolean): Uint8Array {
  putBigEndian(room, 0, Math.floor(main / 2 ** 32));
  putBigEndian(room, 4, main >>> 0);
  room[8] = UNDERSCORE;
  putBigEndian(room, 9, 0);
  putBigEndian(room, 13, sub);
  room[REVISION_BYTES] = LETTER_T;
  return isTombstone ? room : room.subarray(0, REVISION_BYTES);
}

function putBigEndian(room: Uint8Array, at: number, value: number): void {
  room[at] = value >>> 24;
  room[at + 1] = value >>> 16;
  room[at + 2] = value >>> 8;
  room[at + 3] = value;
}
