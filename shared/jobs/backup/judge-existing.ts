import type { Clock } from "../../clock.ts";
import type { Vault } from "../../vault/vault.ts";
import type { FoundManifest } from "../../vault/catalog.ts";
import { doubtTimes, isCountersigned } from "../../vault/doubt-times.ts";

/** What a run that found its slot committed may say of the snapshot there. */
export interface Existing {
  readonly existing: true;
  readonly committedBy: "this-run" | "another-run";
  readonly doubts: readonly string[];
}

/**
 * Whose the snapshot is that stands in a run's slot. This run's own, which a retry finds, is one that names its execution: nobody else knows the name before it runs. Any other is another run's: a second delivery of the
 * same start, or somebody who claims slots with a stolen key. It is told and not counted, and doubted where its times cannot be.
 */
export async function judgeExisting(
  ports: Vault & { readonly clock: Clock },
  found: FoundManifest,
  { execution, signal }: { readonly execution?: string | undefined; readonly signal?: AbortSignal },
): Promise<Existing> {
  const { cluster, id, run } = found.manifest;
  const committedBy = execution !== undefined && run?.execution === execution ? "this-run" : "another-run";
  const doubts = await doubtTimes(ports, found, { known: await isCountersigned(ports, found), signal });
  return {
    existing: true,
    committedBy,
    doubts: doubts.map(
      (each) => `${cluster}/${id} was already in the slot of this run, which took no snapshot, and its times are impossible: ${each}`,
    ),
  };
}
