import { findCluster } from "../shared/config/find-cluster.ts";
import { checkEvent } from "../shared/contract/events.ts";
import { LifeboatError } from "../shared/errors.ts";
import { checkRpo } from "../shared/jobs/audit/check.ts";
import type { CheckOutcome } from "../shared/contract/outcomes.ts";
import { readUntil } from "../shared/store/read-until.ts";
import type { Measured } from "./metrics.ts";
import { serve } from "./serve.ts";

/**
 * Looks whether the newest good snapshot is within the rpo: CheckEvent in, CheckOutcome out (shared/contract/outcomes.ts). Fails with `ref/not-good` where it is not, since the alarm rests on what Lambda counts
 * of its failures.
 */
export const handler = serve({
  schema: checkEvent,
  failed: "checkFailed",
  async run({ cluster }, { loaded, ports, signal }): Promise<{ outcome: CheckOutcome; measured: Measured }> {
    const { rpo } = findCluster(loaded, cluster);
    const { good, problems } = await checkRpo({ ...ports, blobs: readUntil(ports.blobs, signal) }, cluster, rpo);
    if (good === undefined || problems.length > 0) {
      throw new LifeboatError("ref/not-good", `${cluster} could not be brought back within its rpo: ${problems.join("; ")}`, {
        hint: `lifeboat check ${cluster} says the same; docs/runbook.md, "Alarm: the newest good backup is too old"`,
      });
    }
    return { outcome: { cluster, id: good.id, takenAt: good.takenAt, ageSeconds: Math.floor(good.ageMs / 1000) }, measured: {} };
  },
});
