import { restoreWarnings } from "../shared/documents/attention.ts";
import { exportSnapshot } from "../shared/jobs/inspect/export.ts";
import { LifeboatError } from "../shared/errors.ts";
import { standingOf } from "../shared/vault/lineage/standing.ts";
import { readIdentityFile } from "../shared/wire/identities.ts";
import { removeUnfinished, requireFree, unfinishedOutputs, writeOutput, writeStream } from "../shared/wire/output.ts";
import { FROM_FLAG, FROM_HELP, orPointToReplica } from "./from-replica.ts";
import { REF_HELP } from "./command.ts";
import type { Register, Session } from "./command.ts";
import { printDone, printJson, note } from "./console.ts";
import { formatBytes, formatTime, printable } from "./format.ts";
import { goodJson, reasonsIn } from "./goodness.ts";
import { attentionJson } from "./lineages.ts";
import { ConsoleProgress } from "./progress-bar.ts";

/** `lifeboat export`. */
export const registerExport: Register = (program, run) => {
  program
    .command("export")
    .summary("write a snapshot to a file for etcdutl snapshot restore")
    .description(
      "Fetch, decrypt and check a snapshot, and write it to a file (mode 0600) for etcdutl snapshot restore, which checks its hash. The file appears only when it is complete. Nothing is overwritten. CLUSTER/good gives the newest good snapshot, and CLUSTER@TIME the newest good one up to that time. With any other ref, a snapshot that is not good is refused.",
    )
    .argument("<ref>", "which snapshot")
    .requiredOption("--out <file>", "the file to write; - for standard output: use those bytes only if the exit code is 0")
    .option("--unverified", "accept a snapshot that is not good; the ref must be CLUSTER/ID")
    .option("--identity <file>", "decrypt with this age identity file (break-glass) instead of the configured keys")
    .option(FROM_FLAG, FROM_HELP)
    .addHelpText(
      "after",
      `${REF_HELP}\n\nExample:\n  $ lifeboat export prod/good --out snapshot.db\n  $ etcdutl snapshot restore snapshot.db --data-dir restored`,
    )
    .action(
      (ref: string, options: { readonly out: string; readonly identity?: string; readonly unverified?: boolean; readonly from?: string }) =>
        run(async (session) => {
          const output = options.out === "-" ? await toStdout(session) : await toFile(session, options.out);
          const identities =
            options.identity === undefined ? undefined : await readIdentityFile(session.resolvePath(options.identity), options.identity);
          const progress = new ConsoleProgress(session.console);
          const ports = await session.openPorts("nothing", options.from);
          const identity = options.identity === undefined ? [] : ["--identity", options.identity];
          const unverified = options.unverified === true ? ["--unverified"] : [];
          const words = (name: string): readonly string[] => ["export", name, "--out", options.out, ...identity, ...unverified];

          const { manifest, lacks, passedOver } = await orPointToReplica(session, ports, { ref, from: options.from, words }, () =>
            exportSnapshot(
              { ...ports, progress },
              { ref, unverified: options.unverified, identities, signal: session.console.signal, write: output.write },
            ),
          ).finally(() => progress.close());
          const standing = await standingOf(ports, manifest.cluster, manifest.lineage, session.console.signal);
          const { bytes, sha256 } = manifest.snapshot;
          const name = `${manifest.cluster}/${manifest.id}`;
          for (const warning of restoreWarnings(manifest)) note(session.console, `warning: ${warning}`);
          const { version: etcdVersion } = manifest.etcd.source;
          const takenAt = manifest.startedAt;
          const lineageAttention = attentionJson(manifest.cluster, standing);
          const description = `${name}, taken ${formatTime(takenAt)}, ${formatBytes(bytes)}, ${sha256}\nIt holds every secret of the cluster unencrypted: delete it when it is no longer needed.`;
          const from = options.from ?? null;
          const goodness = goodJson(lacks);
          if (output.file === undefined) {
            if (session.console.quiet !== true) note(session.console, `wrote to standard output: ${description}`);
          } else if (session.json)
            printJson(session.console, "export", {
              ref: name,
              file: output.file,
              bytes,
              sha256,
              etcdVersion,
              takenAt,
              ...goodness,
              lineageAttention,
              from,
            });
          else printDone(session.console, `wrote ${options.out}: ${description}`);
          for (const { id, reason } of passedOver)
            note(session.console, `warning: ${manifest.cluster}/${id} was skipped: ${printable(reason)}`);
          if (lacks.length > 0) note(session.console, `warning: ${name} is not good: ${printable(reasonsIn(lacks))}`);
          if (standing.warning !== undefined) note(session.console, `warning: ${standing.warning}`);
          return 0;
        }),
    );
};

interface Output {
  /** Absolute; undefined for standard output. */
  readonly file: string | undefined;
  readonly write: (bytes: AsyncIterable<Uint8Array>) => Promise<void>;
}

/** Where it is to be a file: what dead exports of that name left is removed first. */
async function toFile(session: Session, path: string): Promise<Output> {
  const { console } = session;
  const file = session.resolvePath(path);
  await requireFree(file);
  for (const left of await unfinishedOutputs(file, console.clock.now())) {
    const name = printable(left.path);
    if (left.isDead === true && (await removeUnfinished(left))) note(console, `removed ${name}, left by a killed export`);
    else if (left.isDead === false) note(console, `${name} is being written by another export`);
    else
      note(
        console,
        `warning: ${name} was left by a killed export, unless that export still runs: it holds secrets of a cluster unencrypted; delete it`,
      );
  }
  return { file, write: (bytes) => writeOutput(file, bytes) };
}

/** The bytes go out before the last digest is checked: what a failed run wrote must not be used. */
async function toStdout({ console, json }: Session): Promise<Output> {
  if (json)
    throw new LifeboatError("usage", "--json and --out - would both print on standard output", {
      hint: "leave --json out: lifeboat show REF --json has the same facts",
    });
  if (console.stdout.isTTY === true)
    throw new LifeboatError("usage", "standard output is a terminal, and a snapshot is binary and holds every secret of the cluster", {
      hint: "redirect it into a program or file, or name a file; a file named - is ./-",
    });
  let isBegun = false;
  const write = async (bytes: AsyncIterable<Uint8Array>): Promise<void> => {
    async function* noticed(): AsyncGenerator<Uint8Array, void, undefined> {
      for await (const chunk of bytes) {
        isBegun = true;
        yield chunk;
      }
    }
    try {
      await writeStream(console.stdout, noticed(), { name: "standard output", signal: console.signal });
    } catch (error) {
      if (isBegun) note(console, "standard output got only part of the snapshot: delete it");
      throw error;
    }
  };
  return { file: undefined, write };
}
