import { toolsMinorFor } from "../../bundle/plan.ts";
import type { ToolsMinor } from "../../bundle/plan.ts";
import type { DRILL_OUTCOMES } from "../../documents/drill.ts";
import { drillKey } from "../../documents/layout.ts";
import { requireKnown } from "../../documents/manifest.ts";
import { FORMAT_VERSION } from "../../documents/parts.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import { idOfSlot } from "../../documents/slot.ts";
import { sealedObjectsOf } from "../../documents/stored.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { Workplace, Workplaces } from "../../host/workplace.ts";
import { interrupted } from "../../within.ts";
import { readUntil } from "../../store/read-until.ts";
import { subjectOf } from "../../vault/catalog.ts";
import type { CustodyPorts } from "../../vault/custody/append.ts";
import { Custodian } from "../../vault/custody/custodian.ts";
import type { JudgePorts } from "../../vault/judge.ts";
import { publish } from "../../vault/publish.ts";
import { requireTrustedKey } from "../../vault/require-trusted-key.ts";
import { resolveJudged } from "../../vault/restore-ref.ts";
import type { ToRestore } from "../../vault/restore-ref.ts";
import { TOOL } from "../../version.ts";
import { rehearse } from "./rehearse.ts";
import type { BundleMaker, Findings, RehearsalPorts } from "./rehearse.ts";
import { Stopwatch } from "./stopwatch.ts";
import type { Step } from "./stopwatch.ts";

export interface DrillPorts extends CustodyPorts, JudgePorts, RehearsalPorts {
  readonly places: Workplaces;
  /** The path of an etcd of that minor; `version` is that of the cluster, where an etcd of that very one serves: told where none is found. Throws `config/not-found`. */
  readonly findEtcd: (minor: ToolsMinor, version: string | undefined, signal: AbortSignal) => Promise<string>;
  /** For the snapshot that `ref` names. Throws where the desk's key does not serve: then nothing is begun. */
  readonly bundleOf: (ref: string) => Promise<BundleMaker>;
}

export interface DrillRequest {
  readonly ref: string;
  /** The folder in which a folder for the drill is made: plaintext of the snapshot lies there meanwhile. */
  readonly work: string;
  readonly signal: AbortSignal;
}

export interface DrillResult extends Readonly<Findings> {
  readonly found: ToRestore;
  readonly drilledAt: Date;
  readonly outcome: (typeof DRILL_OUTCOMES)[number];
  /** Where it failed. */
  readonly failure: { readonly step: string; readonly error: LifeboatError } | undefined;
  readonly steps: readonly Step[];
  /** The key of the evidence, and the record of the custody log that tells of it. */
  readonly evidence: string;
  readonly custody: CustodyReceipt;
}

/** What the custody log has of the bundle of a drill. */
export const DRILL_REASON = "a drill: its key is thrown away";
/** A day: as long as a plan has by default. */
export const DRILL_VALID_MS = 86_400_000;
/** 600 MiB: control tars twice, their programs unpacked, and etcd's first log files, which are 64 MB each. */
const ROOM_BYTES = 600 * 2 ** 20;
/** So many drills of one snapshot within a second are a loop that went wild. */
const LAST_ORDINAL = 99;

/**
 * Restores a snapshot in the way of a disaster, on this machine, and leaves signed evidence of whether and how fast that went: see `rehearse`. It signs with the audit key alone; the bundle is the desk's. A failure of what is restored
 * is a result, and evidence. What is thrown left none: what could not begin (`usage`, `config/...`, `ref/...`, and `store/full` before anything was restored), `interrupted`, a caller who may not, and a store or keys that do not answer.
 * Nothing of the drill is left on this machine, nor any process.
 */
export async function drill(ports: DrillPorts, { ref, work, signal }: DrillRequest): Promise<DrillResult> {
  // Asked first: nothing is restored for evidence that cannot be signed.
  await requireTrustedKey(ports.keys, ports.trusted, "audit");
  const found = await resolveJudged({ ...ports, blobs: readUntil(ports.blobs, signal) }, ref);
  const { manifest } = found;
  requireKnown(manifest);
  const name = `${manifest.cluster}/${manifest.id}`;
  const { version } = manifest.etcd.source;
  const minor = toolsMinorFor(version);
  if (minor === undefined)
    throw new LifeboatError("ref/later", `${name} is of etcd ${version}, of which no bundle can be made`, {
      hint: "use a later version of lifeboat",
    });
  const etcd = await ports.findEtcd(minor, version.startsWith(`${minor}.`) ? version : undefined, signal);
  const makeBundle = await ports.bundleOf(name);
  const payloadBytes = sealedObjectsOf(manifest.stored)[0]?.bytes ?? manifest.snapshot.bytes;
  const place = await ports.places.open(work, payloadBytes + 2 * manifest.snapshot.bytes + ROOM_BYTES);
  const drilledAt = ports.clock.now();
  const stopwatch = new Stopwatch(ports.clock, ports.progress);
  const findings: Findings = { notCompared: notComparable(found) };
  const failure = await failureOf(stopwatch, place, async () => {
    await place.link("etcd", etcd);
    await rehearse(ports, { place, manifest, makeBundle, stopwatch, findings, signal });
  });
  const result = {
    ...findings,
    found,
    drilledAt,
    outcome: failure === undefined ? "passed" : "failed",
    failure,
    steps: stopwatch.steps,
  } as const;
  if (signal.aborted) throw interrupted(signal, `drilling ${name}`);
  return { ...result, ...(await leaveEvidence(ports, result, signal)) };
}

function notComparable({ manifest: { quarantine, proof } }: ToRestore): string[] {
  return [
    ...(proof.status === "proven" ? [] : ["the snapshot is unproven: what its members had is not known"]),
    ...(quarantine === undefined ? [] : [`it is in quarantine: ${quarantine.reasons.join("; ")}`]),
  ];
}

/** What went wrong with what was restored; undefined where nothing did. The place is gone then, and everything in it. */
async function failureOf(stopwatch: Stopwatch, place: Workplace, action: () => Promise<void>): Promise<DrillResult["failure"]> {
  let failure: DrillResult["failure"];
  try {
    await action();
  } catch (error) {
    stopwatch.end();
    if (!isResult(error)) {
      await place.end();
      throw error;
    }
    failure = { step: stopwatch.name, error };
  }
  if (failure === undefined) stopwatch.begin("wipe");
  try {
    await place.end();
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    failure ??= { step: "wipe", error };
  }
  stopwatch.end();
  return failure;
}

/** What says nothing of the snapshot: a drill that never began or was stopped, whoever may not, and a service that does not answer. */
const NO_RESULTS = [
  "interrupted",
  "usage",
  "busy",
  "config/",
  "ref/",
  "store/denied",
  "store/failed",
  "keys/denied",
  "keys/throttled",
  "keys/failed",
  "service/",
] as const;

function isResult(error: unknown): error is LifeboatError {
  return error instanceof LifeboatError && !isLifeboatError(error, ...NO_RESULTS);
}

async function leaveEvidence(
  ports: DrillPorts,
  result: Omit<DrillResult, "evidence" | "custody">,
  signal: AbortSignal,
): Promise<Pick<DrillResult, "evidence" | "custody">> {
  const { found, drilledAt, outcome, failure, steps, etcdVersion, hashKv, notCompared, keys, sample, bumpedRevision, payloadBytes } =
    result;
  const { cluster, id } = found.manifest;
  const custodian = new Custodian(ports, cluster, "audit");
  try {
    const { key, custody } = await publish(ports, custodian, {
      kind: "drill",
      place: { keyOf: (ordinal) => drillKey(cluster, id, idOfSlot(drilledAt, ordinal)), first: 1, last: LAST_ORDINAL },
      event: "drill",
      about: [subjectOf(found)],
      draft: (receipt) => ({
        type: "drill",
        formatVersion: FORMAT_VERSION,
        cluster,
        id,
        manifestDigest: found.digest,
        drilledAt: drilledAt.toISOString(),
        outcome,
        ...(failure === undefined ? {} : { failure: { step: failure.step, code: failure.error.code, message: failure.error.message } }),
        steps: steps.map(({ name, ms }) => ({ name, ms })),
        ...(etcdVersion === undefined ? {} : { etcdVersion }),
        ...(hashKv === undefined ? {} : { hashKv: { ...hashKv } }),
        ...(notCompared.length === 0 ? {} : { notCompared: [...notCompared] }),
        ...(keys === undefined ? {} : { keys }),
        ...(sample === undefined ? {} : { sample: { ...sample } }),
        ...(bumpedRevision === undefined ? {} : { bumped: { revision: bumpedRevision } }),
        ...(payloadBytes === undefined ? {} : { payloadBytes }),
        tool: TOOL,
        custody: receipt,
      }),
      onTaken: async () => ({ reason: "another run took the name of this evidence", about: [subjectOf(found)] }),
      signal,
    });
    return { evidence: key, custody };
  } catch (error) {
    if (custodian.isOpen) await custodian.fail(error, [subjectOf(found)]);
    throw error;
  }
}
