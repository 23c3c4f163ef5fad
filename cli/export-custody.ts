import { LifeboatError } from "../shared/errors.ts";
import { exportCustody } from "../shared/jobs/audit/export-custody.ts";
import { isFault, isOfLaterVersion } from "../shared/vault/custody/records.ts";
import type { FoundRecord } from "../shared/vault/custody/records.ts";
import { writeOutput, writeStream } from "../shared/wire/output.ts";
import type { Session } from "./command.ts";
import { note, printDone, printJson } from "./console.ts";
import type { ExitCode } from "./exit-codes.ts";
import { requireCluster } from "./require-cluster.ts";
import { summarize } from "./summary.ts";
import { parseWindow } from "./window.ts";
import type { WindowOptions } from "./window.ts";

interface Options extends WindowOptions {
  readonly export: string;
  readonly verify?: boolean;
  readonly head?: string;
  readonly replica?: boolean;
}

/** `lifeboat custody --export`. */
export async function exportLog(session: Session, cluster: string, options: Options): Promise<ExitCode> {
  if (options.verify === true || options.head !== undefined || options.replica === true)
    throw new LifeboatError("usage", "--export is without --verify, --head and --replica", {
      hint: `lifeboat custody ${cluster} --verify says whether the log is whole; then export it`,
    });
  const toStdout = options.export === "-";
  if (toStdout && session.json)
    throw new LifeboatError("usage", "--export - and --json exclude each other: both want standard output", { hint: "name a file" });
  const { console } = session;
  const ports = await session.openToRead();
  await requireCluster(session, ports.blobs, cluster);
  const unbelieved: FoundRecord[] = [];
  let statements = 0;
  const lines = exportCustody(ports, cluster, { ...parseWindow(options), onUnbelieved: (found) => void unbelieved.push(found) });
  async function* counted(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const line of lines) {
      statements++;
      yield line;
    }
  }
  if (toStdout) await writeStream(console.stdout, counted(), { name: "standard output", signal: console.signal });
  else await writeOutput(session.resolvePath(options.export), counted());
  const faults = unbelieved.flatMap(({ key, record }) =>
    isFault(record) ? [{ subject: key, key, code: record.code, message: record.message }] : [],
  );
  if (session.json)
    printJson(console, "custodyExport", {
      cluster,
      file: options.export,
      statements,
      unbelieved: faults.map(({ key, code, message }) => ({ key, code, message })),
    });
  else if (toStdout) note(console, `wrote ${statements} statements to standard output`);
  else printDone(console, `wrote ${statements} statements to ${options.export}`);
  for (const line of summarize(faults)) note(console, `warning: nothing is stated of ${line}`);
  return unbelieved.every(({ record }) => isOfLaterVersion(record)) ? 0 : 4;
}
