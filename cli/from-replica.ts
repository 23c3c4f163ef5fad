import { isLifeboatError, LifeboatError } from "../shared/errors.ts";
import { wholeCopies } from "../shared/jobs/copy/whole-copies.ts";
import { shellWord } from "../shared/shell-word.ts";
import type { Ports } from "../shared/wire/ports.ts";
import type { Session } from "./command.ts";

/** `--from REPLICA`, and where the store fails or has something else than was signed, the way to it. */

export const FROM_FLAG = "--from <replica>";
export const FROM_HELP = "read it from this replica of the configuration in place of the store";

/** What a command does about one snapshot. */
export interface OfSnapshot {
  readonly ref: string;
  /** The replica that was named: then nothing is looked for. */
  readonly from: string | undefined;
  /** The words of the command for a ref, without `--from`: `["export", ref, "--out", "snapshot.db"]`. */
  readonly words: (ref: string) => readonly string[];
}

/**
 * What `action` gives. Where the store cannot be read, or what is in it does not hold, the error says which replica has a whole copy, and the very command that reads
 * it there.
 */
export async function orPointToReplica<T>(session: Session, ports: Ports, of: OfSnapshot, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!isLifeboatError(error, "verify/", "store/", "ref/not-found") || of.from !== undefined || ports.replicas.length === 0) throw error;
    const hint = await hintOf(session, ports, of);
    throw new LifeboatError(error.code, error.message, {
      hint: error.hint === undefined ? hint : `${hint}; ${error.hint}`,
      cause: error,
    });
  }
}

async function hintOf(session: Session, ports: Ports, { ref, words }: OfSnapshot): Promise<string> {
  const copies = await wholeCopies({ ...ports, signal: session.console.signal }, ref);
  const names = ports.replicas.map(({ name }) => name).join(", ");
  if (copies.length === 0) return `no replica that answers has a whole copy of it (asked: ${names})`;
  return copies
    .map(({ replica, checked, ref: there }) => {
      const has = checked ? "has a whole copy" : "has a copy of the right size";
      return `the replica ${replica} ${has}: ${commandLine(session, [...words(there), "--from", replica])}`;
    })
    .join("; ");
}

/** A line to type. */
export function commandLine({ configOption }: Session, words: readonly string[]): string {
  const config = configOption === undefined ? [] : ["--config", configOption];
  return ["lifeboat", ...words, ...config].map(shellWord).join(" ");
}
