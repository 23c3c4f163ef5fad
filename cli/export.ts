import { restoreWarnings } from "../shared/manifest/attention.ts";
import { exportSnapshot } from "../shared/jobs/export.ts";
import { standingOf } from "../shared/jobs/lineage-standing.ts";
import { readIdentityFile, requireFree, unfinishedOutputs, writeOutput } from "../shared/wire.ts";
import { REF_HELP } from "./command.ts";
import type { Register } from "./command.ts";
import { print, printJson, tell } from "./console.ts";
import { formatBytes, printable } from "./format.ts";
import { attentionJson } from "./lineages.ts";
import { ConsoleProgress } from "./progress-bar.ts";

/** `lifeboat export`. */
export const registerExport: Register = (program, run) => {
  program
    .command("export")
    .summary("write a snapshot to a file, as etcdutl takes it")
    .description(
      "Fetch, decrypt and check a snapshot, and write it to a file (mode 0600) that etcdutl snapshot restore accepts with its hash check. The file appears only when it is whole; nothing is overwritten.",
    )
    .argument("<ref>", "which snapshot")
    .requiredOption("--out <file>", "the file to make")
    .option("--identity <file>", "open it with the identities in this age identity file (break-glass) in place of the configured keys")
    .addHelpText(
      "after",
      `${REF_HELP}\n\nExample:\n  $ lifeboat export prod/latest --out snapshot.db\n  $ etcdutl snapshot restore snapshot.db --data-dir restored`,
    )
    .action((ref: string, options: { readonly out: string; readonly identity?: string }) =>
      run(async (session) => {
        const out = session.resolvePath(options.out);
        await requireFree(out);
        for (const left of await unfinishedOutputs(out))
          tell(
            session.console,
            `warning: ${printable(left)} is left of an export that was killed, unless that still runs: it holds secrets of a cluster unencrypted; delete it`,
          );
        const identities =
          options.identity === undefined ? undefined : await readIdentityFile(session.resolvePath(options.identity), options.identity);
        const progress = new ConsoleProgress(session.console);
        const ports = await session.openPorts();
        const { manifest } = await exportSnapshot(
          { ...ports, progress },
          { ref, identities, signal: session.console.signal, write: (bytes) => writeOutput(out, bytes) },
        ).finally(() => progress.close());
        const standing = await standingOf(ports, manifest.cluster, manifest.lineage, session.console.signal);
        const { bytes, sha256 } = manifest.snapshot;
        const name = `${manifest.cluster}/${manifest.id}`;
        for (const words of restoreWarnings(manifest)) tell(session.console, `warning: ${words}`);
        const { version: etcdVersion } = manifest.etcd.source;
        const lineageAttention = attentionJson(manifest.cluster, standing);
        if (session.json) printJson(session.console, "export", { ref: name, file: out, bytes, sha256, etcdVersion, lineageAttention });
        else
          print(
            session.console,
            `wrote ${options.out}: ${name}, ${formatBytes(bytes)}, ${sha256}\nIt holds every secret of the cluster unencrypted: delete it when it is no longer needed.`,
          );
        if (standing.warning !== undefined) tell(session.console, `warning: ${standing.warning}`);
        return 0;
      }),
    );
};
