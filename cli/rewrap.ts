import { rewrap } from "../shared/jobs/rewrap.ts";
import type { Rewrapped } from "../shared/jobs/rewrap.ts";
import { manifestKey } from "../shared/documents/layout.ts";
import type { Register } from "./command.ts";
import { print, printLongJson, note, widthOf } from "./console.ts";
import { formatTable } from "./format.ts";
import { ConsoleProgress } from "./progress-bar.ts";
import { summarize } from "./summary.ts";
import { requireCluster } from "./require-cluster.ts";
import { keepMemorySteady } from "./steady-memory.ts";

const OUTCOMES: Readonly<Record<Rewrapped["outcome"], string>> = {
  already: "under it already",
  "would-rewrap": "would be rewrapped",
  rewrapped: "rewrapped",
  failed: "FAILED",
  "not-sealed": "has no key of its own",
};

/** `lifeboat rewrap`. */
export const registerRewrap: Register = (program, run) => {
  program
    .command("rewrap")
    .summary("make stored snapshots readable with the current wrapping keys")
    .description(
      "Make every stored snapshot readable with the current wrapping keys of the store and its replicas. Run it after you replaced a wrapping key and before you delete the old one, or after you added a replica with its own key. Only the small key of each snapshot is encrypted again, into a signed document beside its manifest; data and manifests are not changed. Needs the audit key, and a key that opens the snapshots now. After an interruption, run it again: it continues where it stopped. The exit code is 6 if a snapshot could not be opened.",
    )
    .argument("[cluster]", "only this cluster's snapshots")
    .option("--dry-run", "show what would be done, and change nothing")
    .addHelpText("after", "\nExample:\n  $ lifeboat rewrap --dry-run")
    .action((cluster: string | undefined, options: { readonly dryRun?: boolean }) =>
      run(async (session) => {
        keepMemorySteady();
        const ports = await session.openPorts();
        await requireCluster(session, ports.blobs, cluster);
        const progress = new ConsoleProgress(session.console);
        const dryRun = options.dryRun === true;
        const { wrappingKey, replicaKeys, snapshots, shared, bad } = await rewrap(
          { ...ports, progress },
          { cluster, dryRun, signal: session.console.signal },
        ).finally(() => progress.close());
        if (session.json) {
          await printLongJson(session.console, "rewrap", {
            wrappingKey,
            replicaKeys,
            dryRun,
            repository:
              shared === undefined
                ? null
                : { key: shared.key, under: shared.under, breakGlass: shared.breakGlass, outcome: shared.outcome },
            snapshots: snapshots.map(({ cluster: of, id, under, outcome, key, error }) => ({
              ref: `${of}/${id}`,
              under,
              outcome,
              key: key ?? null,
              error: error?.message ?? null,
            })),
            unbelieved: bad.map(({ key, error }) => ({ key, reason: error.message })),
          });
        } else {
          print(session.console, `wrapping key: ${wrappingKey}`);
          for (const key of replicaKeys) print(session.console, `of a replica: ${key}`);
          if (shared !== undefined)
            print(
              session.console,
              `password of the Kopia repository (${shared.key}): ${OUTCOMES[shared.outcome]}, wrapped under ${shared.under.join(", ")}`,
            );
          const rows = snapshots.map(({ cluster: of, id, outcome, under }) => [`${of}/${id}`, OUTCOMES[outcome], under.join(", ")]);
          if (rows.length === 0) print(session.console, "no snapshots");
          else print(session.console, formatTable(["SNAPSHOT", "", "WRAPPED UNDER"], rows, { width: widthOf(session.console.stdout) }));
        }
        const passedOver = snapshots.flatMap(({ cluster: of, id, error }) =>
          error === undefined
            ? []
            : [{ subject: `${of}/${id}`, key: manifestKey(of, id), code: error.code, message: `passed over: ${error.message}` }],
        );
        const unbelieved = bad.map(({ key, error }) => ({
          subject: key,
          key,
          code: error.code,
          message: `not believed: ${error.message}`,
        }));
        for (const line of summarize([...passedOver, ...unbelieved])) note(session.console, `warning: ${line}`);
        return bad.length > 0 || snapshots.some(({ outcome }) => outcome === "failed") ? 6 : 0;
      }),
    );
};
