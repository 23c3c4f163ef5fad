import { auditEvent } from "../shared/contract/events.ts";
import type { AuditOutcome } from "../shared/contract/outcomes.ts";
import { REPORT_KEY } from "../shared/documents/layout.ts";
import { gatherStore } from "../shared/jobs/audit/gather.ts";
import { publishReport } from "../shared/jobs/audit/published-report.ts";
import { gatherReport } from "../shared/jobs/audit/report.ts";
import { page } from "../shared/report/page.ts";
import { readUntil } from "../shared/store/read-until.ts";
import { reportPorts } from "../shared/wire/audit.ts";
import { measuredOf, outcomeOf } from "./audited.ts";
import { isFleet, serviceName } from "./container.ts";
import { writeMetrics } from "./metrics.ts";
import type { Measured } from "./metrics.ts";
import { serve } from "./serve.ts";

/** How far back the custody log is read for the page: each record is an object, and hourly backups leave some 100 a day. */
const DAYS = 14;

/**
 * Holds what is stored against the configuration, and writes the page of the report into the store: AuditEvent in, AuditOutcome out (shared/contract/outcomes.ts). It reads metadata, signs nothing, and asks neither etcd nor the keys: so a verdict of `not ready` is
 * certain, and `ready` is only what a signed verdict of late makes it. What it finds is no failure, but metrics.
 */
export const handler = serve({
  schema: auditEvent,
  failed: undefined,
  async run(_event, { loaded, ports, signal }): Promise<{ outcome: AuditOutcome; measured: Measured }> {
    const { clusters, store } = loaded.config;
    const reading = reportPorts(loaded, { ...ports, blobs: readUntil(ports.blobs, signal) });
    const ofStore = await gatherStore(ports, store.kind === "kopia");
    // Of those that the configuration has: a vault may be another service's as well.
    const data = await gatherReport(reading, Object.keys(clusters).toSorted(), ofStore, { days: DAYS, signal });
    const service = serviceName();
    for (const { cluster, measured } of measuredOf(data))
      // Of a fleet the sums alone, which these would be added to.
      if (cluster === undefined || !isFleet()) writeMetrics({ service, ...(cluster === undefined ? {} : { cluster }) }, measured);
    const outcome = outcomeOf(data);
    for (const finding of outcome.findings) ports.progress.note("warn", finding);
    await publishReport(ports.blobs, page(data), signal);
    ports.progress.note("info", `wrote ${REPORT_KEY}`);
    return { outcome, measured: {} };
  },
});
