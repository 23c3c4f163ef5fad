import { howToAccept } from "../../documents/lineages.ts";
import { isAhead, parseId } from "../../documents/slot.ts";
import type { PruneFacts } from "./facts.ts";
import type { PlannedSnapshot } from "./plan.ts";

/** Why nothing is removed until a person has looked, by the names that `--although` takes. */
export const BRAKES = ["newest-not-good", "overdue", "frozen", "many", "foreign"] as const;
export type BrakeName = (typeof BRAKES)[number];

export interface Brake {
  readonly name: BrakeName;
  /** One sentence, lower case, no full stop. */
  readonly message: string;
  /** What a person does about it. */
  readonly fix: string;
}

/** More than this part of the good snapshots at once is no everyday removal. One may always go: it is what one backup displaces. */
const MOST_AT_ONCE = 1 / 4;

/** What stands against a removal. Pure. */
export function findBrakes({
  cluster,
  facts,
  decisions,
  now,
  rpoMs,
}: {
  readonly cluster: string;
  readonly facts: Pick<PruneFacts, "attention" | "hasOpenFaults" | "inventory">;
  readonly decisions: readonly PlannedSnapshot[];
  readonly now: Date;
  readonly rpoMs: number;
}): readonly Brake[] {
  const brakes: Brake[] = [];
  const add = (name: BrakeName, message: string, fix: string): void => void brakes.push({ name, message, fix });
  const known = decisions.filter(({ id }) => !isAhead(id, now));
  const [newest] = known;
  if (newest !== undefined && newest.good !== true) {
    const why = newest.row.unknown[0] ?? newest.row.manifest?.lacks.join(", ") ?? "unknown";
    add(
      "newest-not-good",
      `the newest snapshot, ${cluster}/${newest.id}, is not good: ${why}`,
      `lifeboat verify ${cluster}/${newest.id} --deep`,
    );
  }
  const newestGood = known.find(({ good }) => good === true);
  const slot = newestGood === undefined ? undefined : parseId(newestGood.id)?.slot;
  if (slot === undefined && newest !== undefined)
    add("overdue", `${cluster} has no good snapshot`, `lifeboat backup ${cluster}, then lifeboat verify ${cluster}/latest --deep`);
  if (slot !== undefined && now.getTime() - slot.getTime() > rpoMs)
    add(
      "overdue",
      `the newest good snapshot, ${cluster}/${newestGood?.id}, is older than the RPO of ${cluster}`,
      `lifeboat check ${cluster} says why backups stopped`,
    );
  const { attention, hasOpenFaults, inventory } = facts;
  if (attention !== undefined) add("frozen", attention.message, howToAccept(cluster, attention.number));
  else if (hasOpenFaults)
    add("frozen", `a stored lineage or acceptance of ${cluster} is not believed`, `lifeboat lineage ls ${cluster} says what`);
  const good = decisions.filter((each) => each.good === true);
  const going = good.filter(({ verdict }) => verdict === "remove").length;
  if (going > Math.max(1, good.length * MOST_AT_ONCE))
    add(
      "many",
      `${going} of the ${good.length} good snapshots of ${cluster} would be removed, more than a quarter`,
      `look at lifeboat prune ${cluster} --dry-run; that is expected after a change of the policy, and at the first prune`,
    );
  const { count, keys } = inventory.foreign;
  if (count > 0)
    add(
      "foreign",
      `${count === 1 ? "an object" : `${count} objects`} of ${cluster} ${count === 1 ? "was" : "were"} not written by lifeboat, such as ${keys[0]}`,
      "find out who put it there, and move it out of the store",
    );
  return brakes;
}
