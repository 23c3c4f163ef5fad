#!/usr/bin/env node
import { randomBytes } from "node:crypto";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { LifeboatError } from "../shared/errors.ts";

const { env } = process;
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    // A second signal does not wait for the clean end.
    if (stop.signal.aborted) process.exit(130);
    stop.abort(new LifeboatError("interrupted", `interrupted by ${name}`, { hint: "nothing half done is visible; run the command again" }));
  });
}
// A reader that leaves early, such as head, is no fault.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

// In a checkout `npm run lifeboat` changes to the package's folder; INIT_CWD is where the person stands. It is heeded there only.
const cwd =
  env["npm_lifecycle_event"] === "lifeboat" && env["npm_package_name"] === "etcd-lifeboat"
    ? (env["INIT_CWD"] ?? process.cwd())
    : process.cwd();

// Loaded only now: it takes a second or two on a busy machine, in which a signal would otherwise end the process without a word.
const [{ runProgram }, { systemClock }] = await Promise.all([import("./program.ts"), import("../shared/system-clock.ts")]);

process.exitCode = await runProgram(
  process.argv.slice(2),
  { stdout: process.stdout, stderr: process.stderr, environment: env, cwd, clock: systemClock, signal: stop.signal },
  {
    clock: systemClock,
    randomBytes,
    environment: env,
    runtimeFolder: env["XDG_RUNTIME_DIR"] ?? join(tmpdir(), `lifeboat-${userInfo().uid}`),
  },
);
