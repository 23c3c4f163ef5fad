import type { Clock } from "../clock.ts";
import { isLifeboatError, LifeboatError } from "../errors.ts";
import type { EtcdSource, StreamLimits } from "../etcd/etcd-source.ts";
import { explainLineage } from "../etcd/lineage.ts";
import type { LineageDecision } from "../etcd/lineage.ts";
import type { HostLock } from "../host-lock/host-lock.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import { manifestKey } from "../manifest/layout.ts";
import type { Manifest } from "../manifest/schema.ts";
import { digestOf, openDocument, signDocument } from "../manifest/signed-document.ts";
import type { StoredDocument, TrustedKeys } from "../manifest/signed-document.ts";
import { idOfSlot, parseId } from "../manifest/slot.ts";
import type { Progress } from "../progress.ts";
import type { BlobStore } from "../store/blob-store.ts";
import { throwIfAborted } from "../store/body-reader.ts";
import type { SnapshotName, SnapshotStore } from "../store/snapshot-store.ts";
import { planBackup } from "./backup-plan.ts";
import type { BackupPlan } from "./backup-plan.ts";
import { streamFromFirstThatCan } from "./backup-stream.ts";
import { listIds, readManifest } from "./catalog.ts";
import type { FoundManifest, Vault } from "./catalog.ts";
import { draftManifest } from "./draft-manifest.ts";
import { findLineage, openLineage } from "./lineage.ts";
import { Phases } from "./phases.ts";
import { putDocument } from "./put-document.ts";
import { requireTrustedKey } from "./require-trusted-key.ts";
import { surveyCluster } from "./survey.ts";
import type { SnapshotSource, Survey } from "./survey.ts";

/** The steps of a backup, in order: docs/cli.md names them as the phases of the JSON output. */
export const BACKUP_STEPS = ["lock", "slot", "preflight", "lineage", "stream", "store", "manifest"] as const;
type Step = (typeof BACKUP_STEPS)[number];

export interface BackupPorts {
  readonly blobs: BlobStore;
  readonly snapshots: SnapshotStore;
  readonly keys: KeyRing;
  readonly etcd: EtcdSource;
  readonly lock: HostLock;
  readonly clock: Clock;
  readonly progress: Progress;
  readonly trusted: TrustedKeys;
}

export interface BackupRequest {
  readonly cluster: string;
  /** The scheduled time; left out for a backup by hand. */
  readonly slot?: Date;
  readonly limits: StreamLimits;
  readonly signal?: AbortSignal;
}

export interface BackupResult {
  readonly manifest: Manifest;
  readonly manifestDigest: string;
  /** True where the slot was already backed up, and this run took no snapshot. */
  readonly existing: boolean;
  /** In quarantine, where each member gave a copy: all but the first. */
  readonly furtherCopies: readonly FoundManifest[];
  readonly phases: Readonly<Partial<Record<Step, number>>>;
}

/** Far enough for two clocks that disagree; an id in the future would stay the latest one until then. */
const SLOT_AHEAD_MS = 3_600_000;

/**
 * Takes one snapshot and commits it, in the order of BACKUP_STEPS. Whatever fails, nothing of it is visible. Running the same slot
 * again returns the committed one.
 */
export async function backup(ports: BackupPorts, request: BackupRequest): Promise<BackupResult> {
  const { cluster, slot, signal } = request;
  const { clock, progress } = ports;
  if (slot !== undefined && slot.getTime() > clock.now().getTime() + SLOT_AHEAD_MS) {
    throw new LifeboatError("usage", `the slot ${slot.toISOString()} is in the future`, {
      hint: "check the time given, and this machine's clock",
    });
  }
  const phases = new Phases<Step>(clock, progress);
  const release = await phases.run("lock", () =>
    ports.lock.acquire(lockName(cluster, ports.etcd), {
      timeoutMs: request.limits.totalMs,
      onWait: (holder) => progress.note("info", `another backup of ${cluster} runs (${holder}); waiting for it`),
      signal,
    }),
  );
  try {
    return await backupLocked(ports, request, phases);
  } finally {
    await release();
  }
}

async function backupLocked(ports: BackupPorts, request: BackupRequest, phases: Phases<Step>): Promise<BackupResult> {
  const { cluster, signal } = request;
  const startedAt = ports.clock.now();
  const place = await phases.run("slot", async () => {
    await requireTrustedKey(ports.keys, ports.trusted, "snapshot");
    const found = await takeSlot(ports, request, startedAt);
    if (!found.taken) await warnIfBehind(ports, cluster, startedAt);
    return found;
  });
  if (place.taken) return { ...asResult(await readManifest(ports, cluster, place.id), phases), existing: true };

  const survey = await phases.run("preflight", () => surveyCluster(ports.etcd, ports.clock, signal));
  const plan = planBackup(cluster, survey);
  for (const finding of survey.findings.filter(({ severity }) => severity !== "info"))
    ports.progress.note("warn", `${finding.subject}: ${finding.message}; ${finding.fix}`);
  const lineage = await phases.run("lineage", () => findLineage(ports, cluster, plan));
  const change = explainLineage(cluster, lineage);
  if (change !== undefined) ports.progress.note("warn", change);

  const run: Run = { ports, request, phases, startedAt, survey, plan, lineage };
  const first = { cluster, id: place.id };
  if (plan.quarantine?.eachSource !== true) {
    const { found, existing } = await takeOne(run, first, plan.sources);
    return { ...asResult(found, phases), existing };
  }
  const [one, ...others] = await takeEach(run, first);
  return { ...asResult(one, phases), furtherCopies: others };
}

function asResult({ manifest, digest }: FoundManifest, phases: Phases<Step>): BackupResult {
  return { manifest, manifestDigest: digest, existing: false, furtherCopies: [], phases: phases.milliseconds };
}

/** What the steps of one run share. */
interface Run {
  readonly ports: BackupPorts;
  readonly request: BackupRequest;
  readonly phases: Phases<Step>;
  readonly startedAt: Date;
  readonly survey: Survey;
  readonly plan: BackupPlan;
  readonly lineage: LineageDecision;
}

/** Streams a snapshot from the first of `sources` that gives it whole, stores it, and commits its manifest. */
async function takeOne(run: Run, name: SnapshotName, sources: readonly SnapshotSource[]): Promise<Committed> {
  const { ports, request, phases, startedAt, survey, plan, lineage } = run;
  const { limits, signal } = request;
  const streamed = await phases.run("stream", () => streamFromFirstThatCan(ports, { name, sources, limits, signal }));
  const stored = await phases.run("store", () => streamed.pending.commit());
  return phases.run("manifest", async () => {
    throwIfAborted(`the backup of ${name.cluster}`, signal);
    if (lineage.opens !== undefined) await openLineage(ports, name.cluster, lineage.opens, signal);
    const createdAt = ports.clock.now();
    const draft = draftManifest({
      name,
      slot: request.slot,
      startedAt,
      createdAt,
      survey,
      plan,
      lineage: lineage.number,
      streamed,
      stored,
    });
    return commitManifest(ports, await signDocument(ports.keys, "snapshot", draft), name, signal);
  });
}

/** A copy of every source that gives one, under ids of one slot. */
async function takeEach(run: Run, first: SnapshotName): Promise<readonly [FoundManifest, ...FoundManifest[]]> {
  const copies: FoundManifest[] = [];
  const failures: LifeboatError[] = [];
  for (const source of run.plan.sources) {
    const id = copies.length === 0 ? first.id : await freeId(run.ports, first.cluster, run.request.slot ?? run.startedAt);
    try {
      copies.push((await takeOne(run, { cluster: first.cluster, id }, [source])).found);
    } catch (error) {
      if (!isLifeboatError(error, "etcd/")) throw error;
      failures.push(error);
    }
  }
  const [one, ...others] = copies;
  if (one !== undefined) return [one, ...others];
  throw failures[0] ?? new Error("a backup was planned without a source");
}

/** The id of this run. A slot that is committed is taken; by hand the next free ordinal of the second is found. */
async function takeSlot(ports: BackupPorts, { cluster, slot }: BackupRequest, now: Date): Promise<{ id: string; taken: boolean }> {
  if (slot === undefined) return { id: await freeId(ports, cluster, now), taken: false };
  const id = idOfSlot(slot);
  return { id, taken: await isTaken(ports, cluster, id) };
}

/** Ids are times: as long as the clock is behind the newest one, `latest` names that and not what is taken now. */
async function warnIfBehind({ blobs, progress }: BackupPorts, cluster: string, now: Date): Promise<void> {
  const newest = (await listIds(blobs, cluster)).at(-1);
  const slot = newest === undefined ? undefined : parseId(newest)?.slot;
  if (slot === undefined || slot <= now) return;
  progress.note(
    "warn",
    `this machine's clock is behind the newest snapshot: it says ${now.toISOString()}, and ${cluster}/${newest} stays the latest until then; see that the clock is set by NTP`,
  );
}

async function freeId({ blobs }: Pick<Vault, "blobs">, cluster: string, slot: Date): Promise<string> {
  for (let ordinal = 1; ; ordinal++) {
    const id = idOfSlot(slot, ordinal);
    if (parseId(id) === undefined)
      throw new LifeboatError("busy", `every id of the second ${slot.toISOString()} is taken`, { hint: "run the command again" });
    if (!(await isTaken({ blobs }, cluster, id))) return id;
  }
}

async function isTaken({ blobs }: Pick<Vault, "blobs">, cluster: string, id: string): Promise<boolean> {
  return (await blobs.head(manifestKey(cluster, id))) !== undefined;
}

interface Committed {
  readonly found: FoundManifest;
  /** True where another run had committed the slot. */
  readonly existing: boolean;
}

/** The commit point. The loser of a race for one slot returns the winner's snapshot; its own data object is an orphan for prune to sweep. */
async function commitManifest(
  ports: BackupPorts,
  document: StoredDocument,
  name: SnapshotName,
  signal: AbortSignal | undefined,
): Promise<Committed> {
  const key = manifestKey(name.cluster, name.id);
  // Read as any reader will, before it is written: what is committed is believed.
  const manifest = openDocument("snapshot", document.bytes, ports.trusted, key);
  try {
    await putDocument(ports.blobs, key, document, signal);
  } catch (error) {
    if (!isLifeboatError(error, "store/exists")) throw error;
    return { found: await readManifest(ports, name.cluster, name.id), existing: true };
  }
  return { found: await readBack(ports, name, { manifest, digest: document.digest }), existing: false };
}

/** Tells of a store that acknowledged what it did not keep. One that only fails to answer now does not undo the commit. */
async function readBack(vault: Vault, name: SnapshotName, written: FoundManifest): Promise<FoundManifest> {
  try {
    return await readManifest(vault, name.cluster, name.id);
  } catch (error) {
    if (isLifeboatError(error, "store/")) return written;
    throw error;
  }
}

/** One backup at a time per cluster and host: named by what the endpoints are, so that two configurations of one cluster share it. */
function lockName(cluster: string, etcd: EtcdSource): string {
  return `backup-${cluster}-${digestOf(Buffer.from(etcd.endpoints.toSorted().join("\n"))).slice(7, 23)}`;
}
