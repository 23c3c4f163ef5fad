import type { Clock } from "../../clock.ts";
import { findHead } from "../../vault/custody/head.ts";
import { isOversized, readLogObject } from "../../vault/custody/log-object.ts";
import type { Oversized } from "../../vault/custody/log-object.ts";
import { openPlaceholder, signPlaceholder } from "../../vault/custody/placeholder.ts";
import { isLifeboatError } from "../../errors.ts";
import type { KeyRing } from "../../keys/key-ring.ts";
import { custodyKey } from "../../documents/layout.ts";
import { putDocument } from "../../vault/put-document.ts";
import { openDocument } from "../../documents/signed-document.ts";
import type { TrustedKeys } from "../../documents/signed-document.ts";
import type { BlobStore } from "../../store/blob-store.ts";
import { throwIfAborted } from "../../store/body-reader.ts";
import { copyDocument } from "./documents.ts";

/** 16 records at a time: enough to hide the latency of an object store. */
const BATCH = 16;

interface LogPorts {
  readonly blobs: BlobStore;
  readonly keys: KeyRing;
  readonly trusted: TrustedKeys;
  readonly clock: Clock;
}

export interface LogRequest {
  readonly cluster: string;
  /** Whose key signs what stands for an object that is not copied. */
  readonly purpose: "snapshot" | "audit";
  readonly signal?: AbortSignal | undefined;
}

export interface CopiedLog {
  readonly records: number;
  /** What a person should look at. */
  readonly conflicts: readonly string[];
}

interface CopiedRecord {
  readonly copied: boolean;
  readonly conflict: string | undefined;
  /** Whether two records that are both signed differ: two stories, and not something that was planted. */
  readonly isOtherStory?: boolean;
}

/**
 * Brings the custody log of the store into `to` beside the log that `to` has of its own: every record that is missing there, so that what was copied names records that can be read where it
 * is. A run that ended early left a gap in its last batch at most, which the next one fills. The last records that are in both are held against each other: a log that was
 * cut off or written anew since the last copy is noticed here, and nothing is copied behind it. What somebody planted in the place of a record, in either store, is told and stops nothing: for
 * what is larger than any document a signed placeholder stands in the copy.
 */
export async function copyLog(ports: LogPorts, to: BlobStore, request: LogRequest): Promise<CopiedLog> {
  const { cluster, signal } = request;
  const last = await findHead(to, cluster, { log: "primary-custody", signal });
  const head = await findHead(ports.blobs, cluster, { signal });
  const conflicts: string[] = [];
  let records = 0;
  // What is there already first: behind another story nothing is copied.
  for (const [first, end] of [
    [Math.max(1, last - BATCH + 1), last],
    [last + 1, head],
  ] as const) {
    for (let start = first; start <= end; start += BATCH) {
      throwIfAborted(`the copy of the custody log of ${cluster}`, signal);
      const batch = Array.from({ length: Math.min(BATCH, end - start + 1) }, (_, index) => start + index);
      const copies = await Promise.all(batch.map((sequence) => copyRecord(ports, to, sequence, request)));
      records += copies.filter(({ copied }) => copied).length;
      conflicts.push(...copies.flatMap(({ conflict }) => (conflict === undefined ? [] : [conflict])));
      if (copies.some(({ isOtherStory }) => isOtherStory === true)) return { records, conflicts };
    }
  }
  return { records, conflicts };
}

async function copyRecord(ports: LogPorts, to: BlobStore, sequence: number, request: LogRequest): Promise<CopiedRecord> {
  const { cluster, signal } = request;
  const { blobs: from } = ports;
  const [key, toKey] = [custodyKey(cluster, sequence), custodyKey(cluster, sequence, "primary-custody")];
  const object = await unlessMissing(readLogObject(from, key, signal));
  if (object !== undefined && isOversized(object)) return copyPlaceholder(ports, to, { ...object, sequence }, request);
  const { copied, conflict } = await copyDocument({ from, to, key, toKey, signal });
  if (conflict === undefined) return { copied, conflict };
  const there = await unlessMissing(readLogObject(to, toKey, signal));
  const isOtherStory = there !== undefined && !isOversized(there) && isSigned(there, ports.trusted, toKey, cluster, sequence);
  return { copied, conflict, isOtherStory };
}

async function copyPlaceholder(
  ports: LogPorts,
  to: BlobStore,
  object: Oversized & { readonly sequence: number },
  { cluster, purpose, signal }: LogRequest,
): Promise<CopiedRecord> {
  const { sequence, size, beginning } = object;
  const [key, toKey] = [custodyKey(cluster, sequence), custodyKey(cluster, sequence, "primary-custody")];
  const planted = `${key} in ${ports.blobs.location} is larger than any document, ${size} bytes`;
  const there = await unlessMissing(readLogObject(to, toKey, signal));
  if (there === undefined) {
    await putDocument(to, toKey, await signPlaceholder(ports, purpose, { ...object, cluster }), signal);
    return { copied: true, conflict: `${planted}: somebody put it there, and a placeholder stands for it in ${to.location}` };
  }
  const placeholder = isOversized(there) ? undefined : openPlaceholder(there, ports.trusted, toKey, cluster, sequence);
  const isSame = placeholder?.bytes === size && placeholder.beginning === beginning;
  if (isSame) return { copied: false, conflict: undefined };
  const isOtherStory = !isOversized(there) && (placeholder !== undefined || isSigned(there, ports.trusted, toKey, cluster, sequence));
  return { copied: false, conflict: `${planted}, and ${toKey} in ${to.location} is something else`, isOtherStory };
}

/** Whether it is a record that is believed in its place. */
function isSigned(bytes: Uint8Array, trusted: TrustedKeys, key: string, cluster: string, sequence: number): boolean {
  try {
    const record = openDocument("custody", bytes, trusted, key);
    return record.cluster === cluster && record.sequence === sequence;
  } catch (error) {
    if (isLifeboatError(error, "verify/")) return false;
    throw error;
  }
}

async function unlessMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isLifeboatError(error, "verify/missing")) return undefined;
    throw error;
  }
}
