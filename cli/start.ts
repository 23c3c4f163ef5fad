import { randomBytes } from "node:crypto";
import type { ExitCode } from "./exit-codes.ts";
import { Interruption } from "./interruption.ts";
import { runtimeFolderIn, stateFolderIn } from "./own-folders.ts";

/** Runs the command line of this process, and sets its exit code. Never rejects. */
export async function start(): Promise<ExitCode> {
  const { env } = process;
  const interruption = new Interruption(() => performance.now());
  // SIGHUP: the terminal is gone, as when an ssh session drops. (Node takes back what nohup arranged, so it would end the process without a word.)
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (interruption.receive(name)) process.exit(130);
    });
  }
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (interruption.signal.aborted) return;
    // What streams to it listens, too, and ends by itself.
    if (process.stdout.listenerCount("error") > 1) return;
    // A reader that leaves early, such as head, is no fault.
    if (error.code === "EPIPE") process.exit(0);
    // A terminal that is gone says so here before its signal comes.
    interruption.receive(error.code === "EIO" ? "SIGHUP" : `standard output failed (${error.message})`);
  });
  // Nobody is left to be told; what the run made is still to be cleaned up.
  process.stderr.on("error", () => undefined);

  // In a checkout `npm run lifeboat` changes to the package's folder; INIT_CWD is where the person stands. It is heeded there only.
  const cwd =
    env["npm_lifecycle_event"] === "lifeboat" && env["npm_package_name"] === "etcd-lifeboat"
      ? (env["INIT_CWD"] ?? process.cwd())
      : process.cwd();

  // Loaded only now: it takes a second or two on a busy machine, in which a signal would otherwise end the process without a word.
  const [{ runProgram }, { systemClock }] = await Promise.all([import("./program.ts"), import("../shared/system-clock.ts")]);

  const exitCode = await runProgram(
    process.argv.slice(2),
    { stdout: process.stdout, stderr: process.stderr, environment: env, cwd, clock: systemClock, signal: interruption.signal },
    {
      clock: systemClock,
      randomBytes,
      environment: env,
      runtimeFolder: runtimeFolderIn(env),
      stateFolder: stateFolderIn(env),
    },
  );
  process.exitCode = exitCode;
  // A reader that takes nothing more would keep the process from ending.
  if (interruption.signal.aborted) process.exit();
  return exitCode;
}
