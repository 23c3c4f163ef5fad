import type { JsonDocument } from "../shared/contract/documents.ts";
import { isLifeboatError, LifeboatError } from "../shared/errors.ts";
import type { Session } from "./command.ts";
import { note, print, printJson } from "./console.ts";
import { worstOf } from "./exit-codes.ts";
import type { ExitCode } from "./exit-codes.ts";
import { noteFailure } from "./failure.ts";

export interface BackupOutcome {
  readonly exitCode: ExitCode;
  readonly document: JsonDocument<"backup">;
  /** The same as text, as far as it is to be printed. */
  readonly text: string | undefined;
}

/** `lifeboat backup --all`: every cluster of the configuration in its order, each whatever became of those before. An interruption ends it. */
export async function backUpAll(session: Session, backUp: (cluster: string) => Promise<BackupOutcome>): Promise<ExitCode> {
  const { console, json } = session;
  const { config, file } = await session.loadConfig();
  const names = Object.keys(config.clusters);
  if (names.length === 0)
    throw new LifeboatError("config/not-found", `${file} has no cluster`, { hint: `add one under clusters in ${file}` });
  const clusters: JsonDocument<"backupAll">["clusters"][number][] = [];
  const codes: ExitCode[] = [];
  for (const cluster of names) {
    try {
      const { exitCode, document, text } = await backUp(cluster);
      if (!json && text !== undefined) print(console, `${clusters.length === 0 ? "" : "\n"}${text}`);
      codes.push(exitCode);
      clusters.push({ cluster, exitCode, backup: document, error: null, skipped: null });
    } catch (error) {
      if (isLifeboatError(error, "ref/removed")) {
        note(console, error.message);
        codes.push(0);
        clusters.push({ cluster, exitCode: 0, backup: null, error: null, skipped: error.message });
        continue;
      }
      const failure = noteFailure(console, error, `${cluster}: `);
      codes.push(failure.exitCode);
      clusters.push({ cluster, exitCode: failure.exitCode, backup: null, error: failure, skipped: null });
    }
    if (console.signal.aborted) break;
  }
  if (json) printJson(console, "backupAll", { clusters });
  return worstOf(codes);
}
