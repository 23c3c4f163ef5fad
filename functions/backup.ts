import { findCluster } from "../shared/config/find-cluster.ts";
import { backupEvent } from "../shared/contract/events.ts";
import { backup } from "../shared/jobs/backup/backup.ts";
import { measure, outcomeOf } from "./outcome.ts";
import { serve } from "./serve.ts";

/** Backs a cluster up: BackupEvent in, BackupOutcome out (shared/contract/outcomes.ts). */
export const handler = serve({
  schema: backupEvent,
  failed: "backupFailed",
  async run({ cluster, slot, execution }, { loaded, ports, signal, connected }) {
    const { clock } = ports;
    const { rpo } = findCluster(loaded, cluster);
    const startedMs = clock.monotonicMs();
    const result = await connected(({ etcd, limits, policy, rpoMs }) =>
      backup({ ...ports, etcd }, { cluster, ...(slot === undefined ? {} : { slot }), execution, rpoMs, limits, policy, signal }),
    );
    const outcome = outcomeOf(result);
    const durationMs = clock.monotonicMs() - startedMs;
    return { outcome, measured: { ...measure(outcome, result, clock.now(), rpo), durationMs } };
  },
});
