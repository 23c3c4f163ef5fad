import type { CustodyPorts } from "../../vault/custody/append.ts";
import { Custodian } from "../../vault/custody/custodian.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { EtcdSource, StreamLimits } from "../../etcd/etcd-source.ts";
import { decideLineage, explainLineage } from "../../etcd/lineage.ts";
import type { LineageDecision } from "../../etcd/lineage.ts";
import type { HostLock } from "../../host/host-lock.ts";
import { manifestKey } from "../../documents/layout.ts";
import { attentionOfLineage } from "../../documents/lineages.ts";
import type { LineageAttention, LineageFault } from "../../documents/lineages.ts";
import type { CustodyRecord } from "../../documents/custody-record.ts";
import type { Lineage } from "../../documents/lineage.ts";
import type { Manifest } from "../../documents/manifest.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import { digestOf } from "../../documents/signed-document.ts";
import { objectsOf } from "../../documents/stored.ts";
import { idOfSlot } from "../../documents/slot.ts";
import type { Progress } from "../../progress.ts";
import { throwIfAborted } from "../../store/body-reader.ts";
import type { SnapshotName, SnapshotStore } from "../../store/snapshot-store.ts";
import type { AgreementPolicy } from "./ask-agreement.ts";
import { debugDecision, debugPlan, debugProof } from "./explain.ts";
import { planBackup } from "./plan.ts";
import type { BackupPlan } from "./plan.ts";
import { freeId, requireSlotInTime, takeSlot, warnIfBehind } from "./slot.ts";
import { readManifest, subjectOf } from "../../vault/catalog.ts";
import type { FoundManifest } from "../../vault/catalog.ts";
import { commitManifest } from "./commit-manifest.ts";
import type { Committed } from "./commit-manifest.ts";
import { draftManifest } from "./draft-manifest.ts";
import { readHistory } from "../../vault/lineage/history.ts";
import type { KnownHistory } from "../../vault/lineage/history.ts";
import { judgeExisting } from "./judge-existing.ts";
import { openLineage } from "../../vault/lineage/open-lineage.ts";
import { openFaults, readLineages } from "../../vault/lineage/lineages.ts";
import type { Lineages } from "../../vault/lineage/lineages.ts";
import { Phases } from "./phases.ts";
import { requireTrustedKey } from "../../vault/require-trusted-key.ts";
import { certificatesEnd, surveyCluster } from "../../etcd/survey.ts";
import type { SnapshotSource, Survey } from "../../etcd/survey.ts";
import { takeQuarantined, takeSnapshot } from "./take-snapshot.ts";
import type { Taken, TakeRequest } from "./take-snapshot.ts";

/** The steps of a backup, in order: docs/cli.md names them as the phases of the JSON output. */
export const BACKUP_STEPS = ["lock", "slot", "preflight", "lineage", "stream", "agreement", "store", "custody", "manifest"] as const;
type Step = (typeof BACKUP_STEPS)[number];

export interface BackupPorts extends CustodyPorts {
  readonly snapshots: SnapshotStore;
  readonly etcd: EtcdSource;
  readonly lock: HostLock;
  readonly progress: Progress;
}

export interface BackupRequest {
  readonly cluster: string;
  /** The scheduled time; left out for a backup by hand. */
  readonly slot?: Date;
  /** The configuration's rpo: a slot may be given so long afterwards, and for a day at least. */
  readonly rpoMs: number;
  /** What names this run and each retry of it: the ARN of an execution. By hand there is none. */
  readonly execution?: string | undefined;
  readonly limits: StreamLimits;
  readonly policy: AgreementPolicy;
  readonly signal?: AbortSignal;
}

export interface BackupResult {
  readonly manifest: Manifest;
  readonly manifestDigest: string;
  /** True where the slot was already backed up, and this run committed no snapshot. */
  readonly existing: boolean;
  /** Who committed it: `another-run` has only its word for it, so it does not count as a backup of this one. By hand a run does not know its retries. */
  readonly committedBy: "this-run" | "another-run";
  /** Of another run's: why a person should look at it, one sentence each. */
  readonly doubts: readonly string[];
  /** In quarantine, where each member gave a copy: all but the first. */
  readonly furtherCopies: readonly FoundManifest[];
  readonly phases: Readonly<Partial<Record<Step, number>>>;
  /** The last record of this run in the custody log, which a person may keep elsewhere; undefined where the log could not be told of a run that had nothing to do. */
  readonly custody: CustodyReceipt | undefined;
  /** True where this run opened a lineage that is not the cluster's first. */
  readonly opensLineage: boolean;
  /** Why a person should look at the lineage that the cluster is in now; undefined where nobody need. */
  readonly lineageAttention: LineageAttention | undefined;
  /** What stands in the place of a lineage or an acceptance and is not believed. */
  readonly lineageFaults: readonly LineageFault[];
  /** When the first of the certificates that the endpoints showed and the client has runs out; undefined where there are none, or nobody was asked. */
  readonly certificatesEnd: Date | undefined;
  /** Why the snapshot's key could not be wrapped under the key of a replica, a sentence each: there it opens by the store's own key and by break-glass alone. */
  readonly notWrapped: readonly string[];
}

/**
 * Takes one snapshot and commits it, in the order of BACKUP_STEPS. Whatever fails, nothing of it is visible, and the custody log is told. Running the same slot
 * again returns the committed one; where that was removed since, as the custody log says, it throws `ref/removed`: nothing is wrong, and nothing was done.
 */
export async function backup(ports: BackupPorts, request: BackupRequest): Promise<BackupResult> {
  const { cluster, slot, signal } = request;
  const { clock, progress } = ports;
  if (slot !== undefined) await requireSlotInTime(ports, { ...request, slot }, clock.now());
  const phases = new Phases<Step>(clock, progress);
  const release = await phases.run("lock", () =>
    ports.lock.acquire(lockName(cluster, ports.etcd), {
      timeoutMs: request.limits.totalMs,
      onWait: (holder) => progress.note("info", `another backup of ${cluster} runs (${holder}); waiting for it`),
      signal,
    }),
  );
  const custodian = new Custodian(ports, cluster, "snapshot");
  try {
    return await backupLocked(ports, request, { phases, custodian, startedAt: clock.now(), notWrapped: [], opened: [] });
  } catch (error) {
    const about = slot === undefined ? [] : [{ key: manifestKey(cluster, idOfSlot(slot)) }];
    if (isLifeboatError(error, "ref/removed")) await custodian.skip(about, error.message);
    else await custodian.fail(error, about);
    throw error;
  } finally {
    await release();
  }
}

async function backupLocked(ports: BackupPorts, request: BackupRequest, begun: Begun): Promise<BackupResult> {
  const { cluster, signal } = request;
  const { phases, custodian, startedAt } = begun;
  const place = await phases.run("slot", async () => {
    await requireTrustedKey(ports.keys, ports.trusted, "snapshot");
    const found = await takeSlot(ports, cluster, request.slot, startedAt, signal);
    await removeLeftOvers(ports);
    if (!found.taken) await warnIfBehind(ports, cluster, startedAt);
    return found;
  });
  ports.progress.debug?.log(
    "decision",
    `slot: ${cluster}/${place.id}, ${place.taken ? "which was backed up before" : request.slot === undefined ? "by hand, the present second" : "which is free"}`,
  );
  if (place.taken) {
    const found = await readManifest(ports, cluster, place.id);
    await custodian.skip([subjectOf(found)], "the slot was backed up before");
    return { ...asResult(found, begun, await readLineages(ports, cluster, signal)), ...(await judgeExisting(ports, found, request)) };
  }

  const survey = await phases.run("preflight", () => surveyCluster(ports.etcd, ports.clock, request.policy, signal));
  const plan = planBackup(cluster, survey);
  debugPlan(ports.progress.debug, plan, survey);
  for (const finding of survey.findings.filter(({ severity }) => severity !== "info"))
    ports.progress.note("warn", `${finding.subject}: ${finding.message}; ${finding.fix}`);
  const history = await phases.run("lineage", () => readHistory(ports, cluster, startedAt, signal));
  for (const { message } of openFaults(history.lineages)) ports.progress.note("warn", message);
  const expected = decideLineage(history, plan);
  debugDecision(ports.progress.debug, expected);
  noteLineage(ports.progress, cluster, expected);

  const run: Run = { ports, request, ...begun, survey, plan, history, expected };
  const first = { cluster, id: place.id };
  if (plan.quarantine !== undefined) {
    const [one, ...others] = await quarantineEach(
      run,
      first,
      plan.quarantine.eachSource ? plan.sources.map((each) => [each]) : [plan.sources],
    );
    return { ...asResult(one, begun, history.lineages, survey), furtherCopies: others };
  }
  const taken = await takeSnapshot(ports, takeRequest(run, first));
  const { found, existing } = await commit(run, first, taken);
  if (existing) return { ...asResult(found, begun, history.lineages, survey), ...(await judgeExisting(ports, found, request)) };
  if (taken.alsoFrom.length === 0) return asResult(found, begun, history.lineages, survey);
  const furtherCopies = await quarantineOthers(run, first, taken);
  return { ...asResult(found, begun, history.lineages, survey), furtherCopies };
}

/** What runs of this host and user that were killed had not finished to write. That it cannot be removed keeps nobody from a backup. */
async function removeLeftOvers({ blobs, progress }: BackupPorts): Promise<void> {
  try {
    const removed = await blobs.removeAbandoned();
    if (removed > 0)
      progress.note("info", `removed ${removed} unfinished ${removed === 1 ? "file" : "files"} in ${blobs.location}, left by a killed run`);
  } catch (error) {
    if (!isLifeboatError(error, "store/")) throw error;
    progress.note("warn", `files that killed runs left in the store were not removed: ${error.message}`);
  }
}

/** `lineages` are those of before the run. `survey` is left out where the slot was taken, and nobody was asked. */
function asResult(
  { manifest, digest }: FoundManifest,
  { phases, custodian, notWrapped, opened }: Begun,
  lineages: Lineages,
  survey?: Survey,
): BackupResult {
  const [lineage] = opened;
  return {
    manifest,
    manifestDigest: digest,
    existing: false,
    committedBy: "this-run",
    doubts: [],
    furtherCopies: [],
    phases: phases.milliseconds,
    custody: custodian.last,
    opensLineage: lineage !== undefined && lineage.number > 1,
    lineageAttention: attentionOfLineage(
      manifest.cluster,
      lineage === undefined ? lineages.links.at(-1) : { lineage, acceptance: undefined },
    ),
    lineageFaults: openFaults(lineages),
    certificatesEnd: survey === undefined ? undefined : certificatesEnd(survey),
    notWrapped,
  };
}

/** A run that holds its lock. */
interface Begun {
  readonly phases: Phases<Step>;
  readonly custodian: Custodian;
  readonly startedAt: Date;
  /** Filled as the run goes. */
  readonly notWrapped: string[];
  /** The lineage that this run opened, if it did. */
  readonly opened: Lineage[];
}

/** What the steps of one run share. */
interface Run extends Begun {
  readonly ports: BackupPorts;
  readonly request: BackupRequest;
  readonly survey: Survey;
  readonly plan: BackupPlan;
  readonly history: KnownHistory;
  /** The lineage as far as it is known before the snapshot is. */
  readonly expected: LineageDecision;
}

function takeRequest({ request, survey, plan, phases }: Run, name: SnapshotName): TakeRequest {
  const { policy, limits, signal } = request;
  return { name, survey, plan, policy, limits, signal, phases };
}

/** Stores what was taken, announces it in the custody log, and commits its manifest. */
async function commit(run: Run, name: SnapshotName, taken: Taken): Promise<Committed> {
  const { ports, request, phases, custodian, startedAt, survey, plan, opened } = run;
  const { signal } = request;
  const stored = await phases.run("store", () => taken.streamed.pending.commit(taken.streamed.digests));
  for (const { message } of taken.streamed.pending.notWrapped)
    run.notWrapped.push(`${name.cluster}/${name.id} cannot be opened by the key of a replica: ${message}`);
  const lineage = settleLineage(run, name.cluster, taken);
  await phases.run("custody", async () => {
    throwIfAborted(`the backup of ${name.cluster}`, signal);
    // Once for all the snapshots of a run.
    if (lineage.opens !== undefined && opened.length === 0)
      opened.push(await openLineage(ports, custodian, name.cluster, lineage.opens, signal));
  });
  debugProof(ports.progress.debug, taken.proof);
  const number = opened[0]?.number ?? lineage.number;
  const createdAt = ports.clock.now();
  return commitManifest(ports, custodian, {
    name,
    about: objectsOf(stored).map(({ key, sha256 }) => ({ key, digest: sha256 })),
    details: seenBy(run, name.cluster),
    draft: (custody) =>
      draftManifest({
        name,
        slot: request.slot,
        startedAt,
        createdAt,
        execution: request.execution,
        survey,
        clusterId: plan.clusterId,
        lineage: number,
        taken,
        stored,
        custody,
      }),
    steps: {
      announce: (action) => phases.run("custody", action),
      put: (action) =>
        phases.run("manifest", () => {
          throwIfAborted(`the backup of ${name.cluster}`, signal);
          return action();
        }),
    },
    signal,
  });
}

function seenBy({ history: { last } }: Run, cluster: string): Pick<CustodyRecord["details"], "seen"> {
  return last === undefined ? {} : { seen: { key: manifestKey(cluster, last.id), digest: last.manifestDigest } };
}

/** What a snapshot holds may open a lineage that the cluster's own words did not. A copy in quarantine has no say. */
function settleLineage({ ports, plan, history, expected }: Run, cluster: string, { streamed, quarantine }: Taken): LineageDecision {
  if (quarantine !== undefined || streamed.scan.tree !== "whole") return expected;
  const settled = decideLineage(history, { ...plan, liveKeys: streamed.scan.keys.live });
  debugDecision(ports.progress.debug, settled);
  if (settled.number !== expected.number) noteLineage(ports.progress, cluster, settled);
  return settled;
}

function noteLineage(progress: Progress, cluster: string, lineage: LineageDecision): void {
  const change = explainLineage(cluster, lineage);
  if (change !== undefined) progress.note("warn", change);
}

/** A snapshot in quarantine from each of `groups`, under ids of one slot: of each group from the first member that gives one. */
async function quarantineEach(
  run: Run,
  first: SnapshotName,
  groups: readonly (readonly SnapshotSource[])[],
): Promise<readonly [FoundManifest, ...FoundManifest[]]> {
  const { reasons } = run.plan.quarantine ?? { reasons: [] };
  const snapshots: FoundManifest[] = [];
  const failures: LifeboatError[] = [];
  for (const sources of groups) {
    const snapshot = await quarantineFrom(run, first, sources, reasons, snapshots.length > 0);
    if (snapshot instanceof LifeboatError) failures.push(snapshot);
    else snapshots.push(snapshot);
  }
  const [one, ...others] = snapshots;
  if (one !== undefined) return [one, ...others];
  throw failures[0] ?? new Error("a backup was planned without a source");
}

/** Beside a snapshot that members contradict: one of each other member, so that whoever is right is kept. */
async function quarantineOthers(run: Run, first: SnapshotName, { alsoFrom, quarantine }: Taken): Promise<readonly FoundManifest[]> {
  const snapshots: FoundManifest[] = [];
  for (const source of alsoFrom) {
    const snapshot = await quarantineFrom(run, first, [source], quarantine?.reasons ?? [], true);
    if (!(snapshot instanceof LifeboatError)) snapshots.push(snapshot);
  }
  return snapshots;
}

/** One snapshot in quarantine, or etcd's error in its place, which streamFromFirstThatCan has logged where others can be asked. */
async function quarantineFrom(
  run: Run,
  first: SnapshotName,
  sources: readonly SnapshotSource[],
  reasons: readonly string[],
  isFurther: boolean,
): Promise<FoundManifest | LifeboatError> {
  const { ports, request, startedAt } = run;
  const id = isFurther ? await freeId(ports, first.cluster, request.slot ?? startedAt) : first.id;
  const name = { cluster: first.cluster, id };
  try {
    return (await commit(run, name, await takeQuarantined(ports, takeRequest(run, name), sources, { reasons }))).found;
  } catch (error) {
    if (!isLifeboatError(error, "etcd/")) throw error;
    return error;
  }
}

/** One backup at a time per cluster and host: named by what the endpoints are, so that two configurations of one cluster share it. */
function lockName(cluster: string, etcd: EtcdSource): string {
  return `backup-${cluster}-${digestOf(Buffer.from(etcd.endpoints.toSorted().join("\n"))).slice(7, 23)}`;
}
