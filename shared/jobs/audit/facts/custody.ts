import type { CanaryFact, ClusterFacts, CustodyFact, CustodyProblem, EventFact, HistoryFact } from "../../../audit/facts.ts";
import type { Clock } from "../../../clock.ts";
import { custodyPrefix } from "../../../documents/layout.ts";
import { isOfChain } from "../../../vault/custody/finding.ts";
import type { CustodyFinding } from "../../../vault/custody/finding.ts";
import { ChainCheck } from "../../../vault/custody/chain.ts";
import type { Witness } from "../../../vault/custody/chain.ts";
import { findHead } from "../../../vault/custody/head.ts";
import { isFault } from "../../../vault/custody/records.ts";
import type { FoundRecord } from "../../../vault/custody/records.ts";
import { isSameSummary, readTail, summaryOf } from "../../../vault/custody/tail.ts";
import type { RecordSummary } from "../../../vault/custody/tail.ts";
import type { Segments } from "../../../vault/segments/read.ts";
import type { Vault } from "../../../vault/vault.ts";
import { verifyCustody } from "../custody.ts";

export interface LogFacts {
  readonly custody: CustodyFact;
  readonly history: HistoryFact;
  /** Break-glass rehearsals that it tells of, oldest first. */
  readonly canaries: readonly CanaryFact[];
  /** Keys of documents that are not believed. */
  readonly unbelieved: readonly CustodyFinding[];
  /** What segments say otherwise than the records. */
  readonly differences: ClusterFacts["differences"];
}

/** What segments of the catalog tell of a log. */
export type SaidOfLog = Pick<Segments, "log" | "witness">;

/** The whole log, held against itself, against all that is stored, and against what segments say of it. */
export async function wholeLog(vault: Vault & { readonly clock: Clock }, cluster: string, { log }: SaidOfLog): Promise<LogFacts> {
  const events: EventFact[] = [];
  const canaries: CanaryFact[] = [];
  const differences: ClusterFacts["differences"][number][] = [];
  const onRecord = (found: FoundRecord): void => {
    const summary = summaryOf(cluster, found);
    if (summary !== undefined) events.push(eventOf(summary));
    canaries.push(...canaryOf(found));
    const said = log.get(found.sequence);
    if (said !== undefined && (summary === undefined || !isSameSummary(said, summary)))
      differences.push({ subject: found.key, message: "the catalog says otherwise of this record than the record itself" });
  };
  const { head, findings, records } = await verifyCustody(vault, cluster, { onRecord });
  return {
    custody: { head, records, depth: "all", findings: findings.filter(({ code }) => !isToldElsewhere(code)).map(problemOf) },
    history: { since: events[0]?.time ?? -Infinity, events },
    canaries,
    unbelieved: findings.filter(({ code }) => code === "custody/unbelieved"),
    differences,
  };
}

/** Snapshots and documents have findings of their own for that. */
function isToldElsewhere(code: CustodyFinding["code"]): boolean {
  return code === "custody/unbelieved" || code === "custody/future";
}

interface EndOptions {
  readonly since: Date;
  /** There is a snapshot, so there is a log. */
  readonly isNeeded: boolean;
  readonly said: SaidOfLog;
  /** What else names records of the log. */
  readonly witnesses: readonly Witness[];
  readonly signal?: AbortSignal | undefined;
}

/** Its end, as far back as `since`, held against itself and the newest segment. What segments say of a record is taken in its place, as long as the store lists that as they have it. */
export async function endOfLog(vault: Vault, cluster: string, { since, isNeeded, said, witnesses, signal }: EndOptions): Promise<LogFacts> {
  const { records, first } = await readTail(vault, cluster, { since, known: said.log, signal });
  const chain = new ChainCheck(cluster, "custody", first);
  const findings = records.flatMap((record) => chain.add(record));
  const contradiction =
    (said.witness === undefined ? undefined : chain.contradict(said.witness)) ??
    (await contradictedBy(vault, cluster, chain, witnesses, signal));
  const isGone = records.length === 0 && isNeeded && (await findHead(vault.blobs, cluster, { signal })) === 0;
  const problems = [...findings, ...(contradiction === undefined ? [] : [contradiction])].map(problemOf);
  return {
    custody: { head: chain.head, records: records.length, depth: "tail", findings: isGone ? [noLog(cluster)] : problems },
    history: { since: since.getTime(), events: records.flatMap(({ summary }) => (summary === undefined ? [] : [eventOf(summary)])) },
    canaries: records.flatMap(({ found }) => (found === undefined ? [] : canaryOf(found))),
    unbelieved: [],
    differences: [],
  };
}

/** By the first of them. Documents of a copied snapshot name records of the log that was copied with it: they say nothing of this one. */
async function contradictedBy(
  vault: Vault,
  cluster: string,
  chain: ChainCheck,
  witnesses: readonly Witness[],
  signal: AbortSignal | undefined,
): Promise<CustodyFinding | undefined> {
  const [found] = witnesses.flatMap((witness) => chain.contradict(witness) ?? []);
  const isCopy = found !== undefined && (await findHead(vault.blobs, cluster, { log: "primary-custody", signal })) > 0;
  return isCopy ? undefined : found;
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

function eventOf({ time, event, by, ids, reason }: RecordSummary): EventFact {
  return { time: Date.parse(time), event, by: by.purpose, ids, reason };
}

function canaryOf({ record }: FoundRecord): readonly CanaryFact[] {
  if (isFault(record) || record.event !== "rehearsed" || record.details.rehearsal === undefined) return [];
  return [{ recipient: record.details.rehearsal.recipient, openedAt: Date.parse(record.time), by: record.actor }];
}
