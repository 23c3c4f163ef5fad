import { custodyPrefix, sequenceInCustodyKey } from "../../documents/layout.ts";
import type { CustodyLog } from "../../documents/layout.ts";
import { LifeboatError } from "../../errors.ts";
import { mapConcurrently, PARALLEL_READS } from "../../map-concurrently.ts";
import type { BlobStore, BlobVersion } from "../../store/blob-store.ts";
import { throwIfAborted } from "../../store/body-reader.ts";
import { beginStep } from "./keeper-steps.ts";
import { isHopeless } from "./lock-terms.ts";
import type { LockExtension, LockPorts, LockTerms } from "./lock-terms.ts";

/**
 * The locks of the custody log. It has tens of thousands of records, and to ask for the lock of each would cost two requests a record in every run. So the records are renewed by the block, and of a block three locks are
 * asked for: the record that was put first, the one that was put last, and one in between that is another one each day.
 */

/** Records whose locks are renewed together. Smaller blocks ask more often, and larger ones renew the last block, which still grows, more often than it needs. */
const BLOCK = 250;

const DAY_MS = 86_400_000;

interface Block {
  readonly number: number;
  /** What may be due by its age, in the order in which it was put. */
  readonly records: readonly BlobVersion[];
}

/**
 * Renews the locks of a cluster's log, and in a replica of its primary's. A block is renewed where one of the three locks ends within half of `keptMs`; and once in half of `keptMs` on a day of its own, so that the blocks are not all
 * due at once. Every record that was put before the last one of a block that was renewed was renewed with it. So that holds also after a run that died, the first and the last one are renewed when all others are.
 */
export async function extendLogLocks(ports: LockPorts, cluster: string, terms: LockTerms, signal?: AbortSignal): Promise<LockExtension> {
  const failed: { key: string; message: string }[] = [];
  let extended = 0;
  for (const log of ["custody", "primary-custody"] as const)
    for await (const block of blocksIn(ports.blobs, cluster, log, terms, signal)) {
      if (!(await isDue(ports, block, terms, signal))) continue;
      const done = await renew(ports, block, terms, signal);
      extended += done.extended;
      failed.push(...done.failed);
      if (isHopeless({ extended, failed })) return { extended, failed };
    }
  return { extended, failed };
}

/** A record that is younger is locked by its put for more than half of `keptMs`. */
async function* blocksIn(
  blobs: BlobStore,
  cluster: string,
  log: CustodyLog,
  { now, keptMs, putMs }: LockTerms,
  signal: AbortSignal | undefined,
): AsyncGenerator<Block, void, undefined> {
  let [number, records]: [number, BlobVersion[]] = [0, []];
  for await (const version of blobs.listVersions(custodyPrefix(cluster, log), { signal })) {
    const sequence = sequenceInCustodyKey(cluster, version.key, log);
    if (sequence === undefined || version.isDeleteMarker || version.modified.getTime() + putMs >= now + keptMs / 2) continue;
    const its = Math.floor((sequence - 1) / BLOCK);
    if (its !== number && records.length > 0) yield { number, records: inOrder(records) };
    if (its !== number) [number, records] = [its, []];
    records.push(version);
  }
  if (records.length > 0) yield { number, records: inOrder(records) };
}

function inOrder(records: readonly BlobVersion[]): readonly BlobVersion[] {
  return records.toSorted((one, other) => one.modified.getTime() - other.modified.getTime() || (one.key < other.key ? -1 : 1));
}

async function isDue(
  { blobs }: LockPorts,
  { number, records }: Block,
  { now, keptMs }: LockTerms,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const today = Math.floor(now / DAY_MS);
  const ends = await Promise.all(
    [0, today % records.length, records.length - 1].map(async (index) => {
      const record = records[index];
      const lock = record === undefined ? undefined : await blobs.lockOf(record.key, { version: record.version, signal });
      return lock?.until?.getTime() ?? 0;
    }),
  );
  const turns = Math.max(1, Math.floor(keptMs / 2 / DAY_MS) - 1);
  // On its day not twice.
  const left = number % turns === today % turns ? keptMs - DAY_MS : keptMs / 2;
  return Math.min(...ends) < now + left;
}

async function renew(
  { blobs, progress }: LockPorts,
  { records }: Block,
  { now, keptMs }: LockTerms,
  signal: AbortSignal | undefined,
): Promise<LockExtension> {
  const failed: { key: string; message: string }[] = [];
  let extended = 0;
  const extend = async ({ key, version }: BlobVersion, until: Date): Promise<void> => {
    throwIfAborted("the renewal of locks", signal);
    if (isHopeless({ extended, failed })) return;
    beginStep(progress, "lock");
    try {
      const end = await blobs.extendLock(key, version, until, { signal });
      if (end.getTime() === until.getTime()) extended++;
    } catch (error) {
      if (!(error instanceof LifeboatError) || error.code === "interrupted") throw error;
      failed.push({ key, message: error.message });
    }
  };
  const until = new Date(now + keptMs);
  for await (const _ of mapConcurrently(records.slice(1, -1), PARALLEL_READS, (each) => extend(each, until)));
  // A block in which one failed is due again at the next run.
  const untilOfEnds = failed.length === 0 ? until : new Date(now + keptMs / 2);
  const [first, last] = [records[0], records.at(-1)];
  for (const each of new Set([last, first])) if (each !== undefined) await extend(each, untilOfEnds);
  return { extended, failed };
}
