import { findHead } from "../../custody/head.ts";
import { custodyKey } from "../../manifest/layout.ts";
import type { BlobStore } from "../../store/blob-store.ts";
import { throwIfAborted } from "../../store/body-reader.ts";
import { copyDocument } from "./documents.ts";

/** 16 records at a time: enough to hide the latency of an object store. */
const BATCH = 16;

export interface CopiedLog {
  readonly records: number;
  /** Where the two tell different stories; then nothing was copied behind it. */
  readonly conflict: string | undefined;
}

/**
 * Brings the custody log of `from` into `to` beside the log that `to` has of its own: every record that is missing there, so that what was copied names records that can be read where it
 * is. A run that ended early left a gap in its last batch at most, which the next one fills. The last records that are in both are held against each other: a log that was
 * cut off or written anew since the last copy is noticed here.
 */
export async function copyLog(from: BlobStore, to: BlobStore, cluster: string, signal?: AbortSignal): Promise<CopiedLog> {
  const last = await findHead(to, cluster, { log: "primary-custody", signal });
  const head = await findHead(from, cluster, { signal });
  let records = 0;
  // What is there already first: behind a conflict nothing is copied.
  for (const [first, end] of [
    [Math.max(1, last - BATCH + 1), last],
    [last + 1, head],
  ] as const) {
    for (let start = first; start <= end; start += BATCH) {
      throwIfAborted(`the copy of the custody log of ${cluster}`, signal);
      const batch = Array.from({ length: Math.min(BATCH, end - start + 1) }, (_, index) => start + index);
      const copies = await Promise.all(batch.map((sequence) => copyRecord(from, to, cluster, sequence, signal)));
      records += copies.filter(({ copied }) => copied).length;
      const conflict = copies.find((copy) => copy.conflict !== undefined)?.conflict;
      if (conflict !== undefined) return { records, conflict };
    }
  }
  return { records, conflict: undefined };
}

function copyRecord(from: BlobStore, to: BlobStore, cluster: string, sequence: number, signal: AbortSignal | undefined) {
  const toKey = custodyKey(cluster, sequence, "primary-custody");
  return copyDocument({ from, to, key: custodyKey(cluster, sequence), toKey, signal });
}
