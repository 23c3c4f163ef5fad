import type { Member } from "../etcd/etcd-source.ts";
import { combine, crc32c } from "./crc32c.ts";
import { TreeFault } from "./finding.ts";
import type { LeafPage } from "./kept-page.ts";
import { BUCKETS, MEMBERSHIP_BYTES, MEMBERSHIP_ENTRIES, VERSION_BYTES } from "./limits.ts";
import { memberIdOf, storedAlarmOf, storedMemberOf } from "./membership.ts";
import type { StoredAlarm } from "./membership.ts";
import type { PageReader } from "./page-reader.ts";
import { REVISION_BYTES } from "./revision.ts";
import type { TreeVisitor } from "./tree.ts";
import { wordsOf } from "./words.ts";

export interface BucketCount {
  readonly name: string;
  readonly keys: number;
  /** Of all keys and values. */
  readonly bytes: number;
}

const KEY_BUCKET = "key";
const NEEDED_BUCKETS = [KEY_BUCKET, "meta"] as const;
/** Entries that are looked at, by bucket (etcd: server/storage/schema/bucket.go). */
const READ_ENTRIES: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["meta", new Set(["consistent_index", "term", "storageVersion", "finishedCompactRev", "scheduledCompactRev"])],
  ["auth", new Set(["authEnabled"])],
  ["cluster", new Set(["clusterVersion"])],
]);
const UINT64_BYTES = 8;

/** Gathers what the tree holds, as the walk tells it. */
export class Contents implements TreeVisitor {
  /** As `etcdutl snapshot status` prints it: CRC-32C over each bucket's name, keys and values. */
  hash = 0;
  /** The pages of bucket `key`, in order. */
  readonly keyPages: number[] = [];
  readonly members: Member[] = [];
  readonly removedMemberIds: string[] = [];
  readonly alarms: StoredAlarm[] = [];
  readonly #reader: PageReader;
  readonly #buckets: { name: string; keys: number; bytes: number }[] = [];
  readonly #values = new Map<string, Uint8Array>();

  constructor(reader: PageReader) {
    this.#reader = reader;
  }

  get buckets(): readonly BucketCount[] {
    return this.#buckets;
  }

  bucket(name: string, nameBytes: Uint8Array): void {
    if (this.#buckets.push({ name, keys: 0, bytes: 0 }) > BUCKETS) throw new TreeFault("tree/limit", `it has more than ${BUCKETS} buckets`);
    this.hash = crc32c(nameBytes, this.hash);
  }

  leaf(leaf: LeafPage, inlineAt?: number): void {
    if (this.#buckets.at(-1)?.name === KEY_BUCKET && leaf.count > 0) {
      const page = inlineAt === undefined ? undefined : this.#reader.readInline(wordsOf(leaf.bytes), inlineAt);
      if (page === undefined) throw new TreeFault("tree/entry", "an entry of bucket key is not a revision with a key and a value");
      return this.revisions(page);
    }
    const { name } = this.#add(leaf.count, leaf.data.length);
    this.hash = crc32c(leaf.data, this.hash);
    if (name === "members") this.#each(leaf, name, this.members, (key, value) => storedMemberOf(key, value));
    else if (name === "members_removed") this.#each(leaf, name, this.removedMemberIds, (key) => memberIdOf(key, name));
    else if (name === "alarm") this.#each(leaf, name, this.alarms, (key) => storedAlarmOf(key));
    else this.#readNamed(leaf, name);
  }

  revisions(page: number): void {
    const { pages } = this.#reader;
    const bytes = pages.dataBytes[page]!;
    const { name } = this.#add(pages.entries[page]!, bytes);
    this.hash = combine(this.hash, pages.crc[page]!, bytes);
    if (name === KEY_BUCKET) this.keyPages.push(page);
  }

  /** Throws where a bucket is not there that no etcd's database lacks. */
  checkBuckets(): void {
    for (const name of NEEDED_BUCKETS) {
      if (!this.#buckets.some((bucket) => bucket.name === name)) {
        throw new TreeFault("tree/bucket", `it has no bucket ${JSON.stringify(name)}, so it is not a database of etcd`);
      }
    }
  }

  /** An entry of bucket `meta` that is a big-endian number. */
  metaNumber(key: string): number | undefined {
    return this.#number(key, UINT64_BYTES);
  }

  /** An entry of bucket `meta` that is a revision: its main part. */
  metaRevision(key: string): number | undefined {
    return this.#number(key, REVISION_BYTES);
  }

  get storageVersion(): string | undefined {
    return this.#text("meta/storageVersion");
  }

  get clusterVersion(): string | undefined {
    return this.#text("cluster/clusterVersion");
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

  #each<T>(leaf: LeafPage, bucket: string, list: T[], read: (key: Uint8Array, value: Uint8Array) => T): void {
    if (list.length + leaf.count > MEMBERSHIP_ENTRIES) {
      throw new TreeFault("tree/limit", `bucket ${bucket} has more than ${MEMBERSHIP_ENTRIES} entries`);
    }
    for (let index = 0; index < leaf.count; index++) {
      const [key, value] = [leaf.key(index), leaf.value(index)];
      if (key.length + value.length > MEMBERSHIP_BYTES) {
        throw new TreeFault("tree/limit", `an entry of bucket ${bucket} has more than ${MEMBERSHIP_BYTES} bytes`);
      }
      list.push(read(key, value));
    }
  }

  #readNamed(leaf: LeafPage, bucket: string): void {
    const names = READ_ENTRIES.get(bucket);
    if (names === undefined) return;
    for (let index = 0; index < leaf.count; index++) {
      const key = Buffer.from(leaf.key(index)).toString("latin1");
      if (names.has(key)) this.#values.set(`${bucket}/${key}`, leaf.value(index));
    }
  }

  #text(path: string): string | undefined {
    const value = this.#values.get(path);
    if (value === undefined) return undefined;
    if (value.length > VERSION_BYTES) throw new TreeFault("tree/entry", `the value at ${path} is too long for a version`);
    return Buffer.from(value).toString("utf8");
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
