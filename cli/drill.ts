import { tmpdir } from "node:os";
import { drillJson } from "../shared/jobs/drill/document.ts";
import { drill } from "../shared/jobs/drill/drill.ts";
import type { DrillResult } from "../shared/jobs/drill/drill.ts";
import { drillPorts } from "../shared/wire/drill.ts";
import { refOf } from "./bundle-options.ts";
import { REF_HELP } from "./command.ts";
import type { Register } from "./command.ts";
import { note, print, printJson } from "./console.ts";
import { describeReceipt } from "./describe.ts";
import type { ExitCode } from "./exit-codes.ts";
import { noteFailure } from "./failure.ts";
import { formatBytes, formatFields, formatMilliseconds, formatTable, printable } from "./format.ts";
import { reasonsIn } from "./goodness.ts";
import { ConsoleProgress } from "./progress-bar.ts";

/** `lifeboat drill`. */
export const registerDrill: Register = (program, run) => {
  program
    .command("drill")
    .summary("rehearse a restore, and leave signed evidence of it")
    .description(
      "Restore a snapshot on this machine in the way of a disaster: by a bundle for a key that is thrown away, its own restore.sh, and an etcd on loopback. HashKV must be what the manifest has; restored once more with the revision bumped it must have the same keys and values. Each step is timed. The evidence is signed with the audit key, also of a drill that failed. Nothing is left here: not after Ctrl-C, and not after kill -9. Meanwhile the snapshot lies unencrypted in the working folder, which is this user's alone. Linux only; it needs an etcd of the cluster's minor.",
    )
    .argument("[ref]", "which snapshot, or a cluster: its newest good one (default: that of the only cluster)")
    .option("--work <folder>", "where to restore to (default: the system's folder for temporary files)")
    .addHelpText("after", `${REF_HELP}\n\nExample:\n  $ lifeboat drill prod --work /var/lib/drills`)
    .action((typed: string | undefined, { work }: { readonly work?: string }) =>
      run(async (session) => {
        const { console, surroundings } = session;
        const loaded = await session.loadConfig();
        const ref = refOf(loaded, typed);
        const progress = new ConsoleProgress(console);
        const ports = drillPorts(loaded, await session.openPorts(), surroundings, progress);
        const request = { ref, work: work === undefined ? tmpdir() : session.resolvePath(work), signal: console.signal };
        const result = await drill(ports, request).finally(() => progress.close());
        if (session.json) printJson(console, "drill", drillJson(result));
        else print(console, textOf(result));
        return exitCodeAfter(
          result,
          (error) => noteFailure(console, error).exitCode,
          (text) => note(console, text),
        );
      }),
    );
};

function exitCodeAfter(
  { found, failure, notCompared }: DrillResult,
  tell: (error: unknown) => ExitCode,
  warn: (text: string) => void,
): ExitCode {
  const { manifest, lacks } = found;
  if (lacks.length > 0) warn(`warning: ${manifest.cluster}/${manifest.id} is not good: ${printable(reasonsIn(lacks))}`);
  if (failure !== undefined) return tell(failure.error);
  return notCompared.length > 0 ? 6 : 0;
}

function textOf({
  found,
  outcome,
  failure,
  steps,
  etcdVersion,
  hashKv,
  notCompared,
  keys,
  sample,
  bumpedRevision,
  payloadBytes,
  evidence,
  custody,
}: DrillResult): string {
  const { cluster, id, snapshot } = found.manifest;
  const name = `${cluster}/${id}`;
  const total = steps.reduce((sum, { ms }) => sum + ms, 0);
  const headline =
    failure === undefined ? `${name} was restored, and is what its manifest says` : `the drill of ${name} FAILED at ${failure.step}`;
  const compared = hashKv === undefined ? "-" : `${hashKv.hash} at revision ${hashKv.revision}`;
  const fields: [string, string][] = [
    ["outcome", outcome],
    [
      "snapshot",
      `${formatBytes(snapshot.bytes)}, ${payloadBytes === undefined ? "not fetched" : `fetched as ${formatBytes(payloadBytes)}`}`,
    ],
    ["etcd", etcdVersion ?? "-"],
    ["HashKV", compared],
    ...notCompared.map((reason): [string, string] => ["not compared", printable(reason)]),
    ["keys", keys === undefined ? "-" : String(keys)],
    ["objects", sample === undefined ? "-" : `${sample.objects} of ${sample.values} read`],
    ["with the bump", bumpedRevision === undefined ? "-" : `the same keys and values at revision ${bumpedRevision}`],
    ["evidence", evidence],
    ["custody", describeReceipt(custody)],
  ];
  const table = formatTable(
    ["STEP", "TIME"],
    [...steps.map(({ name: step, ms }) => [step, formatMilliseconds(ms)]), ["total", formatMilliseconds(total)]],
  );
  return `${headline}\n\n${formatFields(fields)}\n\n${table}`;
}
