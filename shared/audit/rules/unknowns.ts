import { isBelieved } from "../facts.ts";
import type { ClusterFacts } from "../facts.ts";
import { found } from "../finding.ts";
import type { Finding } from "../finding.ts";

/** What could not be learned is told, so that silence never passes for a clean bill. Which key wraps is not for every role to see: what goes by it is left out then. */
export function judgeUnknowns(facts: ClusterFacts): readonly Finding[] {
  const { cluster, snapshots } = facts;
  const asked = [
    ["snapshots", snapshots],
    ["the newest good snapshot", facts.newestGood],
    ["lineages", facts.lineages],
    ["the custody log", facts.custody],
    ["drills", facts.drills],
    ["node files", facts.nodeSets],
    ["foreign objects", facts.foreign],
    ["data", first(facts, "data")],
    ...(facts.policy?.lockMs === undefined ? [] : ([["locks", first(facts, "lockedUntil")]] as const)),
  ] as const;
  // Several are unknown for one reason: the store cannot be read.
  const whys = Map.groupBy(
    asked.flatMap(([what, fact]) => (fact === undefined || fact.known ? [] : [{ what, why: fact.why }])),
    ({ why }) => why,
  );
  return [...whys].map(([why, whats]) =>
    found("audit/unknown", {
      cluster,
      subject: cluster,
      message: `${whats.map(({ what }) => what).join(", ")}: ${why}`,
      fix: "lifeboat doctor --permissions says which role the caller can be; an audit reads and lists everything but data",
    }),
  );
}

/** That of one snapshot which is not known; undefined where all are. */
function first({ snapshots }: ClusterFacts, field: "data" | "lockedUntil"): { readonly known: false; readonly why: string } | undefined {
  if (!snapshots.known) return undefined;
  for (const each of snapshots.value) {
    const fact = isBelieved(each) ? each[field] : undefined;
    if (fact?.known === false) return fact;
  }
  return undefined;
}
