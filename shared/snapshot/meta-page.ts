import { TreeFault } from "./finding.ts";

/** A bbolt page's header: id u64, flags u16, count u16, overflow u32 (bbolt: internal/common/page.go). Little-endian, as are all that etcd runs on. */
export const HEADER_BYTES = 16;

/** magic u32, version u32, pageSize u32, flags u32, root u64, sequence u64, freelist u64, pgid u64, txid u64, checksum u64. */
const META_BYTES = HEADER_BYTES + 64;
const META_FLAG = 4;
const MAGIC = 0xed0cdaed;
const VERSION = 2;
const SMALLEST_PAGE = 512;
const LARGEST_PAGE = 65_536;
const NO_FREELIST = 0xffff_ffff_ffff_ffffn;

/** With so many bytes both meta pages are in sight, whatever the page size. */
export const HEAD_BYTES = LARGEST_PAGE + META_BYTES;

export interface Meta {
  readonly pageSize: number;
  readonly root: number;
  /** Undefined where the free pages are not stored, which is etcd's way. */
  readonly freelist: number | undefined;
  /** The high-water mark: pages from here on do not belong to the database. */
  readonly pages: number;
  /** Meta pages that are valid: 1 or 2. */
  readonly validMetas: number;
}

/** What the valid meta page with the higher transaction id says; `head` is the file's first HEAD_BYTES, or all of a shorter one. */
export function readMeta(head: Uint8Array): Meta {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const first = validMeta(view, 0);
  const second = first === undefined ? findSecond(view) : validMeta(view, first.pageSize);
  const chosen = first !== undefined && (second === undefined || first.txid >= second.txid) ? first : second;
  if (chosen === undefined) throw new TreeFault("tree/meta", "neither meta page is valid");
  if (first !== undefined && second !== undefined && first.pageSize !== second.pageSize) {
    throw new TreeFault("tree/meta", `the meta pages name two page sizes, ${first.pageSize} and ${second.pageSize}`);
  }
  const { pageSize, root, freelist, pages } = chosen;
  for (const id of [0, 1]) {
    // bbolt also looks at the header of the meta page that it does not choose, and panics.
    if (!isMetaHeader(view, id, id * pageSize)) throw new TreeFault("tree/meta", `page ${id} is not marked as meta page ${id}`);
  }
  if (pages > Number.MAX_SAFE_INTEGER / LARGEST_PAGE)
    throw new TreeFault("tree/meta", "the meta page names more pages than a file can have");
  return {
    pageSize,
    root: Number(root),
    freelist: freelist === NO_FREELIST ? undefined : Number(freelist),
    pages: Number(pages),
    validMetas: first === undefined || second === undefined ? 1 : 2,
  };
}

interface RawMeta {
  readonly pageSize: number;
  readonly root: bigint;
  readonly freelist: bigint;
  readonly pages: bigint;
  readonly txid: bigint;
}

/** True also where the file ends before it, which its length tells. */
function isMetaHeader(view: DataView, id: number, at: number): boolean {
  if (view.byteLength < at + HEADER_BYTES) return true;
  return view.getBigUint64(at, true) === BigInt(id) && view.getUint16(at + 8, true) === META_FLAG;
}

function findSecond(view: DataView): RawMeta | undefined {
  for (let pageSize = SMALLEST_PAGE; pageSize <= LARGEST_PAGE; pageSize *= 2) {
    const meta = validMeta(view, pageSize);
    if (meta?.pageSize === pageSize) return meta;
  }
  return undefined;
}

function validMeta(view: DataView, page: number): RawMeta | undefined {
  if (view.byteLength < page + META_BYTES) return undefined;
  const at = page + HEADER_BYTES;
  if (view.getUint32(at, true) !== MAGIC || view.getUint32(at + 4, true) !== VERSION) return undefined;
  if (view.getBigUint64(at + 56, true) !== fnv64a(view, at, at + 56)) return undefined;
  const pageSize = view.getUint32(at + 8, true);
  if (pageSize < SMALLEST_PAGE || pageSize > LARGEST_PAGE || (pageSize & (pageSize - 1)) !== 0) {
    // Its checksum is right, and so bbolt would go by it.
    throw new TreeFault("tree/meta", `a meta page names pages of ${pageSize} bytes`);
  }
  const [root, freelist, pages, txid] = [16, 32, 40, 48].map((offset) => view.getBigUint64(at + offset, true));
  return { pageSize, root: root!, freelist: freelist!, pages: pages!, txid: txid! };
}

/** FNV-1a of 64 bits. */
function fnv64a(view: DataView, start: number, end: number): bigint {
  let hash = 0xcbf29ce484222325n;
  for (let at = start; at < end; at++) hash = BigInt.asUintN(64, (hash ^ BigInt(view.getUint8(at))) * 0x100000001b3n);
  return hash;
}
