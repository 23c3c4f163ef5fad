import type { RemovalPlan } from "./plan.ts";

/** Above what is kept: documents about the cluster and its log, what this run orders to go, and what the last one left for the next. */
const MARGIN = 1 / 2;
/** A new cluster's log and documents are small, and more than half of its first snapshots. */
const LEAST_MARGIN = 100e6;

/**
 * By how many bytes all that a cluster has in the store, in all versions, is more than what retention keeps of it and half as much again: 0 where it is not. So much is of what nothing removes: objects that are none of
 * lifeboat's, further versions, what the keeper leaves. Pure.
 */
export function unaccountedBytes({ decisions, facts }: Pick<RemovalPlan, "decisions" | "facts">): number {
  const kept = decisions.reduce((sum, { verdict, bytes }) => (verdict === "keep" ? sum + bytes : sum), 0);
  return Math.max(0, Math.round(facts.inventory.bytes - kept - Math.max(LEAST_MARGIN, kept * MARGIN)));
}
