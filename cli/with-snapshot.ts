import { isLifeboatError, LifeboatError } from "../shared/errors.ts";
import type { KeyIndex } from "../shared/jobs/look/key-index.ts";
import type { SnapshotInput } from "../shared/input/snapshot-input.ts";
import type { Progress } from "../shared/progress.ts";
import { isFileThere, openSnapshotFile } from "../shared/wire/files.ts";
import type { Ports } from "../shared/wire/ports.ts";
import type { Session } from "./command.ts";
import { orPointToReplica } from "./from-replica.ts";

/** What a command reads a snapshot for. */
export interface OfInput {
  /** A ref, or the name of a file, which goes before it. */
  readonly what: string;
  /** `--from`: whoever names a replica means a ref. */
  readonly from: string | undefined;
  readonly progress: Progress;
  /** The words of the command for a ref, without `--from`. */
  readonly words: (ref: string) => readonly string[];
}

/** What is done with it; `openIndex` gives the index of a stored one's keys, where it has one. */
type Action<T> = (input: SnapshotInput, openIndex?: () => Promise<KeyIndex | undefined>) => Promise<T>;

/** Runs `action` on the snapshot file or the stored snapshot that a person named. */
export async function withSnapshot<T>(session: Session, of: OfInput, action: Action<T>): Promise<T> {
  const { what, from } = of;
  if (from !== undefined) return withStored(session, of, action);
  if (await isFileThere(session.resolvePath(what))) return withFile(session, of, action);
  const { isRef } = await import("../shared/vault/ref.ts");
  // What has no ref's form is meant as a file: what is wrong with it is told there.
  return isRef(what) ? withStored(session, of, action) : withFile(session, of, action);
}

/** That there is such a snapshot: for one that is read after another, which takes a while. */
export async function requireSnapshot(session: Session, of: OfInput): Promise<void> {
  await withSnapshot(session, of, () => Promise.resolve());
}

async function withFile<T>(session: Session, { what, progress }: OfInput, action: Action<T>): Promise<T> {
  await using file = await openSnapshotFile(session.resolvePath(what), what);
  // Loaded while the file is being hashed already.
  const { isRef } = await import("../shared/vault/ref.ts");
  if (isRef(what)) progress.note("info", `there is a file ${what} here: this is about that file, not about the stored snapshot`);
  return await action(file);
}

async function withStored<T>(session: Session, of: OfInput, action: Action<T>): Promise<T> {
  const { what: ref, from, words, progress } = of;
  const ports = await openPorts(session, ref, from);
  const [{ resolveRef }, { StoredInput }] = await Promise.all([
    import("../shared/vault/ref.ts"),
    import("../shared/jobs/inspect/stored-input.ts"),
  ]);
  return orPointToReplica(session, ports, { ref, from, words }, async () => {
    const { signal } = session.console;
    const found = await resolveRef(ports, ref, signal);
    const openIndex = async (): Promise<KeyIndex | undefined> => {
      const { openKeyIndex } = await import("../shared/jobs/look/key-index.ts");
      return openKeyIndex({ ...ports, progress }, found, { signal });
    };
    return action(new StoredInput(ports.snapshots, found.manifest), openIndex);
  });
}

async function openPorts(session: Session, ref: string, from: string | undefined): Promise<Ports> {
  return session.openPorts("nothing", from).catch((error: unknown) => {
    if (!isLifeboatError(error, "config/not-found") || from !== undefined) throw error;
    const message = `file ${ref} not found, and to read it as a ref lifeboat needs a configuration: ${error.message}`;
    throw new LifeboatError(error.code, message, { hint: error.hint, cause: error });
  });
}
