import type { Clock } from "../../clock.ts";
import { Announcements } from "../../vault/custody/announcements.ts";
import { ChainCheck } from "../../vault/custody/chain.ts";
import type { CustodyFinding } from "../../vault/custody/finding.ts";
import { RetiredCheck } from "../../vault/custody/retired-check.ts";
import { isFault, readRecords } from "../../vault/custody/records.ts";
import type { FoundRecord } from "../../vault/custody/records.ts";
import { custodyPrefix, dataPrefix, idInManifestKey, nodeFilesPrefix } from "../../documents/layout.ts";
import type { CustodyLog } from "../../documents/layout.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import { isAhead } from "../../documents/slot.ts";
import type { Vault } from "../../vault/vault.ts";
import { readStoredDocuments } from "../../vault/custody/stored-documents.ts";
import type { StoredDocuments } from "../../vault/custody/stored-documents.ts";
import { IN_THE_FUTURE } from "../../vault/judge.ts";

export interface CustodyOptions {
  /** Records of this time and later. */
  readonly since?: Date | undefined;
  /**
   * The store is a replica: beside its own log it has that of the store that its snapshots were copied from, which comes first, and tells of more than was copied. Only a person can say so: were it
   * found out from what is in the store, whoever can write there could have what is gone passed over.
   */
  readonly isReplica?: boolean;
  /** Told of each of those, in order. */
  readonly onRecord: (found: FoundRecord) => void;
}

export interface ListCustodyOptions extends CustodyOptions {
  /** So many of the newest of each log; the others are not read. */
  readonly limit?: number | undefined;
  /** Told how many those are. */
  readonly onLeftOut?: (count: number) => void;
}

export interface CustodyReport {
  /** The last record that there is. */
  readonly head: CustodyReceipt | undefined;
  readonly findings: readonly CustodyFinding[];
  /** How many records there are, of both logs in a replica. */
  readonly records: number;
  /** How many documents of the store the log was held against. */
  readonly documents: number;
  /** Of a replica: the last record of the log that was copied, and how much that it tells of is not here, since it was not copied or was removed since. */
  readonly copied?: { readonly head: CustodyReceipt | undefined; readonly notHere: number };
}

/** A day: more than the clocks of a store and of a writer differ. */
const CLOCK_MARGIN_MS = 86_400_000;

function logsOf(isReplica: boolean | undefined): readonly CustodyLog[] {
  return isReplica === true ? ["primary-custody", "custody"] : ["custody"];
}

/** Tells of the records of a cluster's log, each signature and trust checked. */
export async function listCustody(vault: Vault, cluster: string, options: ListCustodyOptions): Promise<void> {
  const { since, isReplica, onRecord, limit: last, onLeftOut } = options;
  const modifiedSince = since === undefined ? undefined : new Date(since.getTime() - CLOCK_MARGIN_MS);
  for (const log of logsOf(isReplica))
    for await (const found of readRecords(vault, cluster, { modifiedSince, log, last, onLeftOut }))
      if (isSince(found, since)) onRecord(found);
}

/** Whether the store has the log of another store. */
export async function hasCopiedLog({ blobs }: Vault, cluster: string): Promise<boolean> {
  for await (const { key } of blobs.list(custodyPrefix(cluster, "primary-custody"))) if (key !== "") return true;
  return false;
}

/** A record that is not believed has no time, and is always told. */
function isSince({ record }: FoundRecord, since: Date | undefined): boolean {
  return since === undefined || isFault(record) || new Date(record.time) >= since;
}

/**
 * Holds the whole log against itself, against `head` as somebody wrote it down, and against what is stored. Reads all records and all signed documents of the cluster, and no snapshot data. In a replica
 * both logs, where each document is held against the one that it names; what the copied one tells of and was never copied is no finding.
 */
export async function verifyCustody(
  vault: Vault & { readonly clock: Clock },
  cluster: string,
  { head, ...options }: CustodyOptions & { readonly head?: CustodyReceipt | undefined },
): Promise<CustodyReport> {
  // Documents first: the record of each is there before it is.
  const stored = await readStoredDocuments(vault, cluster);
  const logs: ReadLog[] = [];
  for (const log of logsOf(options.isReplica)) logs.push(await readLog(vault, cluster, stored, log, options));
  const findings = logs.flatMap((log) => log.findings);
  for (const witness of [...(head === undefined ? [] : [{ ...head, name: "the head that was given" }]), ...witnessesIn(stored)]) {
    // In a replica the first is the log of most of them.
    const finding = logs.some(({ chain }) => chain.has(witness)) ? undefined : logs[0]?.chain.contradict(witness);
    if (finding !== undefined) findings.push(finding);
  }
  findings.push(...stored.findings);
  findings.push(...findFuture(cluster, stored, vault.clock.now()));
  findings.push(...findUnlogged(stored, logs));
  let notHere = 0;
  for (const { log, announcements } of logs) {
    // What came while the log was read is read now, and held against the record that announced it: that something stands there settles nothing.
    for (const { subject } of announcements.findings()) if (!stored.documents.has(subject)) await stored.lookAgain(subject);
    const absent = announcements.findings();
    const reported = log === "custody" ? absent : absent.filter(({ subject }) => stored.documents.has(subject));
    notHere += absent.length - reported.length;
    findings.push(...reported);
  }
  findings.push(...(await findLostData(vault, cluster, stored, logs)));
  const records = logs.reduce((sum, log) => sum + log.records, 0);
  const report = { head: logs.at(-1)?.chain.head, findings, records, documents: stored.documents.size };
  return options.isReplica === true ? { ...report, copied: { head: logs[0]?.chain.head, notHere } } : report;
}

interface ReadLog {
  readonly log: CustodyLog;
  readonly chain: ChainCheck;
  readonly announcements: Announcements;
  readonly findings: readonly CustodyFinding[];
  readonly records: number;
}

async function readLog(
  vault: Vault,
  cluster: string,
  stored: StoredDocuments,
  log: CustodyLog,
  { since, onRecord }: CustodyOptions,
): Promise<ReadLog> {
  const chain = new ChainCheck(cluster, log);
  const announcements = new Announcements(stored.documents);
  const retired = new RetiredCheck(vault.trusted);
  const findings: CustodyFinding[] = [];
  let records = 0;
  for await (const found of readRecords(vault, cluster, { log })) {
    records++;
    findings.push(...chain.add(found));
    retired.add(found);
    announcements.add(found);
    if (isSince(found, since)) onRecord(found);
  }
  findings.push(...retired.findings());
  return { log, chain, announcements, findings, records };
}

function witnessesIn({ documents }: StoredDocuments): (CustodyReceipt & { readonly name: string })[] {
  return [...documents].flatMap(([name, { custody }]) => (custody === undefined ? [] : [{ ...custody, name }]));
}

function findUnlogged({ documents }: StoredDocuments, logs: readonly ReadLog[]): readonly CustodyFinding[] {
  const unlogged: CustodyFinding[] = [];
  for (const [key, document] of documents) {
    const { custody, isOfLaterKind } = document;
    if (isOfLaterKind === true) continue;
    // A record that is not as it was named is told of already.
    if (custody !== undefined && !logs.some(({ chain }) => chain.has(custody))) continue;
    const hasAnnouncedData = logs.map(({ announcements }) => announcements.hasAnnouncedDataOf(key)).find((each) => each !== undefined);
    if (hasAnnouncedData === true) continue;
    const message =
      custody === undefined
        ? "it is stored, and names no record of the log"
        : `it names record ${custody.sequence}, which announces something else${hasAnnouncedData === false ? " than its data" : ""}`;
    unlogged.push({ code: "custody/unlogged", subject: key, message, fix: UNLOGGED });
  }
  return unlogged;
}

/** Manifests that no backup can have written by now, or one of a machine whose clock was wrong. */
function findFuture(cluster: string, { documents }: StoredDocuments, now: Date): readonly CustodyFinding[] {
  return [...documents.keys()].flatMap((key): CustodyFinding[] => {
    const id = idInManifestKey(cluster, key);
    if (id === undefined || !isAhead(id, now)) return [];
    return [{ code: "custody/future", subject: key, message: IN_THE_FUTURE, fix: FUTURE }];
  });
}

/** Data objects that manifests, and documents about nodes' files, name, and that are not there. */
async function findLostData(
  vault: Vault,
  cluster: string,
  { documents }: StoredDocuments,
  logs: readonly ReadLog[],
): Promise<readonly CustodyFinding[]> {
  const there = new Set<string>();
  for (const prefix of [dataPrefix(cluster), nodeFilesPrefix(cluster)])
    for await (const { key } of vault.blobs.list(prefix)) there.add(key);
  return [...documents].flatMap(([manifest, { data, custody }]): CustodyFinding[] => {
    const lost = data.filter(
      ({ key, sha256: digest, version }) =>
        !there.has(key) && !logs.some(({ announcements }) => announcements.isRemoved({ key, digest, version }, custody?.sequence ?? 0)),
    );
    const message = `${manifest} names it as its data, and it is gone; its removal is not recorded`;
    return lost.map((object) => ({ code: "custody/gone", subject: object.key, message, fix: LOST_DATA }));
  });
}

const UNLOGGED = "find out who wrote it; it may be intact, but whoever wrote it did not record it, and has a trusted key";
const FUTURE =
  "it is never the latest, and never good; check whether a machine's clock was wrong (lifeboat doctor --clock), else find out who wrote it: whoever wrote it has the key that signs snapshots";
const LOST_DATA = "find out who can delete from the store; what it belongs to cannot be restored from here, so look for it in a replica";
