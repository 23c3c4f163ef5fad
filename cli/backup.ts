import { LifeboatError } from "../shared/errors.ts";
import { backup } from "../shared/jobs/backup.ts";
import type { BackupResult } from "../shared/jobs/backup.ts";
import { attentionOf, dissentersOf } from "../shared/manifest/attention.ts";
import { revisionOf } from "../shared/manifest/content.ts";
import { parseUtc } from "../shared/manifest/slot.ts";
import { TRAILER_BYTES } from "../shared/snapshot/trailer.ts";
import type { Register, Session } from "./command.ts";
import { print, printJson } from "./console.ts";
import { describeKeys, describeProof, describeReceipt, describeRevision, explainProof } from "./describe.ts";
import { formatBytes, formatFields, formatMilliseconds } from "./format.ts";
import { ConsoleProgress } from "./progress-bar.ts";

/** `lifeboat backup`. */
export const registerBackup: Register = (program, run) => {
  program
    .command("backup")
    .summary("take a snapshot of a cluster and store it")
    .description("Take a snapshot of a cluster, and store it compressed, encrypted and signed.")
    .argument("<cluster>", "a cluster of the configuration")
    .option(
      "--slot <time>",
      "the scheduled time (UTC) that it stands for; a slot is backed up once, and a second run returns the first one's snapshot",
    )
    .addHelpText("after", "\nExample:\n  $ lifeboat backup prod --slot 2026-11-21T10:00:00Z")
    .action((cluster: string, options: { readonly slot?: string }) =>
      run(async (session) => {
        const slot = parseSlot(options.slot);
        const progress = new ConsoleProgress(session.console);
        const result = await session.withCluster(cluster, (ports, { etcd, limits, policy }) =>
          backup({ ...ports, etcd, progress }, { cluster, slot, limits, policy, signal: session.console.signal }).finally(() =>
            progress.close(),
          ),
        );
        report(session, result);
        return attentionOf(result.manifest).length > 0 ? 6 : 0;
      }),
    );
};

function parseSlot(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const slot = parseUtc(text);
  if (slot === undefined)
    throw new LifeboatError("usage", `--slot "${text}" is not a UTC time`, {
      hint: "give one such as 2026-11-21T10:00:00Z or 20261121T100000Z",
    });
  return slot;
}

function report({ console, json }: Session, { manifest, manifestDigest, existing, furtherCopies, phases, custody }: BackupResult): void {
  const { source } = manifest.etcd;
  const databaseBytes = manifest.snapshot.bytes - TRAILER_BYTES;
  if (json) {
    return printJson(console, {
      id: manifest.id,
      cluster: manifest.cluster,
      ref: `${manifest.cluster}/${manifest.id}`,
      existing,
      revision: revisionOf(manifest),
      databaseBytes,
      storedBytes: manifest.stored.bytes,
      member: { id: source.memberId, name: source.name, endpoint: source.endpoint, version: source.version },
      lineage: manifest.lineage,
      proof: describeProof(manifest),
      dissenters: dissentersOf(manifest),
      quarantine: manifest.quarantine?.reasons ?? null,
      furtherCopies: furtherCopies.map((each) => `${each.manifest.cluster}/${each.manifest.id}`),
      phases,
      manifestDigest,
      custody: custody ?? null,
    });
  }
  if (existing) print(console, `the slot was backed up before; this is that snapshot`);
  const quarantined: [string, string][] =
    manifest.quarantine === undefined
      ? []
      : [
          ["QUARANTINED", `${manifest.quarantine.reasons.join("; ")}: kept, and never taken for a good backup`],
          ...furtherCopies.map((each): [string, string] => [
            "further copy",
            `${each.manifest.cluster}/${each.manifest.id} from ${each.manifest.etcd.source.name}`,
          ]),
        ];
  const took = Object.values(phases).reduce((sum, ms) => sum + ms, 0);
  print(
    console,
    formatFields([
      ["snapshot", `${manifest.cluster}/${manifest.id}`],
      ["from", `${source.name} (${source.endpoint}, etcd ${source.version})`],
      ["revision", describeRevision(manifest)],
      ["keys", describeKeys(manifest)],
      ["database", formatBytes(databaseBytes)],
      ["stored", `${formatBytes(manifest.stored.bytes)} (${((100 * manifest.stored.bytes) / databaseBytes).toFixed(0)} %)`],
      ["proof", explainProof(manifest)],
      ...quarantined,
      ["manifest", manifestDigest],
      ["custody", describeReceipt(custody)],
      ["took", formatMilliseconds(took)],
    ]),
  );
}
