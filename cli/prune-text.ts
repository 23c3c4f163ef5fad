import type { Execution } from "../shared/jobs/prune/execute.ts";
import type { OrderOutcome } from "../shared/jobs/prune/order.ts";
import type { DecidedSnapshot, RehearsedPlan } from "../shared/jobs/prune/plan.ts";
import { note, print, widthOf } from "./console.ts";
import type { Console } from "./console.ts";
import { formatBytes, formatTable, formatTime, printable, wrapText } from "./format.ts";

/** A line for each snapshot, newest first, and what that comes to. */
export function printPlan(console: Console, cluster: string, { decisions, leftovers }: RehearsedPlan): void {
  const going = decisions.filter(({ verdict }) => verdict === "remove");
  if (decisions.length + leftovers.length > 0) {
    const rows = [
      ...decisions.map((each) => [
        each.id,
        formatBytes(each.bytes),
        each.lineage === undefined ? "?" : String(each.lineage),
        each.good === undefined ? "?" : each.good ? "yes" : "no",
        each.verdict,
        printable(whyOf(each)),
      ]),
      ...leftovers.map(({ holding, bytes, reason }) => [
        `${holding.id} (left over)`,
        formatBytes(bytes),
        "",
        "",
        "remove",
        printable(reason),
      ]),
    ];
    const layout = { width: widthOf(console.stdout), dispensable: ["LINEAGE", "GOOD"] };
    print(console, formatTable(["SNAPSHOT", "SIZE", "LINEAGE", "GOOD", "PLAN", "WHY"], withinWidth(rows, layout.width), layout));
  }
  const bytes = [...going, ...leftovers].reduce((sum, each) => sum + each.bytes, 0);
  const left = leftovers.length === 0 ? "" : ` and leftovers of ${leftovers.length}`;
  print(
    console,
    going.length + leftovers.length === 0
      ? `nothing to remove of ${cluster}: ${decisions.length} kept`
      : `to remove: ${count(going.length, "snapshot")}${left}, ${formatBytes(bytes)}; to keep: ${decisions.length - going.length}`,
  );
}

/** So many lines a person reads. */
const MOST_FAILED = 10;

/** Narrower than this a reason is no longer read but spelled out. */
const LEAST_WHY = 24;

/** Reasons that are too long for a terminal go on in the lines below: most have two or three. */
function withinWidth(rows: readonly (readonly string[])[], width: number | undefined): readonly (readonly string[])[] {
  if (width === undefined) return rows;
  const widest = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0), "PLAN".length);
  const room = Math.max(LEAST_WHY, width - [0, 1, 4].reduce((sum, column) => sum + widest(column) + 2, 0));
  return rows.flatMap(([id = "", size = "", lineage = "", good = "", verdict = "", why = ""]) =>
    wrapText(why, room)
      .split("\n")
      .map((line, index) => (index === 0 ? [id, size, lineage, good, verdict, line] : ["", "", "", "", "", line])),
  );
}

/** Of what is kept the rules that keep it; of what goes why. */
function whyOf({ reasons }: DecidedSnapshot): string {
  return [...new Set(reasons.map(({ text }) => text))].join("; ");
}

export function printOrder(console: Console, ordered: OrderOutcome): void {
  if (ordered.outcome === "nothing" || ordered.outcome === "waits") return;
  const { outcome, records, subjects, bytes } = ordered;
  const [first, last] = [records[0]?.sequence, records.at(-1)?.sequence];
  const where = first === last ? `record ${first}` : `records ${first} to ${last}`;
  print(
    console,
    `${outcome === "already" ? "ordered before" : "ordered"}: ${count(subjects, "object")}, ${formatBytes(bytes)} (${where} of the custody log)`,
  );
}

export interface ExecutionText {
  readonly dryRun: boolean;
  /** Whether the space comes back at once: a Kopia repository keeps it until its maintenance, and what other snapshots share with a removed one stays. */
  readonly freesAtOnce: boolean;
}

export function printExecution(console: Console, cluster: string, execution: Execution, { dryRun, freesAtOnce }: ExecutionText): void {
  const { order, orderRefused, removed, refused, locked, unfinished, locks, bytesBefore, bytesAfter } = execution;
  if (orderRefused !== undefined) {
    const then =
      orderRefused.code === "broken-chain"
        ? `lifeboat custody ${cluster} --verify says what was changed; nothing is removed until that is a day old`
        : `lifeboat prune ${cluster} --order gives a new one`;
    note(console, `warning: no order is followed (${orderRefused.code}): ${printable(orderRefused.message)}; ${then}`);
  } else if (order === undefined) print(console, `there is no order to follow for ${cluster}`);
  else {
    const objects = removed.reduce((sum, each) => sum + each.objects.length, 0);
    const verb = dryRun ? "would remove" : "removed";
    const space = freesAtOnce
      ? `: ${formatBytes(bytesBefore - bytesAfter)} freed, ${formatBytes(bytesAfter)} in use`
      : objects === 0
        ? ""
        : "; lifeboat kopia maintain gives their space back, in two full maintenances a day apart";
    print(
      console,
      `${verb} ${count(objects, "object")} of ${count(removed.length, "snapshot")}, as ordered ${formatTime(order.time)} by ${printable(order.actor)}${dryRun ? "" : space}`,
    );
  }
  if (unfinished.length > 0) print(console, `${dryRun ? "would throw" : "threw"} away ${count(unfinished.length, "unfinished upload")}`);
  if (locks.extended > 0) print(console, `renewed the locks of ${count(locks.extended, "object")}`);
  for (const { subject, reason } of refused) note(console, `warning: ${subject} was not removed: ${printable(reason)}`);
  for (const { key, until } of locked)
    note(console, `${key} is locked${until === undefined ? "" : ` until ${formatTime(until)}`}, and stays until then`);
  for (const { key, message } of locks.failed.slice(0, MOST_FAILED))
    note(console, `warning: the lock of ${key} was not renewed: ${printable(message)}`);
  if (locks.failed.length > MOST_FAILED) note(console, `warning: and ${locks.failed.length - MOST_FAILED} more: --json lists them`);
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
