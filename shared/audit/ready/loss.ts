import { newestGoodOf } from "../facts.ts";
import type { ReadyFacts } from "../facts.ts";
import { ageOf } from "../rules/rpo.ts";

/** What would be lost if the cluster were brought back now from its newest good snapshot. */
export interface Loss {
  /** All that was written in so many ms. */
  readonly ms: number;
  /** Writes since, each of them one change of one or more keys: no more objects than that were made, changed or deleted. Undefined where it is not known. */
  readonly writes: number | undefined;
  /** Where it comes from: a member's own revision, or the pace between the last two good snapshots. */
  readonly basis: "etcd" | "pace" | undefined;
}

export function lossOf(facts: ReadyFacts): Loss | undefined {
  const good = newestGoodOf(facts);
  if (good === undefined) return undefined;
  const ms = ageOf(facts.now, good);
  const now = facts.etcd.known ? facts.etcd.value.revision : undefined;
  // A revision that went back is another cluster's, and says nothing.
  if (now !== undefined && now >= good.revision) return { ms, writes: now - good.revision, basis: "etcd" };
  const before = facts.newestGood.known ? facts.newestGood.value?.before : undefined;
  const span = before === undefined ? 0 : good.createdAt - before.createdAt;
  if (before === undefined || span <= 0 || good.revision < before.revision) return { ms, writes: undefined, basis: undefined };
  return { ms, writes: Math.round(((good.revision - before.revision) / span) * ms), basis: "pace" };
}
