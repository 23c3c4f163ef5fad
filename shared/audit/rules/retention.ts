import { bucketsIn } from "../../retention/buckets.ts";
import { decide } from "../../retention/decide.ts";
import type { Decision } from "../../retention/decision.ts";
import { keepsNothing } from "../../retention/policy.ts";
import { isBelieved, newestGoodOf, retentionFactsIn } from "../facts.ts";
import type { ClusterFacts, ClusterPolicy } from "../facts.ts";
import { found } from "../finding.ts";
import type { Finding } from "../finding.ts";
import { aboutSnapshots, nameSome } from "../about-many.ts";

const DAY_MS = 86_400_000;
/** A verifier orders and a keeper removes once a day each. */
const OVERDUE_MS = 2 * DAY_MS;

/** The ids that retention lets go: as of now, or of some time ago, by what there was then. */
export function goingIn(facts: Pick<ClusterFacts, "policy" | "snapshots" | "unbelieved" | "lineages">, now: number): readonly string[] {
  return decisionsAt(facts, now).flatMap(({ id, verdict }) => (verdict === "remove" ? [id] : []));
}

function decisionsAt(
  { policy, snapshots, unbelieved, lineages }: Pick<ClusterFacts, "policy" | "snapshots" | "unbelieved" | "lineages">,
  now: number,
): readonly Decision[] {
  if (policy === undefined || !snapshots.known || !lineages.known || keepsNothing(policy.retention)) return [];
  const there = retentionFactsIn({ snapshots, unbelieved }).filter(({ time }) => time <= now);
  return decide({ snapshots: there, lineages: lineages.value.links, policy: policy.retention, now });
}

/** What should be gone and is not, and what should be there and is not. */
export function judgeRetention(
  facts: Pick<ClusterFacts, "cluster" | "now" | "policy" | "snapshots" | "unbelieved" | "lineages" | "replicas">,
): readonly Finding[] {
  const { cluster, policy, now } = facts;
  if (policy === undefined) return [];
  return [...judgeOverdue(facts, cluster, now), ...judgeMissing(facts, policy)];
}

function judgeOverdue(
  facts: Pick<ClusterFacts, "policy" | "snapshots" | "unbelieved" | "lineages" | "replicas">,
  cluster: string,
  now: number,
): readonly Finding[] {
  // Nothing of a frozen lineage goes, and that waits for a person.
  const going = decisionsAt(facts, now - OVERDUE_MS).filter(
    ({ verdict, reasons }) => verdict === "remove" && reasons.every(({ by }) => by === undefined || isReplicated(facts, by)),
  );
  // What goes is reckoned again only where something does: it is most of what an audit of a fleet works out.
  if (going.length === 0) return [];
  const still = new Set(goingIn(facts, now));
  const overdue = going.map(({ id }) => id).filter((id) => still.has(id));
  return aboutSnapshots("retention/overdue", cluster, overdue.toReversed(), {
    message: (count) => `${count} that retention let go two days ago ${overdue.length === 1 ? "is" : "are"} still there`,
    fix: () => `lifeboat prune ${cluster} --dry-run says what would go and what stands against it`,
  });
}

/** Retention waits until each replica that it must wait for has what is kept instead. */
function isReplicated({ replicas }: Pick<ClusterFacts, "replicas">, id: string): boolean {
  return replicas.every(({ isRequired, ids }) => !isRequired || (ids.known && ids.value.has(id)));
}

/** By rule: how long its buckets are at least, and the step in which none is missed. */
const TIMED = [
  { rule: "daily", leastMs: DAY_MS, what: "day" },
  { rule: "weekly", leastMs: 7 * DAY_MS, what: "week" },
  { rule: "monthly", leastMs: 28 * DAY_MS, what: "month" },
  { rule: "annual", leastMs: 365 * DAY_MS, what: "year" },
] as const;

/** Between the oldest good snapshot and the newest; before the first backup nothing is missing. */
function judgeMissing(facts: Pick<ClusterFacts, "cluster" | "snapshots">, { retention, rpoMs }: ClusterPolicy): readonly Finding[] {
  const { cluster, snapshots } = facts;
  const newest = newestGoodOf(facts);
  if (newest === undefined || !snapshots.known) return [];
  const good = snapshots.value.filter((each) => isBelieved(each) && each.lacks.length === 0);
  const oldest = good[0]?.slot ?? newest.slot;
  const bucketOf = bucketsIn(retention.timeZone);
  return TIMED.flatMap(({ rule, leastMs, what }) => {
    // A schedule that is slower than the bucket leaves holes that nobody promised to fill.
    if (retention[rule] === 0 || leastMs < rpoMs) return [];
    const filled = new Set(good.map(({ slot }) => bucketOf(rule, slot)));
    const wanted = new Set<string>();
    for (let time = newest.slot; time > oldest && wanted.size < retention[rule]; time -= DAY_MS) wanted.add(bucketOf(rule, time));
    const missing = [...wanted].filter((bucket) => !filled.has(bucket));
    if (missing.length === 0) return [];
    return [
      found("retention/missing", {
        cluster,
        subject: cluster,
        message: `of ${missing.length === 1 ? `one ${what}` : `${missing.length} ${what}s`} that retention keeps a good snapshot of there is none`,
        evidence: [nameSome(missing), `retention.${rule} is ${retention[rule]}`],
        fix: `lifeboat custody ${cluster} says whether none was taken then, or who removed it; a replica may have it`,
      }),
    ];
  });
}
