import type { JsonDocument } from "../shared/contract/documents.ts";
import { isLifeboatError, LifeboatError } from "../shared/errors.ts";
import { backup } from "../shared/jobs/backup/backup.ts";
import type { BackupResult } from "../shared/jobs/backup/backup.ts";
import { copyToReplicas, headAfter, replicasNeedAttention } from "../shared/jobs/copy/to-replicas.ts";
import type { ReplicaOutcome } from "../shared/jobs/copy/to-replicas.ts";
import { attentionOf, dissentersOf } from "../shared/documents/attention.ts";
import { revisionOf, storedAlarmsOf } from "../shared/documents/content.ts";
import { howToAccept } from "../shared/documents/lineages.ts";
import { outcomeOf } from "../shared/documents/proof.ts";
import { idOfSlot, parseUtc } from "../shared/documents/slot.ts";
import { TRAILER_BYTES } from "../shared/snapshot/trailer.ts";
import { backUpAll } from "./backup-all.ts";
import type { BackupOutcome } from "./backup-all.ts";
import type { Register, Session } from "./command.ts";
import { print, printJson, note } from "./console.ts";
import {
  describeAlarms,
  describeKeys,
  describeProof,
  describeReceipt,
  describeRevision,
  describeSource,
  explainProof,
} from "./describe.ts";
import { formatBytes, formatFields, formatMilliseconds } from "./format.ts";
import type { ExitCode } from "./exit-codes.ts";
import { ConsoleProgress } from "./progress-bar.ts";
import { outcomeFields, outcomesToJson, warnOf } from "./replicas.ts";

/** `lifeboat backup`. */
export const registerBackup: Register = (program, run) => {
  program
    .command("backup")
    .summary("take a snapshot of a cluster and store it")
    .description("Take a snapshot of a cluster, and store it compressed, encrypted and signed.")
    .argument("[cluster]", "a cluster of the configuration")
    .option("--all", "back up every cluster of the configuration, one after the other; if one fails, the others are still backed up")
    .option(
      "--slot <time>",
      "the scheduled time (UTC) of the snapshot; each slot is backed up once, and a second run returns the snapshot of the first",
    )
    .option("--no-copy", "do not copy the snapshot to the replicas; lifeboat copy does that later, with a role that may read the store")
    .addHelpText("after", "\nExample:\n  $ lifeboat backup prod --slot 2026-11-21T10:00:00Z")
    .action((cluster: string | undefined, options: Options) =>
      run(async (session) => {
        const slot = parseSlot(options.slot);
        if (options.all === true && cluster !== undefined)
          throw new LifeboatError("usage", `a cluster (${cluster}) and --all exclude each other`, { hint: "give one of the two" });
        if (options.all === true) return backUpAll(session, (name) => backUp(session, name, slot, options.copy));
        if (cluster === undefined)
          throw new LifeboatError("usage", "missing required argument 'cluster'", {
            hint: "name a cluster of the configuration, or give --all",
          });
        const done = await backUp(session, cluster, slot, options.copy).catch((error: unknown) => {
          if (slot === undefined || !isLifeboatError(error, "ref/removed")) throw error;
          const id = idOfSlot(slot);
          note(session.console, error.message);
          if (session.json) printJson(session.console, "backupSkipped", { id, cluster, ref: `${cluster}/${id}`, skipped: error.message });
          return undefined;
        });
        if (done === undefined) return 0;
        const { exitCode, document, text } = done;
        if (session.json) printJson(session.console, "backup", document);
        else if (text !== undefined) print(session.console, text);
        return exitCode;
      }),
    );
};

interface Options {
  readonly all?: boolean;
  readonly slot?: string;
  readonly copy: boolean;
}

/** Backs one cluster up and fills the replicas; warnings are told. */
async function backUp(session: Session, cluster: string, slot: Date | undefined, copy: boolean): Promise<BackupOutcome> {
  const progress = new ConsoleProgress(session.console);
  const { signal } = session.console;
  const { result, ports } = await session
    .withCluster(cluster, async (opened, { etcd, limits, policy, rpoMs }) => {
      const all = { ...opened, progress };
      return { result: await backup({ ...all, etcd }, { cluster, slot, rpoMs, limits, policy, signal }), ports: all };
    })
    .finally(() => progress.close());
  const snapshots = [{ manifest: result.manifest, digest: result.manifestDigest }, ...result.furtherCopies];
  const copies = copy ? await copyToReplicas(ports, snapshots, { purpose: "snapshot", signal }) : [];
  progress.close();
  for (const problem of result.notWrapped) note(session.console, `warning: ${problem}`);
  for (const doubt of result.doubts)
    note(session.console, `warning: ${doubt}\nhint: back up without --slot, and find out who can sign with the snapshot key`);
  warnOf(session.console, copies);
  const exitCode = exitCodeFor(result, copies);
  const isReported = session.console.quiet !== true || exitCode !== 0;
  return { exitCode, document: documentOf(result, copies), text: isReported ? textOf(result, copies) : undefined };
}

function exitCodeFor(
  { manifest, notWrapped, doubts, lineageAttention, lineageFaults }: BackupResult,
  copies: readonly ReplicaOutcome[],
): ExitCode {
  // The snapshot stands; what was interrupted is its copy.
  if (copies.some((each) => each.outcome === "failed" && each.error.code === "interrupted")) return 130;
  const isLineageInDoubt = lineageAttention !== undefined || lineageFaults.length > 0;
  return attentionOf(manifest).length > 0 || notWrapped.length + doubts.length > 0 || replicasNeedAttention(copies) || isLineageInDoubt
    ? 6
    : 0;
}

function parseSlot(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const slot = parseUtc(text);
  if (slot === undefined)
    throw new LifeboatError("usage", `--slot "${text}" is not a UTC time`, {
      hint: "give one such as 2026-11-21T10:00:00Z or 20261121T100000Z",
    });
  return slot;
}

function documentOf(result: BackupResult, copies: readonly ReplicaOutcome[]): JsonDocument<"backup"> {
  const { manifest, manifestDigest, existing, committedBy, doubts, furtherCopies, phases, notWrapped, lineageAttention, lineageFaults } =
    result;
  const { source } = manifest.etcd;
  return {
    id: manifest.id,
    cluster: manifest.cluster,
    ref: `${manifest.cluster}/${manifest.id}`,
    existing,
    committedBy,
    doubts,
    revision: revisionOf(manifest),
    databaseBytes: manifest.snapshot.bytes - TRAILER_BYTES,
    storedBytes: manifest.stored.bytes,
    member: { id: source.memberId, name: source.name, endpoint: source.endpoint, version: source.version },
    lineage: manifest.lineage,
    lineageAttention: lineageAttention ?? null,
    unbelievedLineages: lineageFaults.map(({ key, code, message }) => ({ key, code, message })),
    proof: describeProof({ proof: outcomeOf(manifest.proof) }),
    alarms: storedAlarmsOf(manifest) ?? null,
    dissenters: dissentersOf(manifest),
    quarantine: manifest.quarantine?.reasons ?? null,
    furtherCopies: furtherCopies.map((each) => `${each.manifest.cluster}/${each.manifest.id}`),
    phases,
    manifestDigest,
    custody: headAfter(result.custody, copies) ?? null,
    replicas: outcomesToJson(copies),
    notWrapped,
  };
}

function textOf(result: BackupResult, copies: readonly ReplicaOutcome[]): string {
  const { manifest, manifestDigest, existing, furtherCopies, phases, lineageAttention, lineageFaults } = result;
  const { source } = manifest.etcd;
  const databaseBytes = manifest.snapshot.bytes - TRAILER_BYTES;
  const quarantined: [string, string][] =
    manifest.quarantine === undefined
      ? []
      : [
          ["QUARANTINED", `${manifest.quarantine.reasons.join("; ")}: kept, and never taken for a good backup`],
          ...furtherCopies.map((each): [string, string] => [
            "further copy",
            `${each.manifest.cluster}/${each.manifest.id} from ${describeSource(each.manifest)}`,
          ]),
        ];
  const took = Object.values(phases).reduce((sum, ms) => sum + ms, 0);
  return `${existing ? "the slot was backed up before; this is that snapshot\n" : ""}${formatFields([
    ["snapshot", `${manifest.cluster}/${manifest.id}`],
    ["from", `${describeSource(manifest)} (${source.endpoint}, etcd ${source.version})`],
    ["revision", describeRevision(manifest)],
    ["keys", describeKeys(manifest)],
    ["database", formatBytes(databaseBytes)],
    ["stored", describeSpace(manifest, databaseBytes)],
    ["proof", explainProof(manifest)],
    ["alarms", describeAlarms(manifest)],
    ...quarantined,
    ...(lineageAttention === undefined
      ? []
      : ([["NOT ACCEPTED", `${lineageAttention.message}; ${howToAccept(manifest.cluster, lineageAttention.number)}`]] satisfies [
          string,
          string,
        ][])),
    ...lineageFaults.map(({ message }): [string, string] => ["NO LINEAGE", message]),
    ["manifest", manifestDigest],
    ["custody", describeReceipt(headAfter(result.custody, copies))],
    ...outcomeFields(copies),
    ["took", formatMilliseconds(took)],
  ])}`;
}

/** Of what Kopia deduplicates only the whole repository has a size. */
function describeSpace({ stored }: BackupResult["manifest"], databaseBytes: number): string {
  return stored.kind === "kopia"
    ? "in Kopia, which keeps once what other snapshots have too"
    : `${formatBytes(stored.bytes)} (${((100 * stored.bytes) / databaseBytes).toFixed(0)} %)`;
}
