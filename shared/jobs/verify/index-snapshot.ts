import { indexKey } from "../../documents/layout.ts";
import { idOfSlot } from "../../documents/slot.ts";
import type { IndexObject } from "../../documents/verification.ts";
import { isLifeboatError } from "../../errors.ts";
import type { Progress } from "../../progress.ts";
import type { Clock } from "../../clock.ts";
import { IndexTooLarge, IndexWriter } from "../../snapshot/key-index.ts";
import { everyKey } from "../../snapshot/key-tests.ts";
import type { EntryFilter } from "../../snapshot/match-table.ts";
import type { ScanResult } from "../../snapshot/scan-result.ts";
import type { SnapshotStore } from "../../store/snapshot-store.ts";
import { readCountersignatures } from "../../vault/catalog.ts";
import type { FoundManifest } from "../../vault/catalog.ts";
import type { Vault } from "../../vault/vault.ts";
import { readIndexes } from "../../vault/indexes.ts";

export interface IndexingPorts extends Vault {
  readonly snapshots: SnapshotStore;
  readonly clock: Clock;
  readonly progress: Progress;
  /** Snapshots of a cluster of so many bytes and more get an index of their keys; left out where none does. */
  readonly indexFrom?: ((cluster: string) => number) | undefined;
}

/** What is kept of keys while a snapshot is read, some four million of them: past it no index is made. */
const KEPT_BYTES = 256 << 20;
/** As many as a second can have of countersignatures. */
const LAST_ORDINAL = 99;

/** An indexer where `found` is to get an index: it is large enough, its store can read here and there, and no countersignature that is believed names an index which is there. */
export async function indexerFor(ports: IndexingPorts, found: FoundManifest, signal?: AbortSignal): Promise<SnapshotIndexer | undefined> {
  const { cluster, id, snapshot, stored } = found.manifest;
  const { indexFrom, snapshots } = ports;
  if (indexFrom === undefined || snapshots.putBeside === undefined || stored.kind !== "sealed") return undefined;
  if (snapshot.bytes < indexFrom(cluster)) return undefined;
  const { good } = await readCountersignatures(ports, cluster, id);
  for (const { key, bytes, version } of readIndexes(found, good.get(id) ?? []))
    if ((await ports.blobs.head(key, { version, signal }))?.bytes === bytes) return undefined;
  return new SnapshotIndexer(ports, found);
}

/** Makes the index of a snapshot's live keys out of the pass that verifies it: docs/format.md, "The index". */
export class SnapshotIndexer {
  /** For the scanner: up to 256 MiB of keys. */
  readonly filter: EntryFilter = { matches: everyKey, valueBytes: 0, keptBytes: KEPT_BYTES };
  readonly #ports: IndexingPorts;
  readonly #found: FoundManifest;
  readonly #digests: Uint8Array[] = [];

  constructor(ports: IndexingPorts, found: FoundManifest) {
    this.#ports = ports;
    this.#found = found;
  }

  /** For the store: takes the digest of each piece that the snapshot is kept in. */
  readonly onPiece = (digest: Uint8Array): void => {
    this.#digests.push(digest);
  };

  /** Puts the index of what was scanned. Undefined, and the person is told why, where there can be none: a snapshot is as good without. */
  async put(scan: ScanResult, signal?: AbortSignal): Promise<IndexObject | undefined> {
    const { snapshots, progress } = this.#ports;
    const { cluster, id, stored } = this.#found.manifest;
    const without = (why: string): undefined => {
      progress.note("warn", `${cluster}/${id} gets no index of its keys: ${why}`);
    };
    if (scan.tree !== "whole") return without("its page tree is broken");
    const { matches } = scan;
    if (matches === undefined || matches.isCut) return without("it has too many keys");
    const writer = new IndexWriter(Buffer.concat(this.#digests));
    try {
      const pieces = { pieces: writer.pieces(matches.placedInOrder()), last: (digests: Uint8Array) => writer.top(digests) };
      const put = await snapshots.putBeside?.(stored, await this.#freeKey(signal), pieces, signal);
      return put === undefined ? undefined : { ...put };
    } catch (error) {
      if (error instanceof IndexTooLarge) return without("its keys are too long");
      if (isLifeboatError(error, "store/")) return without(error.message);
      throw error;
    }
  }

  async #freeKey(signal: AbortSignal | undefined): Promise<string> {
    const { blobs, clock } = this.#ports;
    const { cluster, id } = this.#found.manifest;
    const now = clock.now();
    for (let ordinal = 1; ; ordinal++) {
      const key = indexKey(cluster, id, idOfSlot(now, ordinal));
      if (ordinal === LAST_ORDINAL || (await blobs.head(key, { signal })) === undefined) return key;
    }
  }
}
