import { FORMAT_VERSION } from "../../documents/parts.ts";
import type { Content } from "../../documents/content-schema.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import type { Stored } from "../../documents/stored.ts";
import type { Unsigned } from "../../documents/signed-document.ts";
import type { ScanResult } from "../../snapshot/scan-result.ts";
import type { SnapshotName } from "../../store/snapshot-store.ts";
import { TOOL } from "../../version.ts";
import { membersOf } from "../../etcd/survey.ts";
import type { Survey } from "../../etcd/survey.ts";
import type { Taken } from "./take-snapshot.ts";

/** Everything that a backup learned, before it is signed. */
export interface ManifestFacts {
  readonly name: SnapshotName;
  /** Undefined for a backup by hand. */
  readonly slot: Date | undefined;
  readonly startedAt: Date;
  readonly createdAt: Date;
  /** The execution that it is part of; undefined where nothing names the run. */
  readonly execution: string | undefined;
  readonly survey: Survey;
  readonly clusterId: string;
  readonly lineage: number;
  readonly taken: Taken;
  readonly stored: Stored;
  /** The record that announced it. */
  readonly custody: CustodyReceipt;
}

export function draftManifest(facts: ManifestFacts): Unsigned<"snapshot"> {
  const { name, survey } = facts;
  const { streamed, proof, quarantine } = facts.taken;
  const { status, name: memberName } = streamed.source;
  return {
    type: "snapshot",
    formatVersion: FORMAT_VERSION,
    cluster: name.cluster,
    id: name.id,
    slot: { time: toTheSecond(facts.slot ?? facts.startedAt).toISOString(), trigger: facts.slot === undefined ? "manual" : "slot" },
    startedAt: facts.startedAt.toISOString(),
    createdAt: facts.createdAt.toISOString(),
    ...(facts.execution === undefined ? {} : { run: { execution: facts.execution } }),
    tool: TOOL,
    etcd: {
      clusterId: facts.clusterId,
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
    content: contentOf(streamed.scan),
    stored: facts.stored,
    proof,
    ...(quarantine && { quarantine: { reasons: [...quarantine.reasons] } }),
    custody: facts.custody,
  };
}

/** A scan as a manifest records it. */
export function contentOf(scan: ScanResult): Content {
  if (scan.tree !== "whole") return { tree: scan.tree, message: scan.message };
  const { hash, revision, lastRevision, compactRevision, inUseBytes, keys, alarms, encryption } = scan;
  const hashKv = scan.hashKv();
  return {
    tree: "whole",
    hash,
    revision,
    compactRevision,
    inUseBytes,
    keys: { revisions: keys.revisions, ...(keys.live === undefined ? {} : { live: keys.live }) },
    ...("hash" in hashKv ? { hashKv: { revision: lastRevision, compactRevision, hash: hashKv.hash } } : {}),
    alarms: alarms.map(({ memberId, alarm }) => ({ memberId, alarm })),
    ...(encryption && {
      encryption: encryption.filter(({ live }) => live > 0).map(({ provider, keyName }) => ({ provider, keyName })),
    }),
  };
}

/** As the id says it. */
function toTheSecond(time: Date): Date {
  return new Date(Math.floor(time.getTime() / 1000) * 1000);
}
