#!/usr/bin/env node
import { randomBytes } from "node:crypto";
import { extname } from "node:path";
import { keepCompiledCode } from "./compile-cache.ts";
import { Interruption } from "./interruption.ts";
import { refusalOf } from "./node-version.ts";
import { runtimeFolderIn, stateFolderIn } from "./own-folders.ts";

const refusal = refusalOf(process.versions.node);
if (refusal !== undefined) {
  const hint = "install a newer one from nodejs.org or by your package manager, and let it come first on PATH";
  process.stderr.write(`lifeboat: ${refusal}\nlifeboat: hint: ${hint}\n`);
  if (process.argv.includes("--json"))
    process.stdout.write(`${JSON.stringify({ error: { code: "usage", message: refusal, hint, exitCode: 2 } }, undefined, 2)}\n`);
  process.exit(2);
}

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

// Not of a checkout's sources, which change.
if (extname(import.meta.url) === ".js") keepCompiledCode(env);

// Loaded only now: it takes a second or two on a busy machine, in which a signal would otherwise end the process without a word.
const [{ runProgram }, { systemClock }] = await Promise.all([import("./program.ts"), import("../shared/system-clock.ts")]);

process.exitCode = await runProgram(
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
// A reader that takes nothing more would keep the process from ending.
if (interruption.signal.aborted) process.exit();
