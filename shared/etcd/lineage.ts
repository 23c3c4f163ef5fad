import type { Lineage, LineageReason } from "../manifest/schema.ts";

/** What the cluster answers now. */
export interface Observed {
  readonly clusterId: string;
  /** The highest revision that a member answers. */
  readonly revision: number;
  /** True where nobody who answers has a leader: then the revision may be old, and says nothing against the lineage. */
  readonly mayLag?: boolean;
}

/** The newest good snapshot of the current lineage. */
export interface LastSnapshot {
  readonly id: string;
  readonly revision: number;
}

/** The lineage that a snapshot belongs to, and the record to open where it is a new one. */
export interface LineageDecision {
  readonly number: number;
  readonly opens?: Pick<Lineage, "number" | "clusterId" | "reason" | "revision" | "previous">;
}

/**
 * A lineage is one unbroken history of one etcd cluster. The first backup opens lineage 1 and pins the cluster id; another id, or a
 * revision below the last snapshot's (somebody restored an older state), opens the next one, so that a wrong or emptied
 * cluster can never push the good snapshots out.
 */
export function decideLineage(current: Lineage | undefined, last: LastSnapshot | undefined, observed: Observed): LineageDecision {
  if (current === undefined) return open(1, "first-backup", observed);
  const previous = {
    number: current.number,
    clusterId: current.clusterId,
    ...(last === undefined ? {} : { snapshot: last.id, revision: last.revision }),
  };
  if (current.clusterId !== observed.clusterId) return open(current.number + 1, "cluster-id-changed", observed, previous);
  if (last !== undefined && observed.mayLag !== true && observed.revision < last.revision)
    return open(current.number + 1, "revision-went-backwards", observed, previous);
  return { number: current.number };
}

function open(number: number, reason: LineageReason, observed: Observed, previous?: Lineage["previous"]): LineageDecision {
  return {
    number,
    opens: { number, clusterId: observed.clusterId, reason, revision: observed.revision, ...(previous === undefined ? {} : { previous }) },
  };
}

/** The decision as a sentence for people; undefined where nothing changed. */
export function explainLineage(cluster: string, decision: LineageDecision): string | undefined {
  const { opens } = decision;
  if (opens?.previous === undefined) return undefined;
  const { previous } = opens;
  const why =
    opens.reason === "cluster-id-changed"
      ? `the endpoints of ${cluster} now answer as etcd cluster ${opens.clusterId}, before it was ${previous.clusterId}`
      : `the revision of ${cluster} went back from ${previous.revision} to ${opens.revision}`;
  return `${why}: lineage ${opens.number} begins, and the snapshots of lineage ${previous.number} are frozen`;
}
