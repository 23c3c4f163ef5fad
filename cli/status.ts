import { isLifeboatError, LifeboatError } from "../shared/errors.ts";
import type { SnapshotStatus } from "../shared/jobs/inspect/status.ts";
import type { Progress } from "../shared/progress.ts";
import { isFileThere, openSnapshotFile } from "../shared/wire/files.ts";
import { REF_HELP } from "./command.ts";
import type { Register, Session } from "./command.ts";
import { FROM_FLAG, FROM_HELP, orPointToReplica } from "./from-replica.ts";
import { print, printJson, note, widthOf } from "./console.ts";
import { printable } from "./format.ts";
import { ConsoleProgress } from "./progress-bar.ts";
import { statusJson } from "./status-json.ts";
import { statusText } from "./status-text.ts";

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
        const status = await readStatus(session, what, from, progress).finally(() => progress.close());
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

async function readStatus(session: Session, what: string, from: string | undefined, progress: Progress): Promise<SnapshotStatus> {
  // Whoever names a replica means a ref.
  if (from !== undefined) return statusOfStored(session, what, from, progress);
  if (await isFileThere(session.resolvePath(what))) return statusOfFile(session, what, progress);
  const { isRef } = await import("../shared/vault/ref.ts");
  // What has no ref's form is meant as a file: what is wrong with it is told there.
  return isRef(what) ? statusOfStored(session, what, from, progress) : statusOfFile(session, what, progress);
}

async function statusOfFile(session: Session, name: string, progress: Progress): Promise<SnapshotStatus> {
  await using file = await openSnapshotFile(session.resolvePath(name), name);
  // Loaded while the file is being hashed already.
  const [{ isRef }, { snapshotStatus }] = await Promise.all([import("../shared/vault/ref.ts"), import("../shared/jobs/inspect/status.ts")]);
  if (isRef(name)) progress.note("info", `there is a file ${name} here: this is the status of that file, not of the stored snapshot`);
  return await snapshotStatus(file, progress, session.console.signal);
}

async function statusOfStored(session: Session, ref: string, from: string | undefined, progress: Progress): Promise<SnapshotStatus> {
  const ports = await session.openPorts("nothing", from).catch((error: unknown) => {
    if (!isLifeboatError(error, "config/not-found") || from !== undefined) throw error;
    const message = `file ${ref} not found, and to read it as a ref lifeboat needs a configuration: ${error.message}`;
    throw new LifeboatError(error.code, message, { hint: error.hint, cause: error });
  });
  const [{ resolveRef }, { snapshotStatus }, { StoredInput }] = await Promise.all([
    import("../shared/vault/ref.ts"),
    import("../shared/jobs/inspect/status.ts"),
    import("../shared/jobs/inspect/stored-input.ts"),
  ]);
  return orPointToReplica(session, ports, { ref, from, words: (name) => ["status", name] }, async () => {
    const { manifest } = await resolveRef(ports, ref, session.console.signal);
    return snapshotStatus(new StoredInput(ports.snapshots, manifest), progress, session.console.signal);
  });
}

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
