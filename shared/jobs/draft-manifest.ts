import { FORMAT_VERSION } from "../manifest/schema.ts";
import type { Stored } from "../manifest/schema.ts";
import type { Unsigned } from "../manifest/signed-document.ts";
import type { SnapshotName } from "../store/snapshot-store.ts";
import { TOOL } from "../version.ts";
import type { BackupPlan } from "./backup-plan.ts";
import type { Streamed } from "./backup-stream.ts";
import { membersOf } from "./survey.ts";
import type { Survey } from "./survey.ts";

/** Everything that a backup learned, before it is signed. */
export interface ManifestFacts {
  readonly name: SnapshotName;
  /** Undefined for a backup by hand. */
  readonly slot: Date | undefined;
  readonly startedAt: Date;
  readonly createdAt: Date;
  readonly survey: Survey;
  readonly plan: BackupPlan;
  readonly lineage: number;
  readonly streamed: Streamed;
  readonly stored: Stored;
}

export function draftManifest(facts: ManifestFacts): Unsigned<"snapshot"> {
  const { name, survey, plan, streamed } = facts;
  const { status, name: memberName } = streamed.source;
  return {
    type: "snapshot",
    formatVersion: FORMAT_VERSION,
    cluster: name.cluster,
    id: name.id,
    slot: { time: toTheSecond(facts.slot ?? facts.startedAt).toISOString(), trigger: facts.slot === undefined ? "manual" : "slot" },
    startedAt: facts.startedAt.toISOString(),
    createdAt: facts.createdAt.toISOString(),
    tool: TOOL,
    etcd: {
      clusterId: plan.clusterId,
      source: {
        memberId: status.memberId,
        name: memberName,
        endpoint: status.endpoint,
        version: status.version,
        isLeader: status.leaderId === status.memberId,
      },
      members: membersOf(survey).map((each) => ({ ...each, peerUrls: [...each.peerUrls], clientUrls: [...each.clientUrls] })),
      before: { revision: status.revision, raftIndex: status.raftIndex, raftTerm: status.raftTerm, databaseBytes: status.databaseBytes },
    },
    lineage: facts.lineage,
    snapshot: { bytes: streamed.digests.bytes, sha256: streamed.digests.sha256, trailer: streamed.digests.trailer },
    stored: facts.stored,
    proof: { status: "unproven", reason: "not yet built" },
    ...(plan.quarantine && { quarantine: { reasons: [...plan.quarantine.reasons] } }),
  };
}

/** As the id says it. */
function toTheSecond(time: Date): Date {
  return new Date(Math.floor(time.getTime() / 1000) * 1000);
}
