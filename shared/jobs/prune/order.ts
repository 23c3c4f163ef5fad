import { createHash } from "node:crypto";
import { mapConcurrently, PARALLEL_READS } from "../../map-concurrently.ts";
import { appendRecord } from "../../vault/custody/append.ts";
import type { CustodyPorts } from "../../vault/custody/append.ts";
import { readNewestOrder, subjectsOfOrder } from "../../vault/custody/orders.ts";
import type { Order, OrderSubject } from "../../vault/custody/orders.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import { requireTrustedKey } from "../../vault/require-trusted-key.ts";
import type { Brake, BrakeName } from "./brakes.ts";
import { objectsInTurn } from "./inventory.ts";
import type { RehearsedPlan, RemovalPlan } from "./plan.ts";
import { reasonText } from "./reason-text.ts";
import { subjectsOf } from "./subjects.ts";

/** What came of a plan. */
export type OrderOutcome =
  /** There is nothing to remove. */
  | { readonly outcome: "nothing" }
  /** A person has to look first. */
  | { readonly outcome: "waits"; readonly brakes: readonly Brake[] }
  | {
      /** `already`: the newest order in the log names exactly this, and still holds. */
      readonly outcome: "ordered" | "already";
      readonly records: readonly CustodyReceipt[];
      readonly subjects: number;
      readonly bytes: number;
    };

export interface OrderOptions {
  /** The brakes that the person has looked at. */
  readonly although: readonly BrakeName[];
  readonly signal?: AbortSignal | undefined;
}

/** A record of so many subjects is at most some 300 KiB, far below the largest document. */
const SUBJECTS_IN_A_RECORD = 500;

/**
 * Orders what a plan removes: `removed` records in the custody log, signed by the audit key. Nothing is removed by it. What the order before named and this one does not is taken back where it still stands. A run that dies between two records leaves an order that is
 * not whole, which nobody follows. Throws `config/invalid` where the key here is no trusted audit key.
 */
export async function orderRemovals(
  ports: CustodyPorts,
  cluster: string,
  plan: RemovalPlan,
  { although, signal }: OrderOptions,
): Promise<OrderOutcome> {
  const subjects = await subjectsIn(ports, plan, signal);
  const before = await readNewestOrder(ports, cluster, ports.clock.now(), signal);
  // Also where this plan waits for a person: what it keeps is not to be excused by the order before.
  if (before.state !== "none") await takeBack(ports, cluster, before.order, unwantedIn(plan, subjects), signal);
  const brakes = waitingBrakes(plan, although);
  if (brakes.length > 0) return { outcome: "waits", brakes };
  const bytes = subjects.reduce((sum, each) => sum + (each.bytes ?? 0), 0);
  const id = idOf(subjects);
  if (before.state === "valid" && subjects.length > 0 && isSaid(before.order, id, although)) {
    const records = before.order.parts.map(({ sequence, digest }) => ({ sequence, digest }));
    return { outcome: "already", records, subjects: subjects.length, bytes };
  }
  if (subjects.length === 0) return { outcome: "nothing" };
  await requireTrustedKey(ports.keys, ports.trusted, "audit");
  const records: CustodyReceipt[] = [];
  const parts = Math.ceil(subjects.length / SUBJECTS_IN_A_RECORD);
  for (let part = 1; part <= parts; part++) {
    const some = subjects.slice((part - 1) * SUBJECTS_IN_A_RECORD, part * SUBJECTS_IN_A_RECORD);
    const order = { id, part, parts, ...(although.length === 0 ? {} : { although: [...although] }) };
    const details = { reason: "retention", order };
    records.push(await appendRecord(ports, cluster, "audit", { event: "removed", subjects: some, details }, { signal }));
  }
  return { outcome: "ordered", records, subjects: subjects.length, bytes };
}

/** What a person still has to look at; nothing where nothing is to go. */
export function waitingBrakes({ decisions, leftovers, brakes }: RehearsedPlan, although: readonly BrakeName[]): readonly Brake[] {
  const isAnyToGo = leftovers.length > 0 || decisions.some(({ verdict }) => verdict === "remove");
  return isAnyToGo ? brakes.filter(({ name }) => !although.includes(name)) : [];
}

/** Snapshot after snapshot, the oldest first, then what is left over. */
async function subjectsIn(
  { blobs }: Pick<CustodyPorts, "blobs">,
  { decisions, leftovers }: RemovalPlan,
  signal: AbortSignal | undefined,
): Promise<readonly OrderSubject[]> {
  const going = [
    ...decisions
      .filter(({ verdict }) => verdict === "remove")
      .toReversed()
      .map(({ holding, row, reasons }) => ({ holding, evidence: row.manifest?.evidence, reason: reasonText(reasons) })),
    ...leftovers.map(({ holding, reason }) => ({ holding, evidence: undefined, reason })),
  ];
  const subjects: OrderSubject[] = [];
  const named = mapConcurrently(going, PARALLEL_READS, ({ holding, evidence, reason }) =>
    subjectsOf(blobs, holding, evidence, reason, signal),
  );
  for await (const each of named) subjects.push(...each);
  return subjects;
}

function idOf(subjects: readonly OrderSubject[]): string {
  const hash = createHash("sha256");
  for (const { key, version, digest } of subjects) hash.update(`${key}\n${version ?? ""}\n${digest ?? ""}\n`);
  return `sha256:${hash.digest("hex")}`;
}

/** Whether an order names exactly this, and takes no fewer brakes off. */
function isSaid(order: Order, id: string, although: readonly BrakeName[]): boolean {
  return idOf(subjectsOfOrder(order)) === id && although.every((name) => order.although.includes(name));
}

/** What still stands of the order of before, and is not to go any more. */
function unwantedIn(plan: RemovalPlan, subjects: readonly OrderSubject[]): (subject: OrderSubject) => boolean {
  const [standing, wanted] = [standingIn(plan), new Set(subjects.map(nameOf))];
  return (each) => standing.has(nameOf(each)) && !wanted.has(nameOf(each));
}

/** Else the order of before would excuse a removal that nobody wants any more. */
async function takeBack(
  ports: CustodyPorts,
  cluster: string,
  { parts }: Pick<Order, "parts">,
  isKept: (subject: OrderSubject) => boolean,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const { sequence, subjects } of parts) {
    const kept = subjects.filter(isKept);
    if (kept.length === 0) continue;
    await requireTrustedKey(ports.keys, ports.trusted, "audit");
    const details = { reason: "a later plan keeps it", of: sequence };
    await appendRecord(ports, cluster, "audit", { event: "failed", subjects: kept, details }, { signal });
  }
}

/** The names of all that stands of a cluster's snapshots. */
function standingIn({ facts }: RemovalPlan): ReadonlySet<string> {
  const standing = new Set<string>();
  for (const holding of facts.inventory.holdings.values()) for (const each of objectsInTurn(holding)) standing.add(nameOf(each));
  return standing;
}

function nameOf({ key, version }: { readonly key: string; readonly version?: string | undefined }): string {
  return `${key}\n${version ?? ""}`;
}
