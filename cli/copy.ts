import { findReplica } from "../shared/config/find-replica.ts";
import { copySnapshot } from "../shared/jobs/copy/snapshot.ts";
import { copyingPurpose } from "../shared/jobs/copy/purpose.ts";
import { resolveRef } from "../shared/vault/ref.ts";
import { REF_HELP } from "./command.ts";
import type { Register } from "./command.ts";
import { printDone, printJson, note } from "./console.ts";
import { describeReceipt } from "./describe.ts";
import { formatBytes } from "./format.ts";
import { ConsoleProgress } from "./progress-bar.ts";

/** `lifeboat copy`. */
export const registerCopy: Register = (program, run) => {
  program
    .command("copy")
    .summary("copy a snapshot to a replica")
    .description(
      "Copy a snapshot to a replica, byte for byte. Every object is checked on arrival, and the manifest is written last. Countersignatures, rewraps, pins, lineages and the custody log are copied too. After an interruption, run the command again: it copies what is missing and checks what is there. The exit code is 6 if something in the replica differs.",
    )
    .argument("<ref>", "which snapshot")
    .requiredOption("--to <replica>", "name of a replica in the configuration")
    .addHelpText("after", `${REF_HELP}\n\nExample:\n  $ lifeboat copy prod/latest --to offsite`)
    .action((ref: string, options: { readonly to: string }) =>
      run(async (session) => {
        const ports = await session.openPorts("replicas");
        const replica = findReplica(ports.replicas, options.to);
        const found = await resolveRef(ports, ref, session.console.signal);
        const purpose = await copyingPurpose(ports);
        const progress = new ConsoleProgress(session.console);
        const { outcome, documents, conflicts, custody } = await copySnapshot({ ...ports, progress }, found, replica, {
          purpose,
          signal: session.console.signal,
        }).finally(() => progress.close());
        const { cluster, id, stored } = found.manifest;
        const name = `${cluster}/${id}`;
        const { location } = replica.blobs;
        if (session.json) {
          const document = { ref: name, replica: replica.name, location, outcome, documents, conflicts, manifestDigest: found.digest };
          printJson(session.console, "copy", { ...document, custody: custody ?? null });
        } else {
          const what = outcome === "copied" ? `copied (${formatBytes(stored.bytes)})` : "there already, and whole";
          printDone(session.console, `${name} is in ${replica.name}: ${what}, with ${documents} more documents, in ${location}`);
          if (custody !== undefined) printDone(session.console, `custody: ${describeReceipt(custody)}`);
        }
        for (const conflict of conflicts) note(session.console, `warning: ${conflict}`);
        return conflicts.length > 0 ? 6 : 0;
      }),
    );
};
