import type { ExecutionOutcome } from "../shared/contract/outcomes.ts";
import type { ExitCode } from "./exit-codes.ts";
import { formatBytes } from "./format.ts";

/** What a person is told of a backup by the deployed service. */

/** As `lifeboat backup` ends, which fills the replicas itself. */
export function codeOf(outcome: ExecutionOutcome): ExitCode {
  const { backup, verify } = outcome;
  return backup.needsAttention || notFilled(verify).length > 0 || removalFindings(outcome).length > 0 ? 6 : 0;
}

/** Why a person should look at what became of older snapshots. */
function removalFindings({ verify: { order }, keeper, keeperFailure }: ExecutionOutcome): readonly string[] {
  return [
    ...order.brakes.map(({ message, fix }) => `nothing is removed, since ${message}; ${fix}`),
    ...(order.message === null ? [] : [order.message]),
    ...(keeper?.findings ?? []),
    ...(keeperFailure === null ? [] : [`the keeper failed: ${keeperFailure.message}`]),
  ].map((finding) => finding.replaceAll("\n", "; "));
}

function notFilled({ replicas }: ExecutionOutcome["verify"]): readonly string[] {
  return replicas.filter(({ outcome }) => outcome === "failed").map(({ replica }) => replica);
}

/** What a person is shown of it. */
export function fieldsOf(outcome: ExecutionOutcome): [string, string][] {
  const { backup, verify, keeper } = outcome;
  const filled = verify.replicas.filter((each) => each.outcome !== "failed").map(({ replica }) => replica);
  return [
    ["snapshot", `${backup.cluster}/${backup.id}${backup.existing ? " (the slot was backed up before)" : ""}`],
    ["database", formatBytes(backup.databaseBytes)],
    ["stored", formatBytes(backup.storedBytes)],
    ["proof", backup.proof],
    ...backup.findings.map((finding): [string, string] => ["LOOK", finding]),
    ["verified", verify.countersignature ?? `${verify.notConfirmed}`],
    ...(filled.length === 0 ? [] : [["copied to", filled.join(", ")] satisfies [string, string]]),
    ...notFilled(verify).map((name): [string, string] => ["LOOK", `not copied to ${name}: the log of the verify function says why`]),
    ...(verify.order.subjects === 0
      ? []
      : [["ordered to go", `${verify.order.subjects} objects, ${formatBytes(verify.order.bytes)}`] satisfies [string, string]]),
    ...(keeper === null || keeper.removed === 0
      ? []
      : [["removed", `${keeper.removed} snapshots, ${formatBytes(keeper.removedBytes)}`] satisfies [string, string]]),
    ...removalFindings(outcome).map((finding): [string, string] => ["LOOK", finding]),
    ["manifest", backup.manifestDigest],
    ...(verify.custody === null ? [] : [["custody", verify.custody] satisfies [string, string]]),
  ];
}
