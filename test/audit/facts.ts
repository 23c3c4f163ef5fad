import { known, unknown } from "../../shared/audit/facts.ts";
import type { BelievedSnapshot, ClusterFacts, ClusterPolicy, EventFact, ReadyFacts, SnapshotFact } from "../../shared/audit/facts.ts";
import { idOfSlot } from "../../shared/documents/slot.ts";

/** Facts of a cluster with which all is well, for a test to change one thing of. */

export const NOW = Date.parse("2026-11-21T12:00:00Z");
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

export const WELL_POLICY: ClusterPolicy = {
  rpoMs: 2 * HOUR,
  retention: {
    latest: 3,
    hourly: 24,
    daily: 7,
    weekly: 4,
    monthly: 12,
    annual: 1,
    minAge: DAY,
    keepUnverified: 7 * DAY,
    timeZone: "UTC",
  },
  requireReplica: [],
  lockMs: undefined,
  keptLockMs: undefined,
  drillEveryMs: 7 * DAY,
  nodeFilesEveryMs: DAY,
  breakGlass: ["age1paper"],
  recipients: ["node-a", "node-b", "node-c"],
  keepsDataElsewhere: false,
};

/** A good snapshot of so many hours ago, unless told otherwise. */
export function snapshotAt(hoursAgo: number, changes: Partial<BelievedSnapshot> = {}): SnapshotFact & BelievedSnapshot {
  const slot = NOW - hoursAgo * HOUR;
  const revision = 10_000 - Math.round(hoursAgo * 100);
  return {
    id: idOfSlot(new Date(slot)),
    slot,
    digest: `sha256:${revision.toString(16).padStart(64, "0")}`,
    startedAt: slot,
    createdAt: slot + 2000,
    lineage: 1,
    revision,
    databaseBytes: 20_000_000,
    storedBytes: 4_000_000,
    proof: { status: "proven" },
    isQuarantined: false,
    verifiedAt: slot + 60_000,
    lacks: [],
    isPinned: false,
    data: known({ state: "present" }),
    lockedUntil: unknown("not asked"),
    ...changes,
  };
}

export function factsWith(changes: Partial<ReadyFacts> = {}): ReadyFacts {
  const snapshots = [4, 3, 2, 1].map((hours) => snapshotAt(hours));
  return { ...wellWith(snapshots), ...changes };
}

function wellWith(snapshots: readonly (SnapshotFact & BelievedSnapshot)[]): ReadyFacts {
  const [before, newest] = snapshots.slice(-2);
  if (before === undefined || newest === undefined) throw new Error("two snapshots at least");
  const store: ClusterFacts = {
    cluster: "prod",
    now: NOW,
    policy: WELL_POLICY,
    snapshots: known(snapshots),
    newestGood: known({
      id: newest.id,
      liveKeys: 1000,
      members: ["node-a", "node-b", "node-c"],
      encryption: [{ provider: "aescbc", keyName: "key1" }],
      etcdVersion: "3.6.16",
      checksum: known(true),
      wrappedUnder: ["age1wrap"],
      opened: [{ key: "age1wrap", at: newest.slot + 60_000 }],
      breakGlass: ["age1paper"],
      before,
    }),
    unbelieved: [],
    differences: [],
    foreign: known([]),
    lineages: known({ links: [{ number: 1, frozen: false }], attention: undefined, faults: [] }),
    custody: known({ head: { sequence: 8, digest: `sha256:${"c".repeat(64)}` }, records: 8, depth: "all", findings: [] }),
    history: known({ since: NOW - 30 * DAY, events: snapshots.flatMap(({ id, slot }) => backedUp(slot, id)) }),
    drills: known([
      { id: before.id, at: NOW - DAY, ok: true, reason: undefined, tookMs: 42_000, steps: [{ name: "restore", ms: 42_000 }] },
    ]),
    nodeSets: known(["node-a", "node-b", "node-c"].map((node) => ({ node, collectedAt: NOW - 20 * HOUR }))),
    replicas: [],
    canaries: known([{ recipient: "age1paper", openedAt: NOW - 30 * DAY, by: "ann" }]),
    wrappingKey: known("age1wrap"),
    verdict: known(undefined),
  };
  return {
    ...store,
    etcd: known({ revision: 9950, certificates: [{ subject: "https://10.0.0.1:2379", notAfter: NOW + 200 * DAY }], unseen: [] }),
    keys: known({ location: "keys", findings: [] }),
    programs: ["amd64", "arm64"].map((architecture) => ({ architecture, versions: known(["age 1.3.2", "etcdutl 3.6.16"]) })),
    nodeFiles: undefined,
    encryptionKeys: undefined,
  };
}

/** What the log tells of a backup that was verified a minute later. */
export function backedUp(slot: number, id = idOfSlot(new Date(slot))): readonly EventFact[] {
  return [
    { time: slot, event: "backup", by: "snapshot", ids: [id], reason: undefined },
    { time: slot + 60_000, event: "verified", by: "audit", ids: [id], reason: undefined },
  ];
}
