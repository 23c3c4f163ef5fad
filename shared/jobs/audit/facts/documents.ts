import { known, unknown } from "../../../audit/facts.ts";
import type { ClusterFacts, Fact, HistoryFact, LineagesFact, UnbelievedFact, VerdictFact } from "../../../audit/facts.ts";
import { attentionOfLineage } from "../../../documents/lineages.ts";
import type { DocumentOf } from "../../../documents/signed-document.ts";
import { ANSWERS, VERDICTS } from "../../../documents/verdict.ts";
import type { LifeboatError } from "../../../errors.ts";
import { readManifest } from "../../../vault/catalog.ts";
import type { JudgePorts } from "../../../vault/judge.ts";
import { openFaults, readLineages } from "../../../vault/lineage/lineages.ts";
import { newestVerdict } from "../../../vault/verdicts.ts";
import type { Listing } from "../../list.ts";
import { freezeOf } from "../../prune/facts.ts";
import { drillHistory } from "../drills.ts";
import type { DrillHistory } from "../drills.ts";
import { endOfLog, wholeLog } from "./custody.ts";
import type { LogFacts, SaidOfLog } from "./custody.ts";
import { learn } from "./learn.ts";
import { newestGoodFact } from "./newest-good.ts";
import type { ReadNewestGood } from "./newest-good.ts";
import { isBelievedRow, rowFact } from "./snapshots.ts";
import type { BelievedRow, RowFact } from "./snapshots.ts";

/** What the signed documents and the custody log of a cluster say, as a configuration judges them. */
export interface DocumentFacts extends Pick<
  ClusterFacts,
  "newestGood" | "unbelieved" | "differences" | "lineages" | "custody" | "history" | "drills" | "canaries" | "verdict"
> {
  /** Oldest first. */
  readonly rows: Fact<readonly RowFact[]>;
}

interface ReadOptions {
  readonly depth: "all" | "tail";
  readonly historyMs: number;
  readonly comparesChecksum: boolean;
  readonly now: number;
  readonly signal?: AbortSignal | undefined;
}

/** Reads what the list of snapshots does not have. Throws `interrupted` only. */
export async function readDocuments(
  ports: JudgePorts,
  cluster: string,
  listing: Fact<Listing>,
  { depth, historyMs, comparesChecksum, now, signal }: ReadOptions,
): Promise<DocumentFacts> {
  const rows = listing.known ? known(listing.value.snapshots.map(rowFact)) : listing;
  const drills = await learn(() => drillHistory(ports, cluster, signal));
  const isNeeded = listing.known && listing.value.snapshots.length > 0;
  const said = listing.known ? listing.value.log : NOTHING_SAID;
  const newest = rows.known ? await newestGoodIn(ports, cluster, rows.value, { comparesChecksum, signal }) : rows;
  // Read after the documents that name its records.
  const witnesses = newest.known ? (newest.value?.witnesses ?? []) : [];
  const log = await learn(() =>
    depth === "all"
      ? wholeLog(ports, cluster, said)
      : endOfLog(ports, cluster, { since: new Date(now - historyMs), isNeeded, said, witnesses, signal }),
  );
  return {
    rows,
    newestGood: newest.known ? known(newest.value?.fact) : newest,
    unbelieved: unbelievedIn(listing, drills, log),
    differences: differencesIn(cluster, listing, log),
    lineages: await learn(() => lineageFacts(ports, cluster, signal)),
    custody: log.known ? known(log.value.custody) : log,
    history: log.known ? known(lately(log.value.history, now - historyMs)) : log,
    drills: drills.known ? known(drills.value.drills) : drills,
    canaries: canariesIn(log, depth),
    verdict: await learn(async () => verdictFact(await newestVerdict(ports, cluster, signal))),
  };
}

async function newestGoodIn(
  ports: JudgePorts,
  cluster: string,
  rows: readonly RowFact[],
  { comparesChecksum, signal }: Pick<ReadOptions, "comparesChecksum" | "signal">,
): Promise<Fact<ReadNewestGood | undefined>> {
  const good = rows.filter((row): row is RowFact & BelievedRow => isBelievedRow(row) && row.lacks.length === 0);
  const newest = good.at(-1);
  if (newest === undefined) return known(undefined);
  return learn(async () => {
    const found = await readManifest(ports, cluster, newest.id);
    return newestGoodFact(ports, found, { before: good.at(-2), comparesChecksum, signal });
  });
}

const NOTHING_SAID: SaidOfLog = { log: new Map(), witness: undefined };

function differencesIn(cluster: string, listing: Fact<Listing>, log: Fact<LogFacts>): ClusterFacts["differences"] {
  const ofSnapshots = (listing.known ? listing.value.differences : undefined) ?? [];
  return [...ofSnapshots.map(({ id, message }) => ({ subject: `${cluster}/${id}`, message })), ...(log.known ? log.value.differences : [])];
}

/** One of a later version, whose words are not known here, says nothing. */
function verdictFact(found: DocumentOf<"verdict"> | undefined): VerdictFact | undefined {
  const verdict = VERDICTS.find((word) => word === found?.verdict);
  if (found === undefined || verdict === undefined) return undefined;
  const lines = found.lines.flatMap(({ name, question, answer, evidence, fix }) => {
    const word = ANSWERS.find((each) => each === answer);
    return word === undefined ? [] : [{ name, question, answer: word, evidence, fix }];
  });
  return { at: Date.parse(found.judgedAt), verdict, lines };
}

/** Half a year is further back than the end of a log goes: that there was one is told, that there was none is not. */
function canariesIn(log: Fact<LogFacts>, depth: ReadOptions["depth"]): ClusterFacts["canaries"] {
  if (!log.known) return log;
  return depth === "all" || log.value.canaries.length > 0 ? known(log.value.canaries) : unknown("only the whole custody log tells");
}

export function lately({ since, events }: HistoryFact, from: number): HistoryFact {
  return { since: Math.max(since, from), events: events.filter(({ time }) => time >= from) };
}

/** What the audit of each cluster says for itself is not told twice: a manifest is told with its snapshot. */
function unbelievedIn(listing: Fact<Listing>, drills: Fact<DrillHistory>, log: Fact<LogFacts>): readonly UnbelievedFact[] {
  const found = new Map<string, UnbelievedFact>();
  const add = (key: string, { code, message }: Pick<LifeboatError, "message"> & { readonly code: string }): void =>
    void found.set(key, { key, code, message });
  if (log.known)
    for (const { subject, code, message } of log.value.unbelieved)
      if (!/\/(?:snapshots|lineage|acceptances)\//.test(subject)) add(subject, { code, message });
  if (listing.known) {
    for (const { key, error } of [...listing.value.badCountersignatures, ...listing.value.badSegments]) add(key, error);
    for (const pin of listing.value.badPins) add(pin.key, pin);
  }
  if (drills.known) for (const { key, error } of drills.value.bad) add(key, error);
  return [...found.values()];
}

async function lineageFacts(ports: JudgePorts, cluster: string, signal: AbortSignal | undefined): Promise<LineagesFact> {
  const lineages = await readLineages(ports, cluster, signal);
  const faults = openFaults(lineages);
  return {
    links: lineages.links.map(({ lineage: { number } }) => ({
      number,
      ...freezeOf({ lineages, hasOpenFaults: faults.length > 0 }, number),
    })),
    attention: attentionOfLineage(cluster, lineages.links.at(-1)),
    faults: faults.map(({ key, message }) => ({ key, message })),
  };
}
