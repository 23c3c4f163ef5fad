import { mapConcurrently, PARALLEL_READS } from "../../map-concurrently.ts";
import { isLifeboatError } from "../../errors.ts";
import { custodyKey, custodyPrefix, sequenceInCustodyKey } from "../../documents/layout.ts";
import type { CustodyLog } from "../../documents/layout.ts";
import type { CustodyRecord } from "../../documents/custody-record.ts";
import { digestOf, openDocumentAside, signerOfLaterPurpose } from "../../documents/signed-document.ts";
import { PURPOSES } from "../../keys/key-ring.ts";
import type { TrustedKeys } from "../../documents/signed-document.ts";
import type { BlobStore } from "../../store/blob-store.ts";
import { mayRecord } from "./events.ts";
import { isOversized, readLogObject } from "./log-object.ts";
import { openPlaceholder } from "./placeholder.ts";

/** What is wrong with one object of the log. */
export interface RecordFault {
  readonly code: "custody/altered" | "custody/forged" | "custody/misplaced" | "custody/later";
  readonly message: string;
}

/** Whether a record is one of a later version, by a key of ours: it is not believed, and no sign of tampering. */
export function isOfLaterVersion(record: { readonly event: string } | RecordFault): boolean {
  return isFault(record) && record.code === "custody/later";
}

/** An object of the log as it was found under its number. */
export interface FoundRecord {
  /** From its key. */
  readonly sequence: number;
  readonly key: string;
  readonly digest: string;
  /** Of an object that is larger than any record: `digest` is then of its first 1 MiB. */
  readonly oversizedBytes?: number;
  /** What it says, if that is to be believed. */
  readonly record: CustodyRecord | RecordFault;
}

export function isFault(record: { readonly event: string } | RecordFault): record is RecordFault {
  return !("event" in record);
}

/** Where records are read, and whose are believed. */
export interface RecordVault {
  readonly blobs: BlobStore;
  readonly trusted: TrustedKeys;
}

interface Options {
  /** Passes over objects that the store has from before, by its own clock. */
  readonly modifiedSince?: Date | undefined;
  /** The store's own log unless told. */
  readonly log?: CustodyLog;
  /** Only so many of the last ones; the others are not read. */
  readonly last?: number | undefined;
  /** Told how many those are. */
  readonly onLeftOut?: ((count: number) => void) | undefined;
}

/** Every record of a cluster's log in the order of their numbers, each signature and trust checked; one that vanishes meanwhile is passed over. Holds a few at a time. */
export async function* readRecords(
  vault: RecordVault,
  cluster: string,
  { modifiedSince, log, last, onLeftOut }: Options = {},
): AsyncGenerator<FoundRecord, void, undefined> {
  const listed = listRecords(vault.blobs, cluster, log, modifiedSince);
  const wanted = last === undefined ? listed : lastOf(listed, last, onLeftOut);
  for await (const found of mapConcurrently(wanted, PARALLEL_READS, ({ sequence }) => readRecord(vault, cluster, sequence, { log })))
    if (found !== undefined) yield found;
}

interface Place {
  readonly key: string;
  readonly sequence: number;
}

async function* listRecords(
  blobs: BlobStore,
  cluster: string,
  log: CustodyLog | undefined,
  modifiedSince: Date | undefined,
): AsyncGenerator<Place, void, undefined> {
  for await (const { key, modified } of blobs.list(custodyPrefix(cluster, log))) {
    const sequence = sequenceInCustodyKey(cluster, key, log);
    if (sequence !== undefined && (modifiedSince === undefined || modified >= modifiedSince)) yield { key, sequence };
  }
}

async function* lastOf(
  places: AsyncIterable<Place>,
  last: number,
  onLeftOut: ((count: number) => void) | undefined,
): AsyncGenerator<Place, void, undefined> {
  const kept: Place[] = [];
  let leftOut = 0;
  for await (const place of places) {
    kept.push(place);
    if (kept.length <= 2 * last) continue;
    leftOut += kept.length - last;
    kept.splice(0, kept.length - last);
  }
  leftOut += Math.max(0, kept.length - last);
  if (leftOut > 0) onLeftOut?.(leftOut);
  yield* kept.slice(-last);
}

/** The record under a number of a cluster's log, or undefined where there is none. */
export async function readRecord(
  { blobs, trusted }: RecordVault,
  cluster: string,
  sequence: number,
  { log, signal }: { readonly log?: CustodyLog | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<FoundRecord | undefined> {
  const key = custodyKey(cluster, sequence, log);
  try {
    const object = await readLogObject(blobs, key, signal);
    if (isOversized(object)) {
      const message = `${key} in ${blobs.location} has ${object.size} bytes, which no record has`;
      return { sequence, key, digest: object.beginning, oversizedBytes: object.size, record: { code: "custody/altered", message } };
    }
    const placeholder = log === "primary-custody" ? openPlaceholder(object, trusted, key, cluster, sequence) : undefined;
    if (placeholder !== undefined) {
      const { beginning, bytes } = placeholder;
      const message = `${key} stands for an object of ${bytes} bytes in the place of record ${sequence} of the log that was copied: no record is so large, and it was not copied`;
      return { sequence, key, digest: beginning, oversizedBytes: bytes, record: { code: "custody/altered", message } };
    }
    return { sequence, key, digest: digestOf(object), record: await openRecord(object, trusted, key, cluster, sequence) };
  } catch (error) {
    if (isLifeboatError(error, "verify/missing")) return undefined;
    throw error;
  }
}

async function openRecord(
  bytes: Uint8Array,
  trusted: TrustedKeys,
  key: string,
  cluster: string,
  sequence: number,
): Promise<CustodyRecord | RecordFault> {
  let record: CustodyRecord;
  try {
    record = await openDocumentAside("custody", bytes, trusted, key);
  } catch (error) {
    if (!isLifeboatError(error, "verify/")) throw error;
    // Only a key that is trusted for something: else whoever can put could have any record passed over in its place.
    const signer = signerOfLaterPurpose(bytes, key);
    if (signer !== undefined && PURPOSES.some((each) => trusted[each].includes(signer)))
      return { code: "custody/later", message: `${error.message}; it is skipped` };
    return { code: error.code === "verify/untrusted" ? "custody/forged" : "custody/altered", message: error.message };
  }
  if (record.cluster !== cluster || record.sequence !== sequence)
    return {
      code: "custody/misplaced",
      message: `${key} holds record ${record.sequence} of ${record.cluster}: it was moved or copied there`,
    };
  const { purpose } = record.signer;
  if (!mayRecord(purpose, record.event))
    return {
      code: "custody/forged",
      message: `${key} records ${record.event}, and is signed by the ${purpose} key, which may not record that`,
    };
  return record;
}
