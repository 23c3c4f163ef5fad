import { kindOfKey } from "../../documents/layout.ts";
import { ORDER_VALID_MS } from "../../vault/custody/orders.ts";
import { isFault } from "../../vault/custody/records.ts";
import type { RecordVault } from "../../vault/custody/records.ts";
import { readRecordsBack } from "../../vault/custody/records-back.ts";
import type { RemovalPlan } from "./plan.ts";

/** What a keeper that does not run leaves shows for at least as long. */
const LOOK_BACK_MS = 2 * ORDER_VALID_MS;

/**
 * The ids of snapshots that an order of more than a day ago named, that are to go still, and are still there: nobody follows the orders. A newer order of the same does not hide it. Reads no record where nothing is to go.
 */
export async function findUnfollowed(
  vault: RecordVault,
  cluster: string,
  { decisions, leftovers }: Pick<RemovalPlan, "decisions" | "leftovers">,
  now: Date,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const going = new Set([
    ...decisions.flatMap(({ id, verdict }) => (verdict === "remove" ? [id] : [])),
    ...leftovers.map(({ holding }) => holding.id),
  ]);
  if (going.size === 0) return [];
  const found = new Set<string>();
  const before = now.getTime() - ORDER_VALID_MS;
  for await (const { record } of readRecordsBack(vault, cluster, new Date(now.getTime() - LOOK_BACK_MS), signal)) {
    if (isFault(record) || record.event !== "removed" || record.details.order === undefined || Date.parse(record.time) > before) continue;
    for (const { key } of record.subjects) {
      const kind = kindOfKey(cluster, key);
      if ("id" in kind && going.has(kind.id)) found.add(kind.id);
    }
  }
  return [...found];
}
