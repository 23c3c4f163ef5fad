import { Command, CommanderError } from "commander";
import { isDebugOn } from "../shared/debug-log.ts";
import type { DebugLog } from "../shared/debug-log.ts";
import { LifeboatError } from "../shared/errors.ts";
import { TOOL } from "../shared/version.ts";
import type { Surroundings } from "../shared/wire/ports.ts";
import { exitCodeHelp, newSession } from "./command.ts";
import type { Register } from "./command.ts";
import { note, printJson, widthOf } from "./console.ts";
import type { Console } from "./console.ts";
import type { ExitCode } from "./exit-codes.ts";
import { noteFailure } from "./failure.ts";

/** In the order of a first use, which is the order of the help. */
export const COMMANDS: Readonly<Record<string, () => Promise<Register>>> = {
  init: async () => (await import("./init.ts")).registerInit,
  preflight: async () => (await import("./preflight.ts")).registerPreflight,
  backup: async () => (await import("./backup.ts")).registerBackup,
  ls: async () => (await import("./ls.ts")).registerLs,
  check: async () => (await import("./check.ts")).registerCheck,
  audit: async () => (await import("./audit.ts")).registerAudit,
  ready: async () => (await import("./ready.ts")).registerReady,
  metrics: async () => (await import("./metrics.ts")).registerMetrics,
  report: async () => (await import("./report.ts")).registerReport,
  show: async () => (await import("./show.ts")).registerShow,
  status: async () => (await import("./status.ts")).registerStatus,
  find: async () => (await import("./find.ts")).registerFind,
  get: async () => (await import("./get.ts")).registerGet,
  diff: async () => (await import("./diff.ts")).registerDiff,
  impact: async () => (await import("./impact.ts")).registerImpact,
  verify: async () => (await import("./verify.ts")).registerVerify,
  copy: async () => (await import("./copy.ts")).registerCopy,
  export: async () => (await import("./export.ts")).registerExport,
  bundle: async () => (await import("./bundle.ts")).registerBundle,
  drill: async () => (await import("./drill.ts")).registerDrill,
  recipients: async () => (await import("./recipients.ts")).registerRecipients,
  "node-files": async () => (await import("./node-files.ts")).registerNodeFiles,
  keys: async () => (await import("./keys.ts")).registerKeys,
  custody: async () => (await import("./custody.ts")).registerCustody,
  lineage: async () => (await import("./lineage.ts")).registerLineage,
  pin: async () => (await import("./pin.ts")).registerPin,
  unpin: async () => (await import("./pin.ts")).registerUnpin,
  rewrap: async () => (await import("./rewrap.ts")).registerRewrap,
  catalog: async () => (await import("./catalog.ts")).registerCatalog,
  plan: async () => (await import("./plan.ts")).registerPlan,
  prune: async () => (await import("./prune.ts")).registerPrune,
  orphans: async () => (await import("./orphans.ts")).registerOrphans,
  kopia: async () => (await import("./kopia.ts")).registerKopia,
  fleet: async () => (await import("./fleet.ts")).registerFleet,
  doctor: async () => (await import("./doctor.ts")).registerDoctor,
  invoke: async () => (await import("./invoke.ts")).registerInvoke,
  completion: async () => (await import("./completion.ts")).registerCompletion,
};

/** The command that the line begins with, and none of the others, whose libraries take up to half a second to load; all of them for any other line. */
async function commandsFor([first = ""]: readonly string[]): Promise<readonly Register[]> {
  const loaders = Object.hasOwn(COMMANDS, first) ? [COMMANDS[first]] : Object.values(COMMANDS);
  return Promise.all(loaders.flatMap((load) => (load === undefined ? [] : [load()])));
}

/** `help COMMAND` in the words of `COMMAND --help`; a name that is none is then an unknown command. */
function withoutHelpCommand(args: readonly string[]): readonly string[] {
  const [first, name, ...rest] = args;
  if (first !== "help") return args;
  if (name === undefined || name.startsWith("-")) return ["--help"];
  return Object.hasOwn(COMMANDS, name) ? [name, "--help"] : [name, ...rest];
}

/** Runs the command line `line` (without node and script) to its exit code. Never throws. */
export async function runProgram(line: readonly string[], console: Console, surroundings: Surroundings): Promise<ExitCode> {
  const args = withoutHelpCommand(line);
  let exitCode: ExitCode = 0;
  let debug: DebugLog | undefined;
  const endings: (() => Promise<void>)[] = [];
  const program = new Command("lifeboat");
  program
    .description("Scheduled, encrypted, signed backups of etcd, and the way back from a disaster.")
    .version(TOOL.version)
    .option(
      "--config <file>",
      "the configuration (default: lifeboat.yaml in the current folder); given again: a further file with clusters",
      (file: string, before: readonly string[] | undefined) => [...(before ?? []), file],
    )
    .option("--json", "print one JSON document on standard output")
    .option("--verbose", "print each request, retry and decision on standard error")
    .option("--quiet", "backup, verify, copy, export: print nothing on success")
    .helpCommand("help [command]", "show help for a command")
    .addHelpText(
      "after",
      `${exitCodeHelp()}\n\nExample:\n  $ lifeboat init --cluster prod --endpoint https://10.0.0.1:2379 \\\n      --cacert ca.pem --cert client.pem --key client-key.pem\n  $ lifeboat backup prod`,
    )
    .exitOverride()
    .configureOutput({
      writeOut: (text) => console.stdout.write(text),
      writeErr: (text) => console.stderr.write(text),
      getOutHelpWidth: () => widthOf(console.stdout) ?? 80,
      getErrHelpWidth: () => widthOf(console.stderr) ?? 80,
      // Reported with everything else, below.
      outputError: () => undefined,
    });
  for (const register of await commandsFor(args)) {
    register(program, async (action) => {
      const { json, quiet, verbose, config } = program.opts<{ json?: boolean; quiet?: boolean; verbose?: boolean; config?: string[] }>();
      // The hidden command behind Tab talks to a shell, whatever the person's environment says.
      const isAsked = verbose === true || isDebugOn(console.environment["LIFEBOAT_DEBUG"]);
      if (isAsked && args[0] !== "__complete") debug = (await import("./debug.ts")).debugOn(console);
      const commandConsole = { ...console, quiet: quiet === true, debug };
      const ofCommand = {
        ...surroundings,
        debug,
        onEnd: (dispose: () => Promise<void>) => endings.push(dispose),
        onWarning: (text: string) => note(commandConsole, `warning: ${text}`),
      };
      exitCode = await action(newSession(commandConsole, ofCommand, { json: json === true, configs: config ?? [] }));
    });
  }
  for (const command of program.commands) command.exitOverride().configureOutput(program.configureOutput());
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    return report(error, { ...console, debug }, args.includes("--json"));
  } finally {
    // What fails to go must not change the outcome.
    await Promise.all(endings.map((dispose) => dispose().catch(() => undefined)));
  }
}

function report(error: unknown, console: Console, json: boolean): ExitCode {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  const failure = noteFailure(console, error instanceof CommanderError ? usageError(error) : error);
  if (json) printJson(console, "error", { error: failure });
  return failure.exitCode;
}

/** Commander's complaints are usage errors; its suggestions come on a second line. */
function usageError({ code, message }: CommanderError): LifeboatError {
  if (code === "commander.help") return new LifeboatError("usage", "no command given", { hint: "lifeboat --help lists the commands" });
  return new LifeboatError("usage", plainUsage(message), {
    hint: "lifeboat --help lists the commands, lifeboat COMMAND --help the arguments of one",
  });
}

/** Commander's words as a person would say them; https://github.com/tj/commander.js names no form of them, so what is not known stays as it is. */
function plainUsage(message: string): string {
  return message
    .replace(/^error: /, "")
    .replace(/\n/g, " ")
    .replace(/^command-argument value '(.*)' is invalid for argument '(.*)'\. Allowed choices are (.*)\.$/, "'$1' is not a $2: give $3")
    .replace(
      /^too many arguments for '(.*)'\. Expected (\d+) arguments? but got (\d+)\.$/,
      (_, name: string, expected: string, got: string) =>
        expected === "0"
          ? `${name} takes no argument, and got ${got}`
          : `${name} takes ${expected} argument${expected === "1" ? "" : "s"}, and got ${got}`,
    )
    .replace(/^option '(.*)' argument missing$/, "$1 needs a value");
}
