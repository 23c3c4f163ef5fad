import { Announcements } from "../custody/announcements.ts";
import { ChainCheck } from "../custody/chain.ts";
import type { CustodyFinding } from "../custody/finding.ts";
import { isFault, readRecords } from "../custody/records.ts";
import type { FoundRecord } from "../custody/records.ts";
import { dataPrefix } from "../manifest/layout.ts";
import type { CustodyReceipt } from "../manifest/schema.ts";
import type { Vault } from "./catalog.ts";
import { readStoredDocuments } from "./custody-documents.ts";
import type { StoredDocuments } from "./custody-documents.ts";

export interface CustodyOptions {
  /** Records of this time and later. */
  readonly since?: Date | undefined;
  /** Told of each of those, in order. */
  readonly onRecord: (found: FoundRecord) => void;
}

export interface CustodyReport {
  /** The last record that there is. */
  readonly head: CustodyReceipt | undefined;
  readonly findings: readonly CustodyFinding[];
  /** How many records there are. */
  readonly records: number;
  /** How many documents of the store the log was held against. */
  readonly documents: number;
  /** How many of them are from before there was a log. */
  readonly beforeLog: number;
}

/** A day: more than the clocks of a store and of a writer differ. */
const CLOCK_MARGIN_MS = 86_400_000;

/** Tells of the records of a cluster's log, each signature and trust checked. */
export async function listCustody(vault: Vault, cluster: string, { since, onRecord }: CustodyOptions): Promise<void> {
  const modifiedSince = since === undefined ? undefined : new Date(since.getTime() - CLOCK_MARGIN_MS);
  for await (const found of readRecords(vault, cluster, { modifiedSince })) if (isSince(found, since)) onRecord(found);
}

/** A record that is not believed has no time, and is always told. */
function isSince({ record }: FoundRecord, since: Date | undefined): boolean {
  return since === undefined || isFault(record) || new Date(record.time) >= since;
}

/**
 * Holds the whole log against itself, against `head` as somebody wrote it down, and against what is stored. Reads all records and all signed documents of the cluster, and no snapshot data.
 */
export async function verifyCustody(
  vault: Vault,
  cluster: string,
  { head, since, onRecord }: CustodyOptions & { readonly head?: CustodyReceipt | undefined },
): Promise<CustodyReport> {
  // Documents first: the record of each is there before it is.
  const stored = await readStoredDocuments(vault, cluster);
  const chain = new ChainCheck(cluster);
  const announcements = new Announcements(stored.documents);
  const findings: CustodyFinding[] = [];
  let records = 0;
  let begins: Date | undefined;
  for await (const found of readRecords(vault, cluster)) {
    records++;
    if (!isFault(found.record)) begins ??= new Date(found.record.time);
    findings.push(...chain.add(found));
    announcements.add(found);
    if (isSince(found, since)) onRecord(found);
  }
  const witnesses = [...(head === undefined ? [] : [{ ...head, name: "the head that was given" }]), ...witnessesIn(stored)];
  findings.push(...witnesses.flatMap((witness) => chain.contradict(witness) ?? []), ...stored.findings);
  const { unlogged, beforeLog } = findUnlogged(stored, chain, announcements, begins);
  findings.push(
    ...unlogged,
    ...(await stillAbsent(vault, stored, announcements.findings())),
    ...(await findLostData(vault, cluster, stored, announcements)),
  );
  return { head: chain.head, findings, records, documents: stored.documents.size, beforeLog };
}

function witnessesIn({ documents }: StoredDocuments): (CustodyReceipt & { readonly name: string })[] {
  return [...documents].flatMap(([name, { custody }]) => (custody === undefined ? [] : [{ ...custody, name }]));
}

function findUnlogged(
  { documents }: StoredDocuments,
  chain: ChainCheck,
  announcements: Announcements,
  begins: Date | undefined,
): { readonly unlogged: readonly CustodyFinding[]; readonly beforeLog: number } {
  const unlogged: CustodyFinding[] = [];
  let beforeLog = 0;
  for (const [key, document] of documents) {
    const { custody, data } = document;
    if (custody === undefined && (begins === undefined || document.madeAt < begins)) {
      beforeLog++;
      continue;
    }
    // A record that is not as it was named is told of already.
    if (custody !== undefined && !chain.has(custody)) continue;
    const announcement = announcements.announcementOf(key);
    const isOther =
      announcement !== undefined &&
      data !== undefined &&
      !announcement.withIt.some((each) => each.key === data.key && each.digest === data.sha256);
    if (announcement !== undefined && !isOther) continue;
    const message =
      custody === undefined
        ? "it is stored, and names no record of the log"
        : `it names record ${custody.sequence}, which announces something else${isOther ? " than its data" : ""}`;
    unlogged.push({ code: "custody/unlogged", subject: key, message, fix: UNLOGGED });
  }
  return { unlogged, beforeLog };
}

/** Without those that came while the log was read. */
async function stillAbsent(
  vault: Vault,
  { documents }: StoredDocuments,
  findings: readonly CustodyFinding[],
): Promise<readonly CustodyFinding[]> {
  const left: CustodyFinding[] = [];
  for (const finding of findings) {
    if (documents.has(finding.subject) || (await vault.blobs.head(finding.subject)) === undefined) left.push(finding);
  }
  return left;
}

/** Data objects that manifests name, and that are not there. */
async function findLostData(
  vault: Vault,
  cluster: string,
  { documents }: StoredDocuments,
  announcements: Announcements,
): Promise<readonly CustodyFinding[]> {
  const there = new Set<string>();
  for await (const { key } of vault.blobs.list(dataPrefix(cluster))) there.add(key);
  return [...documents].flatMap(([manifest, { data, custody }]): CustodyFinding[] => {
    if (data === undefined || there.has(data.key) || announcements.isRemoved(data.key, custody?.sequence ?? 0)) return [];
    const message = `${manifest} names it as its data, and it is gone; no record tells of its removal`;
    return [{ code: "custody/gone", subject: data.key, message, fix: LOST_DATA }];
  });
}

const UNLOGGED = "find out who wrote it; it may be whole, and was put there past the log with a key that is trusted";
const LOST_DATA = "find out who can delete from the store; that snapshot cannot be restored from here, so look for it in a replica";
