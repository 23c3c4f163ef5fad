import type { ReplicaOutcome } from "../shared/jobs/copy/to-replicas.ts";
import { replicasNeedAttention } from "../shared/jobs/copy/to-replicas.ts";
import type { Progress } from "../shared/progress.ts";

/** Says in the log what became of each copy. */
export function logCopies(progress: Progress, copies: readonly ReplicaOutcome[]): void {
  for (const copy of copies) {
    const name = `${copy.cluster}/${copy.id} in the replica ${copy.replica}`;
    if (copy.outcome !== "failed") progress.note("info", `${name}: ${copy.outcome}`);
    else progress.note("warn", `${name}: ${copy.error.message}${copy.error.hint === undefined ? "" : `; ${copy.error.hint}`}`);
    for (const conflict of copy.conflicts) progress.note("warn", `${name}: ${conflict}`);
  }
}

/** How many a person should look at. */
export function countFailed(copies: readonly ReplicaOutcome[]): number {
  return copies.filter((copy) => replicasNeedAttention([copy])).length;
}
