import { findCluster } from "../shared/config/find-cluster.ts";
import { verifyEvent } from "../shared/contract/events.ts";
import { copyToReplicas, headAfter } from "../shared/jobs/copy/to-replicas.ts";
import { verifyWhereDue } from "../shared/jobs/verify/verify-missing.ts";
import type { VerifyOutcome } from "../shared/contract/outcomes.ts";
import { prunePolicyOf } from "../shared/wire/prune-policy.ts";
import { verifyEarlier } from "./verify-earlier.ts";
import type { Measured } from "./metrics.ts";
import { orderAfter } from "./order.ts";
import { isRecent } from "./outcome.ts";
import { withPatience } from "./patience.ts";
import { countFailed, logCopies } from "./replicas.ts";
import { serve } from "./serve.ts";

const NOT_READ = "it was not read back: one so near is good (verify.deepVerify)";

/**
 * Reads a snapshot back from the store, verifies and countersigns it: BackupOutcome in, VerifyOutcome out (shared/contract/outcomes.ts). Then it fills the replicas, since this is the role that may read: what
 * fails there is told, and fails no verification. Where the configuration has it read back only some snapshots (`verify.deepVerify`), of the others it checks all but the data, and fills no replica with them. At last it orders what retention no longer keeps to go, which the keeper executes.
 */
export const handler = serve({
  schema: verifyEvent,
  failed: "verifyFailed",
  async run({ cluster, id }, { loaded, ports, signal, remainingMs }): Promise<{ outcome: VerifyOutcome; measured: Measured }> {
    const { rpo } = findCluster(loaded, cluster);
    const beganMs = ports.clock.monotonicMs();
    const verified = await verifyWhereDue(withPatience(ports, remainingMs()), cluster, id, signal);
    const { lineageFindings } = verified;
    const readBack = "countersignature" in verified ? verified : undefined;
    if (readBack === undefined)
      ports.progress.note("info", `${cluster}/${id}: its data is there; it need not be read back (verify.deepVerify)`);
    for (const { message } of lineageFindings) ports.progress.note("warn", message);
    const tookMs = ports.clock.monotonicMs() - beganMs;
    const copies = await copyToReplicas(ports, readBack === undefined ? [] : [readBack], { purpose: "audit", signal });
    logCopies(ports.progress, copies);
    const earlier = await verifyEarlier(withPatience(ports, remainingMs()), cluster, { signal, remainingMs, tookMs });
    const ordered = await orderAfter({ ports, signal }, cluster, () => prunePolicyOf(loaded, cluster));
    const custody =
      ordered.custody ??
      earlier.custody ??
      (readBack === undefined ? undefined : (headAfter(readBack.custody, copies) ?? readBack.custody));
    return {
      outcome: {
        cluster,
        id,
        countersignature: readBack?.countersignature ?? null,
        confirmed: readBack?.confirmed ?? "not asked",
        notConfirmed: readBack === undefined ? NOT_READ : (readBack.confirmation.reason ?? null),
        custody: custody === undefined ? null : `${custody.sequence}:${custody.digest}`,
        replicas: copies.map(({ replica, outcome }) => ({ replica, outcome })),
        findings: lineageFindings.map(({ message }) => message),
        order: ordered.order,
      },
      measured: {
        verified: readBack !== undefined && isRecent(verified.manifest, ports.clock.now(), rpo) ? 1 : 0,
        replicaFailed: countFailed(copies),
        ...ordered.measured,
        ...(lineageFindings.length === 0 ? {} : { newLineage: lineageFindings.length }),
        ...(earlier.broken === 0 ? {} : { verifyFailed: earlier.broken }),
      },
    };
  },
});
