import { BranchKey } from "./branch-key.ts";
import { TreeFault } from "./finding.ts";
import { BranchPage, inlinePage, LeafPage } from "./kept-page.ts";
import { BUCKET_NAME_BYTES, DEPTH } from "./limits.ts";
import { HEADER_BYTES } from "./meta-page.ts";
import type { Meta } from "./meta-page.ts";
import { BROKEN, KIND } from "./page-table.ts";
import type { PageTable } from "./page-table.ts";
import { Revision } from "./revision.ts";

/** A bucket's value: its root page u64 (0: the page follows here) and a sequence u64 (bbolt: internal/common/bucket.go). */
const BUCKET_BYTES = 16;

/** Told of what the tree reaches, in the order of keys. */
export interface TreeVisitor {
  bucket(name: string, nameBytes: Uint8Array): void;
  /** A leaf of the present bucket; `inlineAt` is where it lies in the snapshot if that is inside the bucket's entry. */
  leaf(leaf: LeafPage, inlineAt?: number): void;
  /** A leaf of the present bucket whose entries are revisions, by page number. */
  revisions(page: number): void;
}

/** Walks a database from its root, and checks that each page is reached once, is what it is named for, and has its keys in order and within its parent's. */
export class TreeWalk {
  /** Pages reached, overflow included. */
  reachedPages = 0;
  readonly #meta: Meta;
  readonly #pages: PageTable;
  readonly #reached: Uint8Array;
  readonly #visitor: TreeVisitor;
  /** The bucket whose tree is walked, for findings; undefined in the tree of buckets. */
  #bucket: string | undefined;
  /** Room for what a page of revisions is compared by. */
  readonly #revision = new Revision();

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
    this.#visit(this.#meta.root, 0, undefined, undefined);
    if (freelist !== undefined) this.#checkFree(freelist);
  }

  /** A page of the present tree; keys come from `from` on and before `to`, where undefined is no bound. */
  #visit(id: number, depth: number, from: BranchKey | undefined, to: BranchKey | undefined): void {
    const pages = this.#pages;
    this.#reach(id);
    const ref = pages.ref[id]!;
    switch (pages.kind[id]!) {
      case KIND.revisions:
        this.#checkRevisions(id, from, to);
        if (this.#bucket === undefined) throw new TreeFault("tree/bucket", `page ${id} has revisions where the buckets should be`);
        this.#visitor.revisions(id);
        break;
      case KIND.branch:
        if (depth === DEPTH) throw new TreeFault("tree/depth", `page ${id} lies ${DEPTH} levels below its root`);
        this.#children(new BranchPage(pages.kept[ref]!), id, depth, from, to);
        break;
      case KIND.leaf: {
        const leaf = new LeafPage(pages.kept[ref]!);
        checkLeaf(leaf, `of page ${id}`, from, to);
        if (this.#bucket === undefined) this.#buckets(leaf, id);
        else this.#leaf(leaf, this.#bucket);
        break;
      }
      case KIND.broken: {
        const { code, message } = BROKEN[ref]!;
        throw new TreeFault(code, `page ${id} ${message}`);
      }
      default:
        throw new TreeFault("tree/page", `page ${id} is referenced, but is not the branch or leaf page of that number`);
    }
  }

  #children(branch: BranchPage, id: number, depth: number, from: BranchKey | undefined, to: BranchKey | undefined): void {
    let key = new BranchKey(branch, 0);
    if (from !== undefined && key.compareTo(from) < 0) throw outsideOfParent(`of page ${id}`);
    for (let index = 0; index < branch.count; index++) {
      const next = index + 1 < branch.count ? new BranchKey(branch, index + 1) : undefined;
      if (next !== undefined && key.compareTo(next) >= 0) throw notAscending(`of page ${id}`);
      if (next === undefined && to !== undefined && key.compareTo(to) >= 0) throw outsideOfParent(`of page ${id}`);
      this.#visit(branch.child(index), depth + 1, key, next ?? to);
      if (next !== undefined) key = next;
    }
  }

  /** Within the page they were found to ascend when it was read. */
  #checkRevisions(id: number, from: BranchKey | undefined, to: BranchKey | undefined): void {
    const pages = this.#pages;
    const tombstones = pages.tombstones[id]!;
    if (from !== undefined) {
      const first = this.#revision.set(pages.firstMain[id]!, pages.firstSub[id]!, (tombstones & 1) !== 0);
      if (from.compareToRevision(first) > 0) throw outsideOfParent(`of page ${id}`);
    }
    if (to !== undefined) {
      const last = this.#revision.set(pages.lastMain[id]!, pages.lastSub[id]!, (tombstones & 2) !== 0);
      if (to.compareToRevision(last) <= 0) throw outsideOfParent(`of page ${id}`);
    }
  }

  /** The buckets in a leaf of the root, page `id`. */
  #buckets(leaf: LeafPage, id: number): void {
    for (let index = 0; index < leaf.count; index++) {
      const nameBytes = leaf.key(index);
      if (nameBytes.length > BUCKET_NAME_BYTES) throw new TreeFault("tree/bucket", `a bucket's name has ${nameBytes.length} bytes`);
      const name = Buffer.from(nameBytes).toString("utf8");
      const quoted = JSON.stringify(name);
      if (!leaf.isBucket(index)) throw new TreeFault("tree/bucket", `${quoted} stands among the buckets and is none`);
      const value = leaf.value(index);
      if (value.length < BUCKET_BYTES) throw new TreeFault("tree/bucket", `the header of bucket ${quoted} is cut short`);
      this.#visitor.bucket(name, nameBytes);
      const root = Number(new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0, true));
      if (root === 0) {
        const inline = inlinePage(value.subarray(BUCKET_BYTES), quoted);
        checkLeaf(inline, `inside bucket ${quoted}`, undefined, undefined);
        this.#leaf(inline, name, id * this.#meta.pageSize + value.byteOffset - leaf.bytes.byteOffset + BUCKET_BYTES);
        continue;
      }
      this.#bucket = name;
      this.#visit(root, 0, undefined, undefined);
      this.#bucket = undefined;
    }
  }

  #leaf(leaf: LeafPage, bucket: string, inlineAt?: number): void {
    for (let index = 0; index < leaf.count; index++) {
      if (leaf.isBucket(index)) throw new TreeFault("tree/bucket", `bucket ${JSON.stringify(bucket)} holds a bucket; in etcd none does`);
    }
    this.#visitor.leaf(leaf, inlineAt);
  }

  #reach(id: number): void {
    if (id < 2 || id >= this.#meta.pages || id >= this.#reached.length) {
      throw new TreeFault("tree/page", `page ${id} is referenced, but the database has only pages 2 to ${this.#reached.length - 1}`);
    }
    const after = Math.min(id + this.#pages.overflow[id]! + 1, this.#reached.length);
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
    if (this.#pages.kind[id] !== KIND.freelist) throw new TreeFault("tree/page", `page ${id} is not the list of free pages`);
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
      if (id < 2 || id >= this.#reached.length) throw new TreeFault("tree/page", `page ${id} is listed as free but is not in the database`);
      if (this.#reached[id] !== 0)
        throw new TreeFault("tree/overlap", `page ${id} is listed as free but is in use, or is listed as free twice`);
      this.#reached[id] = 1;
    }
    // Where the list is stored, bbolt takes what is in neither as damage; where it is not, as free.
    const lost = this.#reached.indexOf(0);
    if (lost >= 0) throw new TreeFault("tree/page", `page ${lost} is neither in use nor listed as free`);
  }
}

/** Keys ascend strictly, and lie within those of the parent. */
function checkLeaf(leaf: LeafPage, where: string, from: BranchKey | undefined, to: BranchKey | undefined): void {
  let last: Uint8Array | undefined;
  for (let index = 0; index < leaf.count; index++) {
    const key = leaf.key(index);
    if (last === undefined && from !== undefined && from.compareToBytes(key) > 0) throw outsideOfParent(where);
    if (last !== undefined && Buffer.compare(last, key) >= 0) throw notAscending(where);
    last = key;
  }
  if (last !== undefined && to !== undefined && to.compareToBytes(last) <= 0) throw outsideOfParent(where);
}

function notAscending(where: string): TreeFault {
  return new TreeFault("tree/order", `the keys ${where} are not in ascending order`);
}

function outsideOfParent(where: string): TreeFault {
  return new TreeFault("tree/order", `the keys ${where} are not all within the range that its parent gives`);
}
