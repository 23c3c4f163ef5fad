import { findCluster } from "../shared/config/find-cluster.ts";
import { drillEvent } from "../shared/contract/events.ts";
import type { DrillOutcome } from "../shared/contract/outcomes.ts";
import { restoringMs } from "../shared/documents/drill.ts";
import { LifeboatError } from "../shared/errors.ts";
import { drillDue } from "../shared/jobs/drill/drill-due.ts";
import { deskDrillPorts } from "../shared/wire/drill.ts";
import { isFleet, serviceName } from "./container.ts";
import { writeMetrics } from "./metrics.ts";
import type { Measured } from "./metrics.ts";
import { serve } from "./serve.ts";

/**
 * Rehearses restores of the clusters whose drills are due: DrillEvent in, DrillOutcome out (shared/contract/outcomes.ts). Its role signs evidence and opens nothing: the bundle comes from the desk of drills. Fails where a drill did, after the others, since the alarm rests on
 * what Lambda counts of its failures.
 */
export const handler = serve({
  schema: drillEvent,
  failed: undefined,
  async run(
    { clusters: names },
    { loaded, ports, signal, remainingMs, surroundings },
  ): Promise<{ outcome: DrillOutcome; measured: Measured }> {
    const clusters = names.map((cluster) => ({ cluster, everyMs: findCluster(loaded, cluster).drill.every }));
    const drillPorts = { ...ports, ...(await deskDrillPorts(loaded, ports, surroundings, ports.progress)) };
    const drilled: DrillOutcome["drilled"][number][] = [];
    const waiting: string[] = [];
    const failed: LifeboatError[] = [];
    for await (const each of drillDue(drillPorts, { clusters, work: surroundings.runtimeFolder, signal, remainingMs })) {
      const { cluster } = each;
      if (each.state === "waits") {
        waiting.push(cluster);
        continue;
      }
      const whose = { service: serviceName(), cluster };
      if (each.state === "failed") {
        failed.push(each.error);
        ports.progress.note("warn", each.error.message);
        if (!isFleet()) writeMetrics(whose, { drillPassed: 0, drillFailed: 1 });
        continue;
      }
      const { found, evidence, steps, notCompared } = each.result;
      const restoredMs = Math.round(restoringMs(steps));
      drilled.push({ cluster, id: found.manifest.id, evidence, restoredMs, notCompared });
      if (!isFleet()) writeMetrics(whose, { drillPassed: 1, drillFailed: 0, restoredMs });
    }
    // Of the service, for an alarm that also hears of what a task did, of which Lambda counts nothing.
    writeMetrics({ service: serviceName() }, { drillPassed: drilled.length, drillFailed: failed.length });
    const [first] = failed;
    if (first === undefined) return { outcome: { drilled, waiting }, measured: {} };
    if (failed.length === 1) throw first;
    throw new LifeboatError(first.code, failed.map(({ message }) => message).join("; "), { hint: first.hint, cause: first });
  },
});
