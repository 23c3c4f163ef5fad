import { isLifeboatError, LifeboatError } from "../shared/errors.ts";
import { errnoOf } from "../shared/folders.ts";
import type { LoadedConfig } from "../shared/config/load.ts";
import type { DoctorFinding } from "../shared/jobs/doctor/finding.ts";
import type { Register, Session } from "./command.ts";
import { print, printJson } from "./console.ts";
import { runClock } from "./doctor/clock.ts";
import { runDrills } from "./doctor/drills.ts";
import { runEtcd } from "./doctor/etcd.ts";
import { runKeys } from "./doctor/keys.ts";
import type { CheckName, Outcome, RunCheck } from "./doctor/outcome.ts";
import { runPermissions } from "./doctor/permissions.ts";
import { runStore } from "./doctor/store.ts";
import { runTools } from "./doctor/tools.ts";
import { formatFinding } from "./format.ts";

interface Check {
  readonly name: CheckName;
  readonly description: string;
  /** Undefined: it needs a configuration, and there is none. */
  run(session: Session, loaded: LoadedConfig | undefined): Promise<Outcome | undefined>;
}

/** Each has a flag of its name; without any flag all run. */
const CHECKS: readonly Check[] = [
  { name: "store", description: "how the bucket or folder is set up", run: configured(runStore) },
  { name: "keys", description: "kind, state and trust of each key", run: configured(runKeys) },
  { name: "permissions", description: "who is calling, and which role that can be", run: configured(runPermissions) },
  { name: "clock", description: "this machine's clock beside the store's", run: configured(runClock) },
  { name: "etcd", description: "preflight of each cluster", run: configured(runEtcd) },
  { name: "drills", description: "whether restores were rehearsed as often as configured", run: configured(runDrills) },
  { name: "tools", description: "look for helper programs (age, etcdctl, etcdutl)", run: runTools },
];

/** `lifeboat doctor`. */
export const registerDoctor: Register = (program, run) => {
  const command = program
    .command("doctor")
    .summary("check store, keys, permissions, clock, etcd and tools")
    .description(
      "Check what lifeboat relies on. Each finding comes with its fix. Nothing is changed. Without flags all checks run; with flags, only those. Without a configuration only --tools runs. The exit code is 6 if there is a problem.",
    )
    .addHelpText("after", "\nExamples:\n  $ lifeboat doctor\n  $ lifeboat doctor --store --permissions");
  for (const { name, description } of CHECKS) command.option(`--${name}`, description);
  command.action((options: Readonly<Record<string, boolean | undefined>>) =>
    run(async (session) => {
      const chosen = CHECKS.filter(({ name }) => options[name] === true);
      const loaded = await configIfAny(session);
      // Side by side: a store that does not answer is waited for once.
      const checks = chosen.length === 0 ? CHECKS : chosen;
      const answers = await Promise.all(checks.map(async (check) => [check.name, await check.run(session, loaded)] as const));
      // What an interruption cut off would else look like services that do not answer.
      if (session.console.signal.aborted)
        throw new LifeboatError("interrupted", "the checks were interrupted", { cause: session.console.signal.reason });
      const outcomes = answers.flatMap(([name, outcome]) => (outcome === undefined ? [] : [[name, outcome] as const]));
      const left = answers.flatMap(([name, outcome]) => (outcome === undefined ? [name] : []));
      if (chosen.length > 0 && left.length > 0) throw noConfiguration(left);
      const findings = [...outcomes.flatMap(([, outcome]) => outcome.findings), ...(left.length === 0 ? [] : [notRun(left)])];
      if (session.json) {
        printJson(session.console, "doctor", {
          ...NOTHING_CHECKED,
          ...Object.fromEntries(outcomes.map(([name, { json }]) => [name, json])),
          findings,
        });
      } else {
        print(session.console, outcomes.map(([, { text }]) => text).join("\n\n"));
        for (const finding of findings) print(session.console, `\n${formatFinding(finding)}`);
        if (findings.length === 0) print(session.console, "\nno problems found");
      }
      return findings.some(({ severity }) => severity === "problem") ? 6 : 0;
    }),
  );
};

const NOTHING_CHECKED = { store: null, keys: null, permissions: null, clock: null, etcd: null, drills: null, tools: null } as const;

function configured<Name extends CheckName>(check: RunCheck<Name>): Check["run"] {
  return async (session, loaded) => (loaded === undefined ? undefined : check(session, loaded));
}

/** Tools are looked for before there is a configuration; one that is named, or there and wrong, is an error all the same. */
async function configIfAny(session: Session): Promise<LoadedConfig | undefined> {
  try {
    return await session.loadConfig();
  } catch (error) {
    const isAbsent = isLifeboatError(error, "config/not-found") && errnoOf(error.cause) === "ENOENT";
    if (isAbsent && session.configOption === undefined) return undefined;
    throw error;
  }
}

const MAKE_ONE = "make one with lifeboat init, or name one with --config FILE";

function noConfiguration(checks: readonly string[]): LifeboatError {
  const flags = checks.map((name) => `--${name}`).join(" ");
  return new LifeboatError("config/not-found", `configuration lifeboat.yaml not found; ${flags} cannot run without it`, {
    hint: MAKE_ONE,
  });
}

function notRun(checks: readonly string[]): DoctorFinding {
  const message = `not found, so these checks did not run: ${checks.join(", ")}`;
  return { code: "no-configuration", severity: "info", subject: "configuration", message, fix: MAKE_ONE };
}
