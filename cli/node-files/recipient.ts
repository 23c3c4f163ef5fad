import type { Command } from "commander";
import { useIntake } from "../../shared/jobs/node-files/intake.ts";
import type { IntakeInUse } from "../../shared/jobs/node-files/intake.ts";
import { collectScript, nodeFilesPorts } from "../../shared/wire/node-files.ts";
import { FolderDraft } from "../../shared/wire/output.ts";
import type { Run, Session } from "../command.ts";
import { note, print, printJson } from "../console.ts";
import { describeReceipt } from "../describe.ts";
import { printable } from "../format.ts";
import { ConsoleProgress } from "../progress-bar.ts";
import { requireCluster } from "../require-cluster.ts";

/** `lifeboat node-files recipient`. */
export function addRecipient(nodeFiles: Command, run: Run): void {
  nodeFiles
    .command("recipient")
    .summary("print what the nodes of a cluster encrypt to; make it where there is none")
    .description(
      "Print the age recipient that collect.sh encrypts the files of a cluster's nodes to. Where the cluster has none, an identity is made for it, wrapped under the wrapping key and for break-glass, and signed with the audit key. The recipient is no secret, but whoever exchanges it reads what is collected from then on: bring it to the nodes yourself.",
    )
    .argument("<cluster>", "whose nodes")
    .option("--new", "make another one: sets that are encrypted to older ones go on opening")
    .option("--out <folder>", "also write the recipient and collect.sh into this new folder, for the nodes")
    .addHelpText("after", "\nExample:\n  $ lifeboat node-files recipient prod --out for-nodes")
    .action((cluster: string, options: { readonly new?: boolean; readonly out?: string }) =>
      run(async (session) => {
        const { console, json } = session;
        const ports = await nodeFilesPorts(await session.loadConfig(), session.surroundings, await session.openPorts());
        await requireCluster(session, ports.blobs, cluster);
        // Before anything is made: nothing is overwritten.
        await using folder = options.out === undefined ? undefined : await FolderDraft.begin(session.resolvePath(options.out));
        const progress = new ConsoleProgress(console);
        const used = await useIntake({ ...ports, progress }, { cluster, renew: options.new === true, signal: console.signal }).finally(() =>
          progress.close(),
        );
        const files = folder === undefined ? [] : await writeFiles(session, folder, used);
        if (json) printJson(console, "node-files", toJson(cluster, used, files));
        else {
          // Alone on standard output, for a script.
          print(console, used.found.intake.recipient);
          for (const line of about(used, files)) note(console, line);
        }
        for (const { message } of used.faults) note(console, `warning: ${printable(message)}`);
        if (ports.breakGlass.length === 0 && used.outcome === "made")
          note(console, "warning: no breakGlass is configured: without the wrapping key nobody opens what is collected");
        return used.faults.length > 0 ? 6 : 0;
      }),
    );
}

const SCRIPT = "collect.sh";

async function writeFiles({ console }: Session, folder: FolderDraft, { found }: IntakeInUse): Promise<readonly string[]> {
  const { cluster, recipient } = found.intake;
  const files = [
    { name: `${cluster}.recipient`, bytes: [Buffer.from(`${recipient}\n`)] },
    { name: SCRIPT, bytes: [await collectScript()] },
  ];
  for (const file of files) await folder.add(file, console.signal, () => undefined);
  await folder.finish();
  return files.map(({ name }) => name);
}

function about({ outcome, found, before, custody }: IntakeInUse, files: readonly string[]): readonly string[] {
  const instead = before === undefined ? "" : `, in place of ${before.intake.number}: give it to every node`;
  const made = outcome === "made" ? [`made intake ${found.intake.number}${instead}`, `custody: ${describeReceipt(custody)}`] : [];
  return [...made, ...(files.length === 0 ? [] : [`wrote ${files.join(" and ")}`])];
}

function toJson(cluster: string, { outcome, found, before, custody, faults }: IntakeInUse, files: readonly string[]) {
  const { intake, key } = found;
  return {
    cluster,
    outcome,
    recipient: intake.recipient,
    number: intake.number,
    createdAt: intake.createdAt,
    wrappedUnder: intake.wrappings.map((each) => each.key),
    breakGlass: intake.breakGlass?.recipients ?? [],
    previous: before?.intake.number ?? null,
    files,
    key,
    custody: custody ?? null,
    unbelieved: faults.map(({ code, message }) => ({ code, message })),
  };
}
