import { LifeboatError } from "../errors.ts";
import { whyOpened } from "../documents/lineages.ts";
import type { Lineage, LineageReason } from "../documents/lineage.ts";

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

/** The snapshot of the lineage that had most keys within the last 7 days. */
export interface FullestSnapshot {
  readonly id: string;
  readonly liveKeys: number;
}

/** A cluster's present lineage and the last that is known of it. */
export interface History {
  readonly current: Lineage | undefined;
  readonly last: LastSnapshot | undefined;
  readonly most: FullestSnapshot | undefined;
  /** The number that the next lineage would have; undefined where something else stands under each that it could have. */
  readonly next: number | undefined;
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
 * revision below the last snapshot's (somebody restored an older state), or most of the keys of the last 7 days gone opens the next one, so that a wrong or
 * emptied cluster can never push the good snapshots out, neither at once nor step by step. Throws `verify/format` where a lineage would have to be opened, and no number is free.
 */
export function decideLineage({ current, last, most, next }: History, observed: Observed): LineageDecision {
  if (current === undefined) return open(next, "first-backup", observed);
  const previous = {
    number: current.number,
    clusterId: current.clusterId,
    ...(last === undefined ? {} : { snapshot: last.id, revision: last.revision }),
    ...(last?.liveKeys === undefined ? {} : { liveKeys: last.liveKeys }),
  };
  if (current.clusterId !== observed.clusterId) return open(next, "cluster-id-changed", observed, previous);
  if (last !== undefined && observed.mayLag !== true && observed.revision < last.revision)
    return open(next, "revision-went-backwards", observed, previous);
  if (isCollapse(last?.liveKeys, observed.liveKeys)) return open(next, "key-count-collapsed", observed, previous);
  if (most !== undefined && isCollapse(most.liveKeys, observed.liveKeys))
    return open(next, "key-count-collapsed", observed, { ...previous, most: { snapshot: most.id, liveKeys: most.liveKeys } });
  return { number: current.number };
}

function isCollapse(before: number | undefined, now: number | undefined): boolean {
  return before !== undefined && now !== undefined && before >= COLLAPSE.ofAtLeast && now < before * COLLAPSE.toFraction;
}

function open(number: number | undefined, reason: LineageReason, observed: Observed, previous?: Lineage["previous"]): LineageDecision {
  if (number === undefined)
    throw new LifeboatError("verify/format", "cannot open a new lineage: something else is stored under every number that it could have", {
      hint: "find out who put it there, and remove it: lifeboat lineage ls CLUSTER shows what is not a lineage",
    });
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
  if (opens === undefined) return undefined;
  if (opens.previous !== undefined)
    return `${whyOpened(cluster, opens)}: lineage ${opens.number} begins, and the snapshots of lineage ${opens.previous.number} are frozen`;
  return opens.number === 1 ? undefined : `lineage ${opens.number} of ${cluster} begins anew: no lineage below it is believed`;
}
