import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Clock } from "../../clock.ts";
import { messageOf } from "../../errors.ts";
import { errnoOf } from "../../folders.ts";
import type { Program } from "../program-finder.ts";

/** What a program says of itself, or why it does not. */
export type Probe = { readonly version: string } | { readonly reason: string };

/** Some 20 ms do; a program on a sleeping network disk may take seconds. */
const PROBE_MS = 10_000;

const VERSION = {
  etcd: /^etcd(?:ctl|utl)? [vV]ersion: (\d+\.\d+\.\d+\S*)/m,
  // `0.23.1 build: 7a4c... from: kopia/kopia`; from source `v0-unofficial build: -(unknown_revision) from:`.
  kopia: /^v?(\d+(?:\.\d+\S*|-unofficial)) build: /m,
  other: /^v?(\d+\.\d+\S*|\(devel\))\s*$/m,
} as const;

const run = promisify(execFile);

/** Asks the program at `path` for its version: no network, no file, an empty environment. */
export async function probe(path: string, program: Program, clock: Clock, signal: AbortSignal): Promise<Probe> {
  const late = new AbortController();
  const cancel = clock.after(PROBE_MS, () => late.abort());
  const isEtcds = program.minor !== undefined;
  try {
    const { stdout } = await run(path, [isEtcds && program.name !== "etcd" ? "version" : "--version"], {
      cwd: "/",
      env: {},
      encoding: "utf8",
      killSignal: "SIGKILL",
      signal: AbortSignal.any([signal, late.signal]),
    });
    const version = VERSION[isEtcds ? "etcd" : program.name === "kopia" ? "kopia" : "other"].exec(stdout)?.[1];
    return version === undefined ? { reason: "does not say its version" } : { version };
  } catch (error) {
    signal.throwIfAborted();
    if (late.signal.aborted) return { reason: `did not answer within ${PROBE_MS / 1000} s` };
    if (errnoOf(error) === "EACCES") return { reason: "may not be run" };
    return { reason: `does not run: ${firstLine(error)}` };
  } finally {
    cancel();
  }
}

/** Node puts the whole of stderr into the message. */
function firstLine(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "number") return `it ends with ${error.code}`;
  return messageOf(error).split("\n", 1)[0] ?? "";
}
