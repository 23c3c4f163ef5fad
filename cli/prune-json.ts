import type { JsonDocument } from "../shared/contract/documents.ts";
import type { LazyDocument } from "./console.ts";
import type { Brake } from "../shared/jobs/prune/brakes.ts";
import type { Execution } from "../shared/jobs/prune/execute.ts";
import type { OrderOutcome } from "../shared/jobs/prune/order.ts";
import type { DecidedSnapshot, RehearsedPlan } from "../shared/jobs/prune/plan.ts";

type Document = JsonDocument<"prune">;

export interface Pruned {
  readonly cluster: string;
  readonly mode: Document["mode"];
  readonly plan: RehearsedPlan;
  readonly brakes: readonly Brake[];
  readonly ordered: OrderOutcome | undefined;
  readonly execution: Execution | undefined;
}

/** The document of `lifeboat prune --json`, whose rows are made as they are printed. */
export function pruneJson({ cluster, mode, plan, brakes, ordered, execution }: Pruned): LazyDocument<"prune"> {
  const { decisions, leftovers, unclear } = plan;
  const going = decisions.filter(({ verdict }) => verdict === "remove");
  return {
    cluster,
    mode,
    keep: decisions.length - going.length,
    remove: going.length,
    removeBytes: sumOf(going) + sumOf(leftovers),
    decisions: decisionsJson(decisions),
    leftovers: leftovers.map(({ holding, bytes, reason }) => ({ id: holding.id, bytes, reason })),
    unclear,
    brakes,
    order: ordered === undefined ? null : orderJson(ordered),
    execution: execution === undefined ? null : executionJson(execution),
  };
}

function* decisionsJson(decisions: readonly DecidedSnapshot[]): Generator<Document["decisions"][number], void, undefined> {
  for (const { id, verdict, reasons, lineage, good, bytes } of decisions)
    yield {
      id,
      verdict,
      reasons: reasons.map(({ code, text }) => ({ code, text })),
      lineage: lineage ?? null,
      good: good ?? null,
      bytes,
    };
}

function orderJson(ordered: OrderOutcome): NonNullable<Document["order"]> {
  const { outcome } = ordered;
  if (outcome === "nothing" || outcome === "waits") return { outcome, records: [], subjects: 0, bytes: 0 };
  const { records, subjects, bytes } = ordered;
  return { outcome, records, subjects, bytes };
}

function executionJson(execution: Execution): NonNullable<Document["execution"]> {
  const { order, orderRefused, removed, refused, locked, unfinished, locks, bytesBefore, bytesAfter } = execution;
  return {
    order: order ?? null,
    orderRefused: orderRefused ?? null,
    removed: removed.map(({ id, objects }) => ({ id, objects: objects.length, bytes: sumOf(objects) })),
    refused,
    locked: locked.map(({ id, key, until }) => ({ id, key, until: until?.toISOString() ?? null })),
    unfinished,
    locksExtended: locks.extended,
    locksFailed: locks.failed,
    bytesBefore,
    bytesAfter,
  };
}

function sumOf(all: readonly { readonly bytes: number }[]): number {
  return all.reduce((sum, { bytes }) => sum + bytes, 0);
}
