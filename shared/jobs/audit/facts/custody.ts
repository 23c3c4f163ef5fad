import type { CustodyFact, CustodyProblem, EventFact, HistoryFact } from "../../../audit/facts.ts";
import type { Clock } from "../../../clock.ts";
import { kindOfKey } from "../../../documents/layout.ts";
import { isOfChain } from "../../../vault/custody/finding.ts";
import type { CustodyFinding } from "../../../vault/custody/finding.ts";
import { ChainCheck } from "../../../vault/custody/chain.ts";
import { isFault } from "../../../vault/custody/records.ts";
import type { FoundRecord } from "../../../vault/custody/records.ts";
import { readRecordsBack } from "../../../vault/custody/records-back.ts";
import type { Vault } from "../../../vault/vault.ts";
import { verifyCustody } from "../custody.ts";

export interface LogFacts {
  readonly custody: CustodyFact;
  readonly history: HistoryFact;
  /** Keys of documents that are not believed. */
  readonly unbelieved: readonly CustodyFinding[];
}

/** The whole log, held against itself and against all that is stored. */
export async function wholeLog(vault: Vault & { readonly clock: Clock }, cluster: string): Promise<LogFacts> {
  const events: EventFact[] = [];
  const { head, findings, records } = await verifyCustody(vault, cluster, { onRecord: (found) => events.push(...eventOf(cluster, found)) });
  return {
    custody: { head, records, depth: "all", findings: findings.filter(({ code }) => !isToldElsewhere(code)).map(problemOf) },
    history: { since: events[0]?.time ?? -Infinity, events },
    unbelieved: findings.filter(({ code }) => code === "custody/unbelieved"),
  };
}

/** Snapshots and documents have findings of their own for that. */
function isToldElsewhere(code: CustodyFinding["code"]): boolean {
  return code === "custody/unbelieved" || code === "custody/future";
}

/** Its end, as far back as `since`, held against itself. */
export async function endOfLog(vault: Vault, cluster: string, since: Date, signal?: AbortSignal): Promise<LogFacts> {
  const back: FoundRecord[] = [];
  for await (const found of readRecordsBack(vault, cluster, since, signal)) back.push(found);
  const records = back.toReversed();
  const [first] = records;
  const chain = new ChainCheck(cluster, "custody", first?.sequence);
  const findings = records.flatMap((found) => chain.add(found));
  return {
    custody: { head: chain.head, records: records.length, depth: "tail", findings: findings.map(problemOf) },
    history: { since: since.getTime(), events: records.flatMap((found) => eventOf(cluster, found)) },
    unbelieved: [],
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
