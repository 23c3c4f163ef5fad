import type { SnapshotStatus } from "../shared/jobs/inspect/status.ts";
import { REF_HELP } from "./command.ts";
import type { Register } from "./command.ts";
import { FROM_FLAG, FROM_HELP } from "./from-replica.ts";
import { print, printJson, note, widthOf } from "./console.ts";
import { printable } from "./format.ts";
import { ConsoleProgress } from "./progress-bar.ts";
import { statusJson } from "./status-json.ts";
import { statusText } from "./status-text.ts";
import { withSnapshot } from "./with-snapshot.ts";

/** `lifeboat status`. */
export const registerStatus: Register = (program, run) => {
  program
    .command("status")
    .summary("show what is in a snapshot, and whether it is whole")
    .description(
      "Show what is in a stored snapshot or in a snapshot file: what etcdutl snapshot status prints, etcd's trailer, the page tree, HashKV, keys by resource, and what takes the most space. A file needs no configuration. The exit code is 4 if the trailer or the page tree is wrong.",
    )
    .argument("<ref|file>", "which snapshot")
    .option(FROM_FLAG, FROM_HELP)
    .addHelpText(
      "after",
      `${REF_HELP}\nIf a file of that name exists, the file is read.\n\nExample:\n  $ lifeboat status snapshot.db\n  $ lifeboat status prod/latest`,
    )
    .action((what: string, { from }: { readonly from?: string }) =>
      run(async (session) => {
        const progress = new ConsoleProgress(session.console);
        const words = (name: string): readonly string[] => ["status", name];
        const status = await withSnapshot(session, { what, from, progress, words }, async (input) => {
          const { snapshotStatus } = await import("../shared/jobs/inspect/status.ts");
          return snapshotStatus(input, progress, session.console.signal);
        }).finally(() => progress.close());
        if (session.json) printJson(session.console, "status", statusJson(status));
        else print(session.console, statusText(status, widthOf(session.console.stdout)));
        const faults = faultsOf(status);
        for (const { message, hint } of faults) {
          note(session.console, printable(`${status.name}: ${message}`));
          note(session.console, `hint: ${hint}`);
        }
        return faults.length === 0 ? 0 : 4;
      }),
    );
};

interface Fault {
  readonly message: string;
  readonly hint: string;
}

const DO_NOT_RESTORE = "do not restore from it; use another snapshot, and find out what changed this one";

function faultsOf({ trailer, scan }: SnapshotStatus): Fault[] {
  const faults: Fault[] = [];
  if (scan.tree !== "whole")
    faults.push({ message: `the page tree is not whole: ${scan.message}`, hint: TREE_HINTS[scan.tree] ?? DO_NOT_RESTORE });
  if (trailer === "wrong")
    faults.push({
      message: "the trailer is not the SHA-256 of what comes before it: bytes were changed, cut or added",
      hint: DO_NOT_RESTORE,
    });
  // An empty or foreign file needs no word of a trailer.
  else if (trailer === "missing" && scan.tree === "whole")
    faults.push({
      message: "there is no trailer: this is a copied database rather than a snapshot",
      hint: "take a snapshot with lifeboat backup or etcdctl snapshot save; etcdutl restores from this one only with --skip-hash-check",
    });
  else if (trailer === "missing" && !TREE_HINTS[scan.tree])
    faults.push({ message: "there is no trailer where it should end", hint: DO_NOT_RESTORE });
  return faults;
}

const TREE_HINTS: Readonly<Partial<Record<SnapshotStatus["scan"]["tree"], string>>> = {
  "tree/empty": "it was cut short: take another snapshot",
  "tree/meta": "it is no snapshot, or its first pages are damaged",
  "tree/limit":
    "it is larger than lifeboat reads, or was made to look so: run etcdutl snapshot restore into an empty folder to check whether etcd accepts it",
};
