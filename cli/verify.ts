import { verifyDeep, verifyShallow } from "../shared/jobs/verify.ts";
import { REF_HELP } from "./command.ts";
import type { Register } from "./command.ts";
import { print, printJson, tell } from "./console.ts";
import { describeReceipt } from "./describe.ts";
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
    .addHelpText("after", `${REF_HELP}\n\nExample:\n  $ lifeboat verify prod/latest --deep`)
    .action((ref: string, options: { readonly deep?: boolean }) =>
      run(async (session) => {
        const progress = new ConsoleProgress(session.console);
        const verify = options.deep === true ? verifyDeep : verifyShallow;
        const ports = await session.openPorts();
        const result = await verify({ ...ports, progress }, ref, session.console.signal).finally(() => progress.close());
        const { manifest, digest, checks, countersignature, custody, lineageFindings } = result;
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
          });
        } else {
          print(session.console, `${name} is good: ${checks.join(", ")}`);
          print(
            session.console,
            countersignature === undefined ? "not read back: --deep does, and countersigns" : `countersigned: ${countersignature}`,
          );
          if (custody !== undefined) print(session.console, `custody: ${describeReceipt(custody)}`);
        }
        for (const { message } of lineageFindings ?? []) tell(session.console, `warning: ${message}`);
        return (lineageFindings ?? []).length > 0 ? 6 : 0;
      }),
    );
};
