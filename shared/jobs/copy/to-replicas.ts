import { isLifeboatError, messageOf } from "../../errors.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import type { Replica } from "../../store/replica.ts";
import type { FoundManifest } from "../../vault/catalog.ts";
import { copySnapshot } from "./snapshot.ts";
import type { Copied, CopyPorts, CopyRequest } from "./snapshot.ts";

/** What became of one snapshot in one replica. */
export type ReplicaOutcome = {
  readonly replica: string;
  readonly location: string;
  readonly cluster: string;
  readonly id: string;
} & (
  | Copied
  | {
      readonly outcome: "failed";
      readonly conflicts: readonly [];
      readonly error: { readonly code: string; readonly message: string; readonly hint: string | undefined };
    }
);

/**
 * Copies snapshots that are committed to every replica, one after the other. Never throws: what fails is told as its outcome, since the snapshots stand whatever becomes of
 * their copies. A run that ended early is taken up by `lifeboat copy`.
 */
export async function copyToReplicas(
  ports: CopyPorts & { readonly replicas: readonly Replica[] },
  snapshots: readonly FoundManifest[],
  request: CopyRequest,
): Promise<readonly ReplicaOutcome[]> {
  const outcomes: ReplicaOutcome[] = [];
  for (const replica of ports.replicas) {
    for (const found of snapshots) {
      const { cluster, id } = found.manifest;
      const head = { replica: replica.name, location: replica.blobs.location, cluster, id };
      try {
        outcomes.push({ ...head, ...(await copySnapshot(ports, found, replica, request)) });
      } catch (error) {
        const known = isLifeboatError(error) ? { code: error.code, hint: error.hint } : { code: "unexpected", hint: undefined };
        outcomes.push({ ...head, outcome: "failed", conflicts: [], error: { ...known, message: messageOf(error) } });
      }
    }
  }
  return outcomes;
}

/** The last record of a run in the custody log, once it has copied what it made: its own last one, or that of its last copy. */
export function headAfter(own: CustodyReceipt | undefined, outcomes: readonly ReplicaOutcome[]): CustodyReceipt | undefined {
  const receipts = [own, ...outcomes.map((each) => (each.outcome === "failed" ? undefined : each.custody))];
  return receipts
    .filter((each) => each !== undefined)
    .toSorted((one, other) => one.sequence - other.sequence)
    .at(-1);
}

/** Whether a person should look. */
export function replicasNeedAttention(outcomes: readonly ReplicaOutcome[]): boolean {
  return outcomes.some(({ outcome, conflicts }) => outcome === "failed" || conflicts.length > 0);
}
