import { kindOfKey, manifestKey } from "../../documents/layout.ts";
import type { OrderSubject } from "../../vault/custody/orders.ts";
import type { BlobVersion } from "../../store/blob-store.ts";
import type { Evidence } from "./facts.ts";
import { objectsInTurn } from "./inventory.ts";
import type { Leftover } from "./leftovers.ts";
import type { PlannedSnapshot, RemovalPlan } from "./plan.ts";
import { reasonText } from "./reason-text.ts";

/** What an order names of one snapshot and is still there, in the order in which it goes. */
export interface OrderedRemoval {
  readonly id: string;
  readonly objects: readonly OrderedObject[];
}

export interface OrderedObject extends BlobVersion {
  /** Of its bytes, as the order has it; undefined where its version alone names it. */
  readonly digest: string | undefined;
}

/** What an order names and the keeper does not remove. */
export interface Refusal {
  /** The snapshot's; or a key that is none of any snapshot. */
  readonly subject: string;
  /** One sentence, lower case, no full stop. */
  readonly reason: string;
}

export interface JudgedOrder {
  readonly allowed: readonly OrderedRemoval[];
  readonly refused: readonly Refusal[];
}

/**
 * Holds an order against what is stored and what the keeper's own plan says of it. Whatever this plan would keep is refused, whoever ordered it; so is an order that leaves part of a snapshot, or names what is not about one. What is not there any more is passed over: it was
 * removed before. `settledBefore`: what was written later may belong to a backup that still runs. Pure.
 */
export function judgeOrder(cluster: string, subjects: readonly OrderSubject[], plan: RemovalPlan, settledBefore: Date): JudgedOrder {
  const refused: Refusal[] = [];
  const named = new Map<string, Map<string, OrderSubject>>();
  for (const subject of subjects) {
    const kind = kindOfKey(cluster, subject.key);
    if (!("id" in kind)) {
      refused.push({ subject: subject.key, reason: "it does not belong to a snapshot of this cluster, and nothing else is removed" });
      continue;
    }
    const of = named.get(kind.id) ?? new Map<string, OrderSubject>();
    named.set(kind.id, of.set(nameOf(subject), subject));
  }
  const allowed: OrderedRemoval[] = [];
  const known: Known = {
    plan,
    settledBefore,
    decisions: new Map(plan.decisions.map((each) => [each.id, each])),
    leftovers: new Map(plan.leftovers.map((each) => [each.holding.id, each])),
  };
  for (const [id, of] of named) {
    const judged = judgeSnapshot(cluster, id, of, known);
    if (judged === undefined) continue;
    if ("reason" in judged) refused.push({ subject: `${cluster}/${id}`, reason: judged.reason });
    else allowed.push(judged);
  }
  return { allowed, refused };
}

interface Known {
  readonly plan: RemovalPlan;
  readonly settledBefore: Date;
  readonly decisions: ReadonlyMap<string, PlannedSnapshot>;
  readonly leftovers: ReadonlyMap<string, Leftover>;
}

function judgeSnapshot(
  cluster: string,
  id: string,
  named: ReadonlyMap<string, OrderSubject>,
  { plan, settledBefore, decisions, leftovers }: Known,
): OrderedRemoval | { readonly reason: string } | undefined {
  const holding = plan.facts.inventory.holdings.get(id);
  if (holding === undefined) return undefined;
  const objects = objectsInTurn(holding).flatMap((object) => {
    const subject = named.get(nameOf(object));
    return subject === undefined ? [] : [{ ...object, digest: subject.digest }];
  });
  if (objects.length === 0) return undefined;
  const resized = objects.find((each) => (named.get(nameOf(each))?.bytes ?? each.bytes) !== each.bytes);
  const allowed = resized === undefined ? { id, objects } : anotherObject(resized);
  const left = leftovers.get(id);
  if (left !== undefined) {
    const may = new Set(objectsInTurn(left.holding).map(nameOf));
    if (objects.every((each) => may.has(nameOf(each)))) return allowed;
  }
  const planned = decisions.get(id);
  if (planned === undefined) {
    // Else whoever can order could have the data of a backup removed in the moment before its manifest is put.
    if (objects.some(({ modified }) => modified > settledBefore))
      return { reason: "it has no manifest and was written recently: it may belong to a backup that is still running" };
    // Its manifest is gone, and the rest is not: a run of the keeper was interrupted. Else somebody else removed it.
    return [...named.values()].some(({ key }) => key === manifestKey(cluster, id))
      ? allowed
      : { reason: "its manifest is gone, but the order did not name its manifest" };
  }
  if (planned.verdict === "keep") return { reason: `it is kept: ${reasonText(planned.reasons)}` };
  const missing = holding.manifest.find((each) => !named.has(nameOf(each)));
  if (missing !== undefined) return { reason: `the order does not name its manifest (${missing.key}), only objects that belong to it` };
  const changed = objects.find((each) => isOther(each, planned.row.manifest?.evidence));
  return changed === undefined ? allowed : anotherObject(changed);
}

function anotherObject({ key }: OrderedObject): { readonly reason: string } {
  return { reason: `${key} is not the object that was ordered to be removed: it was replaced since` };
}

/** By what stands there, where that was read; of data by what the manifest says. */
function isOther({ key, version, digest, isLatest }: OrderedObject, evidence: Evidence | undefined): boolean {
  const data = evidence?.objects.find((each) => each.key === key && (each.version ?? version) === version);
  const known = isLatest ? (evidence?.digests.get(key) ?? data?.sha256) : undefined;
  return known !== undefined && digest !== undefined && known !== digest;
}

function nameOf({ key, version }: { readonly key: string; readonly version?: string | undefined }): string {
  return `${key}\n${version ?? ""}`;
}
