import { findCluster } from "../config/find-cluster.ts";
import type { LoadedConfig } from "../config/load.ts";
import { objectStoreOf } from "../config/store-schema.ts";
import { SWEEP_AFTER_MS } from "../jobs/orphans/find.ts";
import type { PrunePolicy } from "../jobs/prune/plan.ts";

export interface ConfiguredPrune {
  readonly policy: PrunePolicy;
  /** How long the store locks what is put; undefined where it does not. */
  readonly lockMs: number | undefined;
  /** How long what is kept stays locked at least; undefined where the store's locks are not renewed. */
  readonly keptLockMs: number | undefined;
}

const DAY_MS = 86_400_000;

/** What a configuration says of the retention of a cluster. Throws `config/not-found` for a cluster that it does not have: nothing is removed without a policy. */
export function prunePolicyOf(loaded: LoadedConfig, cluster: string): ConfiguredPrune {
  const { config } = loaded;
  const { retention, timeZone, rpo } = findCluster(loaded, cluster);
  const { requireReplica = [], ...counts } = retention;
  const store = objectStoreOf(config.store);
  const lock = store.kind === "s3" ? store.lock : undefined;
  return {
    policy: { retention: { ...counts, timeZone }, requireReplica, rpoMs: rpo, orphansAfterMs: orphansAfterMs(loaded) },
    lockMs: lock === undefined ? undefined : lock.days * DAY_MS,
    keptLockMs: lock?.keptDays === undefined ? undefined : lock.keptDays * DAY_MS,
  };
}

/** How old what no snapshot needs must be before it goes: SWEEP_AFTER_MS, or twice as long as the longest backup may take. */
export function orphansAfterMs({ config }: Pick<LoadedConfig, "config">): number {
  const longest = Math.max(...Object.values(config.clusters).map(({ timeouts }) => timeouts.total), 0);
  return Math.max(SWEEP_AFTER_MS, 2 * longest);
}
