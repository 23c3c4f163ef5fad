import { known } from "../../shared/audit/facts.ts";
import type { BelievedSnapshot, ClusterFacts, ClusterPolicy, ReadyFacts, SnapshotFact } from "../../shared/audit/facts.ts";
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
  breakGlass: ["age1paper"],
  recipients: ["node-a", "node-b", "node-c"],
  wrappingKey: "age1wrap",
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
    liveKeys: 1000,
    databaseBytes: 20_000_000,
    storedBytes: 4_000_000,
    proof: { status: "proven" },
    isQuarantined: false,
    verifiedAt: slot + 60_000,
    lacks: [],
    isPinned: false,
    data: known({ state: "present" }),
    lockedUntil: known(undefined),
    members: ["node-a", "node-b", "node-c"],
    etcdVersion: "3.6.16",
    wrappedUnder: ["age1wrap"],
    opened: [{ key: "age1wrap", at: slot + 60_000 }],
    breakGlass: ["age1paper"],
    ...changes,
  };
}

export function factsWith(changes: Partial<ReadyFacts> = {}): ReadyFacts {
  const snapshots = [4, 3, 2, 1].map((hours) => snapshotAt(hours));
  return { ...wellWith(snapshots), ...changes };
}

function wellWith(snapshots: readonly (SnapshotFact & BelievedSnapshot)[]): ReadyFacts {
  const store: ClusterFacts = {
    cluster: "prod",
    now: NOW,
    policy: WELL_POLICY,
    snapshots: known(snapshots),
    unbelieved: [],
    foreign: known({ keys: [], count: 0 }),
    lineages: known({ links: [{ number: 1, frozen: false }], attention: undefined, faults: [] }),
    custody: known({ head: { sequence: 8, digest: `sha256:${"c".repeat(64)}` }, records: 8, depth: "all", findings: [] }),
    history: known(
      snapshots.flatMap(({ id, slot }) => [
        { time: slot, event: "backup", ids: [id], reason: undefined },
        { time: slot + 60_000, event: "verified", ids: [id], reason: undefined },
      ]),
    ),
    drills: known([
      {
        id: snapshots[0]?.id ?? "",
        at: NOW - DAY,
        ok: true,
        reason: undefined,
        restoreMs: 42_000,
        steps: [{ name: "restore", ms: 42_000 }],
        keys: 1000,
      },
    ]),
    replicas: [],
    canaries: known([{ recipient: "age1paper", madeAt: NOW - 31 * DAY, openedAt: NOW - 30 * DAY, by: "ann" }]),
    verdicts: known([]),
  };
  return {
    ...store,
    etcd: known({ revision: 9950, certificates: [{ subject: "https://10.0.0.1:2379", notAfter: NOW + 200 * DAY }], findings: [] }),
    keys: known({ location: "keys", findings: [] }),
    programs: ["amd64", "arm64"].map((architecture) => ({ architecture, versions: known(["age 1.3.2", "etcdutl 3.6.16"]) })),
    nodeFiles: undefined,
    encryptionKeys: undefined,
  };
}
