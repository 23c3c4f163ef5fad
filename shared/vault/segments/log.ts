import type { Clock } from "../../clock.ts";
import { loggedSchema, MOST_LOGGED } from "../../documents/catalog.ts";
import type { LoggedRecord, Segment } from "../../documents/catalog.ts";
import { documentPace } from "../../zod-pace.ts";
import { isFault } from "../custody/records.ts";
import type { RecordVault } from "../custody/records.ts";
import { readTail } from "../custody/tail.ts";
import type { KnownRecord, TailRecord } from "../custody/tail.ts";
import type { Signers } from "./settle.ts";

/** The records of the custody log that segments tell of: what an audit needs of its last days. */

/** Eight days: an audit looks at seven, and the segment is of a while ago. */
const KEPT_MS = 8 * 86_400_000;
/** 160 KiB: beside 500 KiB of rows, in base64, a segment stays below the largest document. */
const MOST_JSON = 160 * 1024;
/** An order of hundreds of removals is read itself. */
const MOST_IDS = 20;
const LONGEST_REASON = 300;

/** What the entries of a segment say, of keys that are trusted as they were then. `isTrusted`: of the key at a place in `signers`. */
export function knownIn({ log = [], signers }: Segment, isTrusted: (by: number) => boolean): readonly KnownRecord[] {
  // One that is none is read itself.
  const entries = log.map((entry) => loggedSchema.safeParse(entry, documentPace()).data);
  return entries.flatMap((logged, index): KnownRecord[] => {
    if (logged === undefined) return [];
    const { by, bytes, modified, ids = [], ...entry } = logged;
    const signer = signers[by];
    if (signer === undefined || !isTrusted(by)) return [];
    const before = entries[index - 1];
    const previous = entry.previous ?? (before?.sequence === entry.sequence - 1 ? before.digest : undefined);
    // One that follows another does not stand here without its digest.
    if ((previous === undefined) !== (entry.sequence === 1)) return [];
    const { sequence, digest, time, event, reason } = entry;
    const { purpose, fingerprint } = signer;
    return [
      { sequence, digest, previous, time, event, by: { purpose, fingerprint }, ids, reason, bytes, modifiedMs: Date.parse(modified) },
    ];
  });
}

interface Wanted {
  /** What segments tell of already. */
  readonly known: ReadonlyMap<number, KnownRecord>;
  /** Whether a segment that stays needed has it. */
  readonly isKept: (sequence: number) => boolean;
  readonly signers: Signers;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The entries of a new segment: the records of the last eight days that no other segment has, the newest where there are too many. Only what is settled comes in: a record that is believed and names the bytes of the one before it as they
 * stand there. What is wrong with any other is seen each time that it is read.
 */
export async function logOfSegment(
  vault: RecordVault & { readonly clock: Clock },
  cluster: string,
  { known, isKept, signers, signal }: Wanted,
): Promise<readonly LoggedRecord[]> {
  const since = new Date(vault.clock.now().getTime() - KEPT_MS);
  const { records } = await readTail(vault, cluster, { since, known, signal });
  const entries: LoggedRecord[] = [];
  let left = MOST_JSON;
  for (let index = records.length - 1; index >= 0 && entries.length < MOST_LOGGED; index--) {
    const record = records[index];
    if (record === undefined || isKept(record.sequence) || !isSettled(record, records[index - 1])) continue;
    const entry = entryOf(record, signers);
    if (entry === undefined) continue;
    left -= JSON.stringify(entry).length;
    if (left < 0) break;
    entries.push(entry);
  }
  return withoutRepeats(entries.toReversed());
}

function isSettled({ sequence, record }: TailRecord, before: TailRecord | undefined): boolean {
  if (isFault(record)) return false;
  if (sequence === 1) return record.previous === undefined;
  return before?.sequence === sequence - 1 && record.previous === before.digest && record.previousBytes === undefined;
}

/** Undefined for what is read itself: a rehearsal says more than an entry has, and keys of other purposes are unknown to older readers. */
function entryOf({ summary, listed }: TailRecord, signers: Signers): LoggedRecord | undefined {
  if (summary === undefined || listed === undefined) return undefined;
  const { sequence, previous, digest, time, event, by, ids, reason } = summary;
  const { purpose, fingerprint } = by;
  if (event === "rehearsed" || purpose === "bundle") return undefined;
  if (ids.length > MOST_IDS || (reason?.length ?? 0) > LONGEST_REASON) return undefined;
  return {
    sequence,
    ...(previous === undefined ? {} : { previous }),
    digest,
    bytes: listed.bytes,
    modified: new Date(listed.modifiedMs).toISOString(),
    by: signers.placeOf(purpose, fingerprint),
    time,
    event,
    ...(ids.length === 0 ? {} : { ids: [...ids] }),
    ...(reason === undefined ? {} : { reason }),
  };
}

/** `previous` only where the entry before does not say it. */
function withoutRepeats(entries: readonly LoggedRecord[]): readonly LoggedRecord[] {
  return entries.map((entry, index) => {
    const before = entries[index - 1];
    if (before?.sequence !== entry.sequence - 1 || before.digest !== entry.previous) return entry;
    const { previous: _, ...rest } = entry;
    return rest;
  });
}
