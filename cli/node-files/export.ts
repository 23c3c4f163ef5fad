import type { Command } from "commander";
import { openSet } from "../../shared/jobs/node-files/open-set.ts";
import { readIdentityFile } from "../../shared/wire/identities.ts";
import { nodeFilesPorts } from "../../shared/wire/node-files.ts";
import { requireFree, writeOutput } from "../../shared/wire/output.ts";
import type { Run } from "../command.ts";
import { note, printDone, printJson } from "../console.ts";
import { formatBytes, printable } from "../format.ts";
import { findSet, SET_HELP } from "./find-set.ts";
import { noteFaults, refOf, setJson } from "./set-fields.ts";

/** `lifeboat node-files export`. */
export function addExport(nodeFiles: Command, run: Run): void {
  nodeFiles
    .command("export")
    .summary("write the files of a set, unencrypted, as a tar")
    .description(
      "Fetch, decrypt and check a set, and write its tar to a file (mode 0600): for whoever lost /etc/kubernetes and has no restore bundle. The file appears only when it is complete. Nothing is overwritten. Needs the key that opens snapshots, or a break-glass identity.",
    )
    .argument("<set>", "which set")
    .requiredOption("--out <file>", "the tar to write")
    .option("--identity <file>", "decrypt with this age identity file (break-glass) instead of the configured keys")
    .addHelpText("after", `${SET_HELP}\n\nExample:\n  $ lifeboat node-files export prod/node-a --out node-a.tar\n  $ tar -tvf node-a.tar`)
    .action((ref: string, options: { readonly out: string; readonly identity?: string }) =>
      run(async (session) => {
        const { console, json } = session;
        const file = session.resolvePath(options.out);
        await requireFree(file);
        const identities =
          options.identity === undefined ? undefined : await readIdentityFile(session.resolvePath(options.identity), options.identity);
        const ports = await nodeFilesPorts(await session.loadConfig(), session.surroundings, await session.openPorts());
        const { found, faults } = await findSet(ports, ref, console.signal);
        const plaintext = await openSet(ports, found, { identities, signal: console.signal });
        await writeOutput(file, plaintext());
        const tarBytes = found.document.tar.bytes;
        if (json) printJson(console, "node-files", { ...setJson(found), file, tarBytes });
        else
          printDone(
            console,
            `wrote ${printable(options.out)}: ${refOf(found.document)}, ${formatBytes(tarBytes)}\nIt holds the cluster's private keys unencrypted: delete it when it is no longer needed.`,
          );
        if (faults.length > 0) note(console, `warning: a newer set is not believed, and ${refOf(found.document)} was taken`);
        return noteFaults(console, faults);
      }),
    );
}
