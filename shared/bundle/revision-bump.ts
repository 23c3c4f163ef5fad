/** etcdutl's `--bump-revision` of a restore: how far above the snapshot's own revisions the restored cluster begins. */

/** The least bump, as etcd's documentation of disaster recovery advises: far more than was written since the snapshot. */
const LEAST_BUMP = 1_000_000_000n;
/** So far above every revision that is known of. */
const ABOVE_HIGHEST = 1_000_000n;
/**
 * A cluster that was restored and lost again before its next backup had revisions that nobody recorded. They began at what an earlier bundle said, and so this many a second further on no cluster has come: etcd writes some
 * 10,000 a second at most, and none does so all its life.
 */
const REVISIONS_A_SECOND = 10_000n;
const EPOCH_SECONDS = BigInt(Date.UTC(2020, 0, 1) / 1000);
/** etcd's revisions are int64: there is room left for all that is written later. */
const MOST = 2n ** 62n;

export interface Bump {
  readonly bump: bigint;
  /** The revision that the restored cluster begins at. */
  readonly revisionAfter: bigint;
}

/**
 * The bump for a snapshot at `revision`, where `highest` is the highest revision ever recorded of the cluster, over all lineages: at least 10^9, 10^6 above `highest`, and above all that an
 * earlier restore can have come to by `now`. Undefined where no bump is left for etcd to take.
 */
export function revisionBump({
  revision,
  highest,
  now,
}: {
  readonly revision: number;
  readonly highest: number;
  readonly now: Date;
}): Bump | undefined {
  const seconds = BigInt(Math.floor(now.getTime() / 1000)) - EPOCH_SECONDS;
  const candidates = [BigInt(revision) + LEAST_BUMP, BigInt(highest) + ABOVE_HIGHEST, seconds * REVISIONS_A_SECOND];
  const revisionAfter = candidates.reduce((most, each) => (each > most ? each : most));
  return revisionAfter > MOST ? undefined : { bump: revisionAfter - BigInt(revision), revisionAfter };
}
