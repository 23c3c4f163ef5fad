import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { Progress } from "../../progress.ts";
import { IndexTop, recordsIn } from "../../snapshot/key-index.ts";
import type { IndexRecord } from "../../snapshot/key-index.ts";
import { entryOf } from "../../snapshot/read-page.ts";
import { REVISION_BYTES } from "../../snapshot/revision.ts";
import type { RandomReader, SnapshotStore } from "../../store/snapshot-store.ts";
import { readCountersignatures } from "../../vault/catalog.ts";
import type { FoundManifest } from "../../vault/catalog.ts";
import { readIndexes } from "../../vault/indexes.ts";
import type { Vault } from "../../vault/vault.ts";
import type { FoundValue } from "./read-values.ts";

export interface IndexPorts extends Vault {
  readonly snapshots: SnapshotStore;
  readonly progress: Progress;
}

export interface IndexOptions {
  /** age identities to open with in place of the key ring's. */
  readonly identities?: readonly string[];
  readonly signal?: AbortSignal;
}

/**
 * The index of the live keys of a stored snapshot, which the role that verified it left: to be asked before a pass over all of the snapshot (`lookThrough`), which it spares. A lookup moves one piece of the index
 * (some 30 KB) and one zstd frame of the snapshot (4 MiB of it).
 *
 * What it proves: an entry that it gives was read from the snapshot itself, out of a frame with the digest that the countersignature stands for, and has the key and the revision that were asked for. What it
 * does not: that no newer entry of that key is there, and, where it gives nothing, that the key is not there; both are the word of the role that verified. So whoever is told of an entry is told that it was found by the index, and where
 * the index has nothing the whole pass has the last word.
 */
export interface KeyIndex {
  /** Live keys. */
  readonly count: number;
  /** The live entry of exactly `key`, read and compared; undefined where the index has none. */
  lookup(key: Uint8Array): Promise<FoundValue | undefined>;
  /** What the index says of live keys, in their order, beginning at the first that is not before `key`: for a prefix, until a key does not begin with it. Nothing of the snapshot is read. */
  from(key: Uint8Array): AsyncIterable<IndexRecord>;
  /** The entry of a record of this index. Throws `verify/content` where another one is there. */
  read(record: IndexRecord): Promise<FoundValue>;
}

/**
 * The index of `found`; undefined where it has none: it is small, or older, or in a Kopia repository, or a copy in a replica. One that is named and cannot be used is told as a warning, and is as none. Throws
 * what the store and its keys throw.
 */
export async function openKeyIndex(ports: IndexPorts, found: FoundManifest, options: IndexOptions = {}): Promise<KeyIndex | undefined> {
  const { manifest } = found;
  const { cluster, id, snapshot, stored } = manifest;
  if (ports.snapshots.openAt === undefined) return undefined;
  try {
    const { good } = await readCountersignatures(ports, cluster, id);
    const [named] = readIndexes(found, good.get(id) ?? []);
    if (named === undefined) return undefined;
    const data = await ports.snapshots.openAt(manifest, stored, { bytes: snapshot.bytes, ...options });
    const index = await data?.beside(named);
    if (data === undefined || index === undefined) return undefined;
    if (data.bytes !== snapshot.bytes)
      throw new LifeboatError("verify/size", `it opens to ${data.bytes} bytes; its manifest says ${snapshot.bytes}`);
    return await openIndex(data, index, named.last, `${cluster}/${id}`);
  } catch (error) {
    // A copy in a replica comes without, and not every role that opens snapshots may read what stands beside them.
    if (isLifeboatError(error, "verify/missing", "store/denied")) return undefined;
    if (!isLifeboatError(error, "verify/")) throw error;
    ports.progress.note("warn", `the index of ${cluster}/${id} cannot be used, so all of the snapshot is read: ${error.message}`);
    return undefined;
  }
}

async function openIndex(data: RandomReader, index: RandomReader, last: string, name: string): Promise<KeyIndex> {
  const lastDigest = Buffer.from(last.slice("sha256:".length), "hex");
  index.requireDigests(lastDigest, index.pieces - 1);
  const top = new IndexTop(await index.piece(index.pieces - 1));
  index.requireDigests(Buffer.concat([top.pieceDigests, lastDigest]));
  data.requireDigests(top.frameDigests);

  async function* from(key: Uint8Array): AsyncGenerator<IndexRecord, void, undefined> {
    for (let piece = top.pieceOf(key) ?? top.pieces; piece < top.pieces; piece++)
      for (const record of recordsIn(await index.piece(piece))) if (Buffer.compare(record.key, key) >= 0) yield record;
  }

  async function read(record: IndexRecord): Promise<FoundValue> {
    const bytes = await data.readAt(record.at, record.bytes);
    const entry = bytes.length < REVISION_BYTES ? undefined : entryOf(bytes.subarray(0, REVISION_BYTES), bytes.subarray(REVISION_BYTES));
    if (entry !== undefined && Buffer.compare(entry.key, record.key) === 0 && entry.revision === record.revision) return entry;
    throw new LifeboatError("verify/content", `the index of ${name} says that a key lies where another entry is`, {
      hint: "verify the snapshot anew: lifeboat verify REF --deep",
    });
  }

  return {
    count: top.count,
    from,
    read,
    async lookup(key) {
      for await (const record of from(key)) return Buffer.compare(record.key, key) === 0 ? read(record) : undefined;
      return undefined;
    },
  };
}
