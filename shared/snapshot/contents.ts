import { combine, crc32c } from "./crc32c.ts";
import { TreeFault } from "./finding.ts";
import type { LeafPage } from "./kept-page.ts";
import { REVISION_BYTES } from "./page-reader.ts";
import type { PageTable } from "./page-table.ts";
import type { TreeVisitor } from "./tree.ts";

export interface BucketCount {
  readonly name: string;
  readonly keys: number;
  /** Of all keys and values. */
  readonly bytes: number;
}

const KEY_BUCKET = "key";
/** Small buckets whose entries are looked at. */
const READ_BUCKETS: ReadonlySet<string> = new Set(["meta", "auth"]);
const UINT64_BYTES = 8;

/** Gathers what the tree holds, as the walk tells it. */
export class Contents implements TreeVisitor {
  /** As `etcdutl snapshot status` prints it: CRC-32C over each bucket's name, keys and values. */
  hash = 0;
  /** The pages of bucket `key`, in order. */
  readonly keyPages: number[] = [];
  readonly #pages: PageTable;
  readonly #buckets: { name: string; keys: number; bytes: number }[] = [];
  readonly #values = new Map<string, Uint8Array>();

  constructor(pages: PageTable) {
    this.#pages = pages;
  }

  get buckets(): readonly BucketCount[] {
    return this.#buckets;
  }

  bucket(name: string, nameBytes: Uint8Array): void {
    this.#buckets.push({ name, keys: 0, bytes: 0 });
    this.hash = crc32c(nameBytes, this.hash);
  }

  leaf(leaf: LeafPage): void {
    const { name } = this.#add(leaf.count, leaf.data.length);
    if (name === KEY_BUCKET && leaf.count > 0)
      throw new TreeFault("tree/entry", "an entry of bucket key is no revision with a key and a value");
    this.hash = crc32c(leaf.data, this.hash);
    if (!READ_BUCKETS.has(name)) return;
    for (let index = 0; index < leaf.count; index++)
      this.#values.set(`${name}/${Buffer.from(leaf.key(index)).toString("latin1")}`, leaf.value(index));
  }

  revisions(page: number): void {
    const bytes = this.#pages.dataBytes[page]!;
    const { name } = this.#add(this.#pages.entries[page]!, bytes);
    this.hash = combine(this.hash, this.#pages.crc[page]!, bytes);
    if (name === KEY_BUCKET) this.keyPages.push(page);
  }

  /** An entry of bucket `meta` that is a big-endian number. */
  metaNumber(key: string): number | undefined {
    return this.#number(key, UINT64_BYTES);
  }

  /** An entry of bucket `meta` that is a revision: its main part. */
  metaRevision(key: string): number | undefined {
    return this.#number(key, REVISION_BYTES);
  }

  /** An entry of bucket `meta` that is text. */
  metaText(key: string): string | undefined {
    const value = this.#values.get(`meta/${key}`);
    return value === undefined ? undefined : Buffer.from(value).toString("utf8");
  }

  get isAuthEnabled(): boolean {
    return this.#values.get("auth/authEnabled")?.[0] === 1;
  }

  #add(keys: number, bytes: number): { readonly name: string } {
    const bucket = this.#buckets.at(-1);
    if (bucket === undefined) throw new Error("a leaf came before its bucket");
    bucket.keys += keys;
    bucket.bytes += bytes;
    return bucket;
  }

  #number(key: string, length: number): number | undefined {
    const value = this.#values.get(`meta/${key}`);
    if (value === undefined) return undefined;
    const number =
      value.length === length ? Number(new DataView(value.buffer, value.byteOffset, UINT64_BYTES).getBigUint64(0)) : Number.NaN;
    if (!Number.isSafeInteger(number))
      throw new TreeFault("tree/entry", `${key} in bucket meta is no number of ${length} bytes that can be`);
    return number;
  }
}
