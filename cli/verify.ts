import { readBack, verifyDeep, verifyShallow } from "../shared/jobs/verify.ts";
import { REF_HELP } from "./command.ts";
import type { Register } from "./command.ts";
import { printDone, printJson, tell } from "./console.ts";
import { describeReceipt } from "./describe.ts";
import { FROM_FLAG, FROM_HELP, orPointToReplica } from "./from-replica.ts";
import { ConsoleProgress } from "./progress-bar.ts";

/** `lifeboat verify`. */
export const registerVerify: Register = (program, run) => {
  program
    .command("verify")
    .summary("check that a snapshot is what was signed")
    .description(
      "Check a snapshot's signature, trust, presence, size and the store's checksum. With --deep read all of it, decrypt it, check every digest and etcd's trailer, and countersign it: only then it counts as good.",
    )
    .argument("<ref>", "which snapshot")
    .option("--deep", "read, decrypt and countersign")
    .option(FROM_FLAG, `${FROM_HELP}: nothing is countersigned then`)
    .addHelpText("after", `${REF_HELP}\n\nExample:\n  $ lifeboat verify prod/latest --deep`)
    .action((ref: string, options: { readonly deep?: boolean; readonly from?: string }) =>
      run(async (session) => {
        const progress = new ConsoleProgress(session.console);
        const verify = options.deep !== true ? verifyShallow : options.from === undefined ? verifyDeep : readBack;
        const ports = await session.openPorts("nothing", options.from);
        const words = (name: string): readonly string[] => ["verify", name, ...(options.deep === true ? ["--deep"] : [])];
        const result = await orPointToReplica(session, ports, { ref, from: options.from, words }, () =>
          verify({ ...ports, progress }, ref, session.console.signal),
        ).finally(() => progress.close());
        const { manifest, digest, checks, countersignature, custody, opened, lineageFindings } = result;
        const name = `${manifest.cluster}/${manifest.id}`;
        if (session.json) {
          printJson(session.console, "verify", {
            ref: name,
            good: true,
            level: options.deep === true ? "deep" : "shallow",
            checks,
            manifestDigest: digest,
            countersignature: countersignature ?? null,
            custody: custody ?? null,
            lineageFindings: lineageFindings ?? null,
            opened: opened ?? null,
            from: options.from ?? null,
          });
        } else {
          printDone(session.console, `${name} is good: ${checks.join(", ")}`);
          printDone(
            session.console,
            countersignature !== undefined
              ? `countersigned: ${countersignature}`
              : options.deep === true
                ? `read back from the replica ${options.from}; nothing was countersigned: lifeboat verify ${name} --deep reads the store's own and does`
                : "not read back: --deep does, and countersigns",
          );
          if (custody !== undefined) printDone(session.console, `custody: ${describeReceipt(custody)}`);
        }
        for (const { message } of lineageFindings ?? []) tell(session.console, `warning: ${message}`);
        return (lineageFindings ?? []).length > 0 ? 6 : 0;
      }),
    );
};
