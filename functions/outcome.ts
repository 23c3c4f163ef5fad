import type { BackupResult } from "../shared/jobs/backup/backup.ts";
import { attentionOf, dissentersOf } from "../shared/documents/attention.ts";
import { howToAccept } from "../shared/documents/lineages.ts";
import type { Manifest } from "../shared/documents/manifest.ts";
import { outcomeOf as proofOutcomeOf } from "../shared/documents/proof.ts";
import { SKEW_MS } from "../shared/documents/slot.ts";
import type { BackupOutcome } from "../shared/contract/outcomes.ts";
import { TRAILER_BYTES } from "../shared/snapshot/trailer.ts";
import type { Measured } from "./metrics.ts";

/** What the state machine is told of a backup. */
export function outcomeOf(result: BackupResult): BackupOutcome {
  const { manifest, manifestDigest, existing, committedBy, doubts, custody, notWrapped, lineageAttention, lineageFaults } = result;
  const { cluster, id, lineage, proof, quarantine, snapshot, stored } = manifest;
  const findings = [
    ...attentionOf(manifest),
    ...notWrapped,
    ...doubts,
    ...(lineageAttention === undefined ? [] : [`${lineageAttention.message}; ${howToAccept(cluster, lineageAttention.number)}`]),
    ...lineageFaults.map(({ message }) => message),
  ];
  return {
    cluster,
    id,
    existing,
    committedBy,
    manifestDigest,
    proof: proof.agreement === "off" ? "off" : proofOutcomeOf(proof).status,
    quarantined: quarantine !== undefined,
    dissenters: dissentersOf(manifest),
    lineage,
    lineageAttention: lineageAttention ?? null,
    databaseBytes: snapshot.bytes - TRAILER_BYTES,
    storedBytes: stored.bytes,
    custody: custody === undefined ? null : `${custody.sequence}:${custody.digest}`,
    needsAttention: findings.length > 0,
    findings,
  };
}

const DAY_MS = 86_400_000;

/**
 * Whether a snapshot ends the silence of its cluster at `now`. Not one that is older than the rpo: somebody ran the execution of an old slot again, and what lies between is as unsaved as before. Nor one
 * that claims to be made later than now.
 */
export function isRecent({ createdAt }: Manifest, now: Date, rpoMs: number): boolean {
  const ageMs = now.getTime() - Date.parse(createdAt);
  return ageMs >= -SKEW_MS && ageMs <= rpoMs;
}

/** What CloudWatch is told of it at `now`. */
export function measure(
  outcome: BackupOutcome,
  { manifest, opensLineage, certificatesEnd }: Pick<BackupResult, "manifest" | "opensLineage" | "certificatesEnd">,
  now: Date,
  rpoMs: number,
): Measured {
  const { proof, quarantined, dissenters, databaseBytes, storedBytes, committedBy } = outcome;
  // Of a start that is delivered twice the first run counts. A slot that was claimed by who stole the writer's key counts for none, and silence is told.
  const committed = committedBy === "this-run" && isRecent(manifest, now, rpoMs) ? 1 : 0;
  return {
    backupCommitted: committed,
    backupProven: proof !== "unproven" && !quarantined ? committed : 0,
    backupUnproven: proof === "unproven" ? 1 : 0,
    backupQuarantined: quarantined ? 1 : 0,
    dissent: dissenters.length,
    newLineage: opensLineage ? 1 : 0,
    ...(certificatesEnd === undefined ? {} : { certificateDays: (certificatesEnd.getTime() - now.getTime()) / DAY_MS }),
    databaseBytes,
    storedBytes,
  };
}
