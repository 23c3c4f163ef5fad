import type { Lineage, LineageReason } from "../manifest/schema.ts";

/** What the cluster answers now. */
export interface Observed {
  readonly clusterId: string;
  /** The highest revision that a member answers. */
  readonly revision: number;
  /** True where nobody who answers has a leader: then the revision may be old, and says nothing against the lineage. */
  readonly mayLag?: boolean;
  /** Keys alive; undefined where they were not counted (yet). */
  readonly liveKeys?: number | undefined;
}

/** The newest good snapshot of the current lineage. */
export interface LastSnapshot {
  readonly id: string;
  readonly revision: number;
  readonly liveKeys: number | undefined;
}

/** A cluster's present lineage and the last that is known of it. */
export interface History {
  readonly current: Lineage | undefined;
  readonly last: LastSnapshot | undefined;
}

/** The lineage that a snapshot belongs to, and the record to open where it is a new one. */
export interface LineageDecision {
  readonly number: number;
  readonly opens?: Pick<Lineage, "number" | "clusterId" | "reason" | "revision" | "liveKeys" | "previous">;
}

/** Fewer than a quarter of the keys is no ordinary day, and a cluster with so few as this says nothing by losing some. */
const COLLAPSE = { toFraction: 1 / 4, ofAtLeast: 100 } as const;

/**
 * A lineage is one unbroken history of one etcd cluster. The first backup opens lineage 1 and pins the cluster id; another id, or a
 * revision below the last snapshot's (somebody restored an older state), or most of the keys gone opens the next one, so that a wrong or emptied
 * cluster can never push the good snapshots out.
 */
export function decideLineage({ current, last }: History, observed: Observed): LineageDecision {
  if (current === undefined) return open(1, "first-backup", observed);
  const previous = {
    number: current.number,
    clusterId: current.clusterId,
    ...(last === undefined ? {} : { snapshot: last.id, revision: last.revision }),
    ...(last?.liveKeys === undefined ? {} : { liveKeys: last.liveKeys }),
  };
  if (current.clusterId !== observed.clusterId) return open(current.number + 1, "cluster-id-changed", observed, previous);
  if (last !== undefined && observed.mayLag !== true && observed.revision < last.revision)
    return open(current.number + 1, "revision-went-backwards", observed, previous);
  if (isCollapse(last?.liveKeys, observed.liveKeys)) return open(current.number + 1, "key-count-collapsed", observed, previous);
  return { number: current.number };
}

function isCollapse(before: number | undefined, now: number | undefined): boolean {
  return before !== undefined && now !== undefined && before >= COLLAPSE.ofAtLeast && now < before * COLLAPSE.toFraction;
}

function open(number: number, reason: LineageReason, observed: Observed, previous?: Lineage["previous"]): LineageDecision {
  return {
    number,
    opens: {
      number,
      clusterId: observed.clusterId,
      reason,
      revision: observed.revision,
      ...(reason === "key-count-collapsed" ? { liveKeys: observed.liveKeys } : {}),
      ...(previous === undefined ? {} : { previous }),
    },
  };
}

/** The decision as a sentence for people; undefined where nothing changed. */
export function explainLineage(cluster: string, decision: LineageDecision): string | undefined {
  const { opens } = decision;
  if (opens?.previous === undefined) return undefined;
  const { previous } = opens;
  return `${whyOpened(cluster, opens, previous)}: lineage ${opens.number} begins, and the snapshots of lineage ${previous.number} are frozen`;
}

type Opening = NonNullable<LineageDecision["opens"]>;

function whyOpened(cluster: string, opens: Opening, previous: NonNullable<Opening["previous"]>): string {
  if (opens.reason === "cluster-id-changed")
    return `the endpoints of ${cluster} now answer as etcd cluster ${opens.clusterId}, before it was ${previous.clusterId}`;
  if (opens.reason === "key-count-collapsed")
    return `${cluster} has ${opens.liveKeys} keys, and the last snapshot had ${previous.liveKeys}`;
  return `the revision of ${cluster} went back from ${previous.revision} to ${opens.revision}`;
}
