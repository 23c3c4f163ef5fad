import { bucketsIn } from "./buckets.ts";
import type { Decision, KeepCode, Reason, RemoveCode } from "./decision.ts";
import { durationText } from "./duration-text.ts";
import { entriesOf } from "./entries.ts";
import type { Entry } from "./entries.ts";
import type { LineageFacts, SnapshotFacts } from "./facts.ts";
import { Ladder } from "./ladder.ts";
import { keepsNothing } from "./policy.ts";
import type { RetentionPolicy } from "./policy.ts";

export interface DecideInput {
  /** Of one cluster, in any order, each id once. */
  readonly snapshots: readonly SnapshotFacts[];
  /** Those that are believed. A snapshot of any other is kept. */
  readonly lineages: readonly LineageFacts[];
  readonly policy: RetentionPolicy;
  /** In ms since 1970. */
  readonly now: number;
}

/**
 * What to keep of a cluster and what to remove, newest first, with every reason. Pure: the same facts in any order give the same decisions.
 *
 * Each rule keeps the newest good snapshot of the last N of its buckets that have good ones, for each lineage by itself. Nothing is counted from the wall
 * clock: without new good backups nothing is ever removed. Never removed are the newest good one of a lineage, what is pinned or locked, what is of a frozen
 * lineage, and anything of which a fact is not known. docs/decisions/0019 has the rules, and where they differ from restic's.
 *
 * Throws where an id is given twice, and where every count of the policy is 0: such a configuration is refused before.
 */
export function decide({ snapshots, lineages, policy, now }: DecideInput): readonly Decision[] {
  if (keepsNothing(policy)) throw new Error("a policy that keeps nothing decides nothing");
  const byNumber = new Map(lineages.map((each) => [each.number, each]));
  const entries = entriesOf(snapshots, byNumber, now);
  const standings = standingsOf(entries, byNumber, policy, now);
  return entries.map((entry) => decideOne(entry, standings.get(entry.facts.lineage), policy, now));
}

/** What the snapshots of one lineage are held against. */
interface Standing {
  readonly lineage: LineageFacts;
  readonly ladder: Ladder;
  /** Undefined where none is good: then nothing of the lineage ages. */
  readonly newestGood: SnapshotFacts | undefined;
  /** What ages are counted back from: the newest good one, or now where that is earlier. So neither an outage nor a clock that jumps ahead ages anything away. */
  readonly anchor: number;
}

/** Of each lineage that is known. */
function standingsOf(
  entries: readonly Entry[],
  lineages: ReadonlyMap<number, LineageFacts>,
  policy: RetentionPolicy,
  now: number,
): ReadonlyMap<number | undefined, Standing> {
  const newest = new Map<number | undefined, SnapshotFacts>();
  for (const { facts, doubts } of entries)
    if (facts.good === true && doubts.length === 0 && !newest.has(facts.lineage)) newest.set(facts.lineage, facts);
  const bucketOf = bucketsIn(policy.timeZone);
  return new Map(
    [...lineages].map(([number, lineage]) => {
      const newestGood = newest.get(number);
      return [number, { lineage, ladder: new Ladder(policy, bucketOf), newestGood, anchor: Math.min(now, newestGood?.time ?? now) }];
    }),
  );
}

/** Good ones are decided from the newest on, as each takes its place in the ladder. */
function decideOne({ facts, doubts }: Entry, standing: Standing | undefined, policy: RetentionPolicy, now: number): Decision {
  const { id, lineage, pinned, lockedUntil } = facts;
  const keep: Reason<KeepCode>[] = doubts.map((text) => ({ code: "unknown", text }));
  const remove: Reason<RemoveCode>[] = [];
  if (standing !== undefined) {
    if (facts === standing.newestGood) keep.push({ code: "newest-good", text: `newest good of lineage ${lineage}` });
    if (facts.good === true && doubts.length === 0) {
      const { held, superseded } = standing.ladder.claim(id, facts.time);
      keep.push(...held);
      remove.push(...superseded);
    }
    if (facts.good === false) {
      const reason = judgeUnverified(facts, standing, policy);
      if (reason.code === "unverified") keep.push(reason);
      else remove.push(reason);
    }
    if (policy.minAge > 0 && standing.anchor - facts.time < policy.minAge && facts !== standing.newestGood)
      keep.push({ code: "min-age", text: minAgeText(standing, policy) });
    if (standing.lineage.frozen) keep.push({ code: "frozen", text: frozenText(standing.lineage) });
  }
  if (pinned !== undefined && pinned !== "unknown") keep.push({ code: "pinned", text: `pinned: ${pinned.reason}` });
  if (lockedUntil !== undefined && lockedUntil > now) {
    const then = keep.length > 0 ? "" : `, to be removed after that: ${remove.map(({ text }) => text).join("; ")}`;
    keep.push({ code: "locked", text: `${lockText(lockedUntil)}${then}` });
  }
  return keep.length > 0 ? { id, lineage, verdict: "keep", reasons: keep } : { id, lineage, verdict: "remove", reasons: remove };
}

/** What is not good displaces nothing, and is kept beside the good ones until one is newer by so much. */
function judgeUnverified(
  { time, lacks }: SnapshotFacts,
  { newestGood, anchor }: Standing,
  { keepUnverified }: RetentionPolicy,
): Reason<"unverified"> | Reason<"unverified-expired"> {
  const what = lacks.length === 0 ? "not good" : `not good (${lacks.join("; ")})`;
  if (newestGood === undefined || newestGood.time <= time) return { code: "unverified", text: `${what}, and no good one is newer` };
  const duration = durationText(keepUnverified);
  if (anchor - time < keepUnverified) return { code: "unverified", text: `${what}, and kept until a good one is ${duration} newer` };
  return {
    code: "unverified-expired",
    text: `${what}, and ${newestGood.id}, which is good, is at least ${duration} newer`,
    by: newestGood.id,
  };
}

function minAgeText({ newestGood, anchor }: Standing, { minAge }: RetentionPolicy): string {
  if (newestGood === undefined || newestGood.time > anchor) return `less than minAge (${durationText(minAge)}) old`;
  return `within minAge (${durationText(minAge)}) of ${newestGood.id}, the newest good one`;
}

function frozenText({ number, reason }: LineageFacts): string {
  return reason === undefined ? `lineage ${number} is frozen` : `lineage ${number} is frozen: ${reason}`;
}

function lockText(until: number): string {
  if (until === Number.POSITIVE_INFINITY) return "locked with no end date";
  return `locked until ${new Date(until).toISOString().replace(".000Z", "Z")}`;
}
