import { findCluster } from "../shared/config/find-cluster.ts";
import { copyToReplicas, headAfter } from "../shared/jobs/copy/to-replicas.ts";
import { verifyDeep } from "../shared/jobs/verify.ts";
import type { VerifyOutcome } from "../shared/service.ts";
import { verifyEvent } from "./events.ts";
import type { Measured } from "./metrics.ts";
import { isRecent } from "./outcome.ts";
import { countFailed, tellCopies } from "./replicas.ts";
import { serve } from "./serve.ts";

/**
 * Reads a snapshot back from the store, verifies and countersigns it: BackupOutcome in, VerifyOutcome out (shared/service.ts). Then it fills the replicas, since this is the role that may read: what
 * fails there is told, and fails no verification.
 */
export const handler = serve({
  schema: verifyEvent,
  failed: "verifyFailed",
  async run({ cluster, id }, { loaded, ports, signal }): Promise<{ outcome: VerifyOutcome; measured: Measured }> {
    const { rpo } = findCluster(loaded, cluster);
    const verified = await verifyDeep(ports, `${cluster}/${id}`, signal);
    const { countersignature, lineageFindings = [] } = verified;
    for (const { message } of lineageFindings) ports.progress.note("warn", message);
    const copies = await copyToReplicas(ports, [verified], { purpose: "audit", signal });
    const custody = headAfter(verified.custody, copies);
    if (countersignature === undefined || custody === undefined) throw new Error("a deep verification left no countersignature");
    tellCopies(ports.progress, copies);
    return {
      outcome: {
        cluster,
        id,
        countersignature,
        custody: `${custody.sequence}:${custody.digest}`,
        replicas: copies.map(({ replica, outcome }) => ({ replica, outcome })),
        findings: lineageFindings.map(({ message }) => message),
      },
      measured: {
        verified: isRecent(verified.manifest, ports.clock.now(), rpo) ? 1 : 0,
        replicaFailed: countFailed(copies),
        ...(lineageFindings.length === 0 ? {} : { newLineage: lineageFindings.length }),
      },
    };
  },
});
