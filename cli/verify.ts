import { parseDuration } from "../shared/config/durations.ts";
import { LifeboatError } from "../shared/errors.ts";
import { readBack, verifyDeep, verifyShallow } from "../shared/jobs/verify/verify.ts";
import { REF_HELP } from "./command.ts";
import type { Register } from "./command.ts";
import { printDone, printJson, note } from "./console.ts";
import { FROM_FLAG, FROM_HELP, orPointToReplica } from "./from-replica.ts";
import { ConsoleProgress } from "./progress-bar.ts";
import { requireCluster } from "./require-cluster.ts";
import { debugLacks } from "./goodness.ts";
import { checkedJson, nameOf, notGood, textOf } from "./verified.ts";
import type { Verified } from "./verified.ts";
import { verifyAllMissing } from "./verify-missing.ts";

interface Options {
  readonly deep?: boolean;
  readonly missing?: boolean;
  readonly within?: string;
  readonly from?: string;
}

/** `lifeboat verify`. */
export const registerVerify: Register = (program, run) => {
  program
    .command("verify")
    .summary("check that a snapshot is what was signed")
    .description(
      "Check a snapshot: its signature, the trust in the key, and that the data is there with the right size and checksum. With --deep, also read and decrypt all of the data, check every digest and etcd's trailer, and countersign the snapshot. Only a countersigned snapshot can be good. With --deep the exit code is 6 if all checks pass but the snapshot is unproven or in quarantine.",
    )
    .argument("<ref>", "which snapshot; with --missing, which cluster")
    .option("--deep", "read, decrypt and countersign")
    .option("--missing", "verify every snapshot of a cluster that has no countersignature, as --deep does, newest first")
    .option("--within <duration>", "with --missing: only snapshots no older than this, such as 7d")
    .option(FROM_FLAG, `${FROM_HELP}; nothing is countersigned`)
    .addHelpText("after", `${REF_HELP}\n\nExample:\n  $ lifeboat verify prod/latest --deep\n  $ lifeboat verify prod --missing --within 7d`)
    .action((ref: string, options: Options) =>
      run(async (session) => {
        const withinMs = parseWithin(options);
        const progress = new ConsoleProgress(session.console);
        const ports = await session.openPorts("nothing", options.from);
        const { signal } = session.console;
        if (options.missing === true) {
          await requireCluster(session, ports.blobs, ref);
          return verifyAllMissing(session, { ...ports, progress }, ref, withinMs).finally(() => progress.close());
        }
        const verify = options.deep !== true ? verifyShallow : options.from === undefined ? verifyDeep : readBack;
        const words = (name: string): readonly string[] => ["verify", name, ...(options.deep === true ? ["--deep"] : [])];
        const result: Verified = await orPointToReplica(session, ports, { ref, from: options.from, words }, () =>
          verify({ ...ports, progress }, ref, signal),
        ).finally(() => progress.close());
        const { countersignature, index, custody, opened, confirmed, confirmation, lineageFindings = [] } = result;
        debugLacks(session.console.debug, nameOf(result), result.lacks);
        if (session.json) {
          printJson(session.console, "verify", {
            ...checkedJson(result),
            level: options.deep === true ? "deep" : "shallow",
            countersignature: countersignature ?? null,
            index: index ?? null,
            confirmed: confirmed ?? null,
            confirmation: confirmation ?? null,
            custody: custody ?? null,
            lineageFindings: result.lineageFindings ?? null,
            opened: opened ?? null,
            from: options.from ?? null,
          });
        } else {
          printDone(session.console, textOf(result, howToRead(result, options)));
        }
        for (const { message } of lineageFindings) note(session.console, `warning: ${message}`);
        const isBad = countersignature !== undefined && result.lacks.length > 0;
        if (isBad && session.console.quiet === true) note(session.console, `warning: ${notGood(result)}`);
        return isBad || lineageFindings.length > 0 ? 6 : 0;
      }),
    );
};

/** Of a verification that left nothing: how the store's own is read and countersigned. */
function howToRead(result: Verified, { deep, from }: Options): string {
  return deep === true
    ? `read back from the replica ${from}; nothing was countersigned: lifeboat verify ${nameOf(result)} --deep reads the store's own and does`
    : "not read back: --deep does, and countersigns";
}

function parseWithin({ missing, within, from }: Options): number | undefined {
  if (missing === true && from !== undefined)
    throw new LifeboatError("usage", "--missing and --from exclude each other: what is read from a replica is not countersigned", {
      hint: "leave one of the two out",
    });
  if (within === undefined) return undefined;
  if (missing !== true)
    throw new LifeboatError("usage", "--within is for --missing", { hint: "lifeboat verify CLUSTER --missing --within 7d" });
  const ms = parseDuration(within);
  if (ms !== undefined) return ms;
  throw new LifeboatError("usage", `--within "${within}" is not a duration`, { hint: "give one such as 36h or 7d" });
}
