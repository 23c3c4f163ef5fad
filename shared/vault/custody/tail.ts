import { custodyKey, folderOfSequence, kindOfKey } from "../../documents/layout.ts";
import type { Purpose } from "../../keys/key-ring.ts";
import type { ListedObject } from "../segments/names.ts";
import type { Chained } from "./chain.ts";
import { findHead, lastIn } from "./head.ts";
import { isFault, readRecord } from "./records.ts";
import type { FoundRecord, RecordVault } from "./records.ts";

/** What an audit goes by of a record that is believed. */
export interface RecordSummary {
  readonly sequence: number;
  readonly digest: string;
  /** What it names as the digest of the record before; undefined in the first. */
  readonly previous: string | undefined;
  /** ISO 8601. */
  readonly time: string;
  /** As the custody log calls it: `backup`, `removed`, ... */
  readonly event: string;
  readonly by: { readonly purpose: Purpose; readonly fingerprint: string };
  /** Of each snapshot that it is about. */
  readonly ids: readonly string[];
  /** Its reason, or else its code. */
  readonly reason: string | undefined;
}

/** One that a signed segment of the catalog tells of, and the object that it was read from, as the store listed that. */
export interface KnownRecord extends RecordSummary {
  readonly bytes: number;
  readonly modifiedMs: number;
}

export interface TailRecord extends Chained {
  /** Undefined where it is not believed. */
  readonly summary: RecordSummary | undefined;
  /** Undefined for one that was not read. */
  readonly found: FoundRecord | undefined;
  /** Undefined where it came after the listing. */
  readonly listed: ListedObject | undefined;
}

export interface Tail {
  /** Oldest first. */
  readonly records: readonly TailRecord[];
  /** The number that the first of them should have: an earlier one than it has where one is missing. */
  readonly first: number;
}

interface TailOptions {
  /** Ends at the first record of before, by its own word. */
  readonly since: Date;
  /** By number. One is believed as long as the store lists its object with that size and time; any other is read. */
  readonly known: ReadonlyMap<number, KnownRecord>;
  readonly signal?: AbortSignal | undefined;
}

/** Looked at side by side, as many more each time: most often the first few are enough. */
const FIRST_BATCH = 1;
const LARGEST_BATCH = 16;
/** As readRecordsBack: a flood hides the rest. */
const MOST_RECORDS = 2000;

/**
 * The newest records of a cluster's log, back to the first that was written before `since`, to a number that is not there, or 2,000 of them. Of what is known no object is read, but each is listed: so one that is gone, or another that
 * stands in its place, is seen, unless that has the same size and time.
 */
export async function readTail(vault: RecordVault, cluster: string, { since, known, signal }: TailOptions): Promise<Tail> {
  const { blobs } = vault;
  const listed = new Map<number, ListedObject>();
  const onListed = (sequence: number, { bytes, modified }: { readonly bytes: number; readonly modified: Date }): void =>
    void listed.set(sequence, { bytes, modifiedMs: modified.getTime() });
  const head = await findHead(blobs, cluster, { signal, onListed });
  const last = Math.max(1, head - MOST_RECORDS + 1);
  let folder = folderOfSequence(head);
  const lookAt = async (sequence: number): Promise<TailRecord | undefined> => {
    const there = listed.get(sequence);
    const summary = known.get(sequence);
    if (summary !== undefined && there !== undefined && isAsKnown(summary, there)) return asKnown(cluster, summary, there);
    const found = await readRecord(vault, cluster, sequence, { signal });
    return found === undefined ? undefined : { ...found, summary: summaryOf(cluster, found), found, listed: there };
  };
  const back: TailRecord[] = [];
  const ended = (first: number): Tail => ({ records: back.toReversed(), first });
  for (let next = head, size = FIRST_BATCH; next >= last; size = Math.min(size * 4, LARGEST_BATCH)) {
    const batch = Array.from({ length: Math.min(size, next - last + 1) }, (_, index) => next - index);
    // A folder before the last one is listed when it is come to.
    for (; folder > folderOfSequence(batch.at(-1) ?? next); folder--) await lastIn(blobs, cluster, folder - 1, { signal, onListed });
    for (const [index, record] of (await Promise.all(batch.map(lookAt))).entries()) {
      const sequence = batch[index] ?? next;
      if (record === undefined) return ended(sequence);
      if (record.summary !== undefined && new Date(record.summary.time) < since) return ended(sequence + 1);
      back.push(record);
    }
    next -= batch.length;
  }
  return ended(last);
}

function isAsKnown(known: KnownRecord, { bytes, modifiedMs }: ListedObject): boolean {
  return known.bytes === bytes && known.modifiedMs === modifiedMs;
}

function asKnown(cluster: string, summary: KnownRecord, listed: ListedObject): TailRecord {
  const { sequence, digest, event, previous } = summary;
  const record = previous === undefined ? { event } : { event, previous };
  return { sequence, key: custodyKey(cluster, sequence), digest, record, summary, found: undefined, listed };
}

/** Undefined where it is not believed. */
export function summaryOf(cluster: string, { sequence, digest, record }: FoundRecord): RecordSummary | undefined {
  if (isFault(record)) return undefined;
  const { previous, time, event, signer, subjects, details } = record;
  const ids = subjects.flatMap(({ key }) => {
    const kind = kindOfKey(cluster, key);
    return "id" in kind ? [kind.id] : [];
  });
  const { purpose, fingerprint } = signer;
  const reason = details.reason ?? details.code;
  return { sequence, digest, previous, time, event, by: { purpose, fingerprint }, ids: [...new Set(ids)], reason };
}

/** Whether two tell the same of a record. */
export function isSameSummary(one: RecordSummary, other: RecordSummary): boolean {
  return JSON.stringify(wordsOf(one)) === JSON.stringify(wordsOf(other));
}

function wordsOf({ digest, previous, time, event, by, ids, reason }: RecordSummary): readonly unknown[] {
  return [digest, previous, time, event, by.purpose, by.fingerprint, ids, reason];
}
