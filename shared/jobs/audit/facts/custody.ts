import type { CanaryFact, CustodyFact, CustodyProblem, EventFact, HistoryFact } from "../../../audit/facts.ts";
import type { Clock } from "../../../clock.ts";
import { custodyPrefix, kindOfKey } from "../../../documents/layout.ts";
import { isOfChain } from "../../../vault/custody/finding.ts";
import type { CustodyFinding } from "../../../vault/custody/finding.ts";
import { ChainCheck } from "../../../vault/custody/chain.ts";
import { findHead } from "../../../vault/custody/head.ts";
import { isFault, readRecord } from "../../../vault/custody/records.ts";
import type { FoundRecord } from "../../../vault/custody/records.ts";
import { readRecordsBack } from "../../../vault/custody/records-back.ts";
import type { Vault } from "../../../vault/vault.ts";
import { verifyCustody } from "../custody.ts";

export interface LogFacts {
  readonly custody: CustodyFact;
  readonly history: HistoryFact;
  /** Break-glass rehearsals that it tells of, oldest first. */
  readonly canaries: readonly CanaryFact[];
  /** Keys of documents that are not believed. */
  readonly unbelieved: readonly CustodyFinding[];
}

/** The whole log, held against itself and against all that is stored. */
export async function wholeLog(vault: Vault & { readonly clock: Clock }, cluster: string): Promise<LogFacts> {
  const events: EventFact[] = [];
  const canaries: CanaryFact[] = [];
  const onRecord = (found: FoundRecord): void => {
    events.push(...eventOf(cluster, found));
    canaries.push(...canaryOf(found));
  };
  const { head, findings, records } = await verifyCustody(vault, cluster, { onRecord });
  return {
    custody: { head, records, depth: "all", findings: findings.filter(({ code }) => !isToldElsewhere(code)).map(problemOf) },
    history: { since: events[0]?.time ?? -Infinity, events },
    canaries,
    unbelieved: findings.filter(({ code }) => code === "custody/unbelieved"),
  };
}

/** Snapshots and documents have findings of their own for that. */
function isToldElsewhere(code: CustodyFinding["code"]): boolean {
  return code === "custody/unbelieved" || code === "custody/future";
}

/** Its end, as far back as `since`, held against itself. `isNeeded`: there is a snapshot, so there is a log. */
export async function endOfLog(
  vault: Vault,
  cluster: string,
  { since, isNeeded, signal }: { readonly since: Date; readonly isNeeded: boolean; readonly signal?: AbortSignal | undefined },
): Promise<LogFacts> {
  const back: FoundRecord[] = [];
  for await (const found of readRecordsBack(vault, cluster, since, signal)) back.push(found);
  const records = back.toReversed();
  const [first] = records;
  const chain = new ChainCheck(cluster, "custody", await beginningOf(vault, cluster, first, signal));
  const findings = records.flatMap((found) => chain.add(found)).map(problemOf);
  const isGone = first === undefined && isNeeded && (await findHead(vault.blobs, cluster, { signal })) === 0;
  return {
    custody: { head: chain.head, records: records.length, depth: "tail", findings: isGone ? [noLog(cluster)] : findings },
    history: { since: since.getTime(), events: records.flatMap((found) => eventOf(cluster, found)) },
    canaries: records.flatMap(canaryOf),
    unbelieved: [],
  };
}

/** Reading back ends where a record is old enough, and where there is none: then that one is missing. */
async function beginningOf(
  vault: Vault,
  cluster: string,
  first: FoundRecord | undefined,
  signal: AbortSignal | undefined,
): Promise<number> {
  if (first === undefined || first.sequence === 1) return 1;
  const before = await readRecord(vault, cluster, first.sequence - 1, { signal });
  return before === undefined ? first.sequence - 1 : first.sequence;
}

function noLog(cluster: string): CustodyProblem {
  return {
    code: "custody/missing",
    subject: custodyPrefix(cluster),
    message: "there are snapshots, and no custody log",
    fix: "find out who can delete from the store; a replica has a copy of the log",
    isOfChain: true,
  };
}

function problemOf(finding: CustodyFinding): CustodyProblem {
  const { code, subject, message, fix } = finding;
  return { code, subject, message, fix, isOfChain: isOfChain(finding) };
}

function eventOf(cluster: string, { record }: FoundRecord): readonly EventFact[] {
  if (isFault(record)) return [];
  const ids = record.subjects.flatMap(({ key }) => {
    const kind = kindOfKey(cluster, key);
    return "id" in kind ? [kind.id] : [];
  });
  const { time, event, signer, details } = record;
  return [{ time: Date.parse(time), event, by: signer.purpose, ids: [...new Set(ids)], reason: details.reason ?? details.code }];
}

function canaryOf({ record }: FoundRecord): readonly CanaryFact[] {
  if (isFault(record) || record.event !== "rehearsed" || record.details.rehearsal === undefined) return [];
  return [{ recipient: record.details.rehearsal.recipient, openedAt: Date.parse(record.time), by: record.actor }];
}
