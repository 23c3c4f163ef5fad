import { isLifeboatError } from "../shared/errors.ts";
import { errnoOf } from "../shared/folders.ts";
import type { LoadedConfig } from "../shared/config/load.ts";
import { checkTools } from "../shared/jobs/doctor/check-tools.ts";
import type { ToolsReport } from "../shared/jobs/doctor/check-tools.ts";
import type { DoctorFinding } from "../shared/jobs/doctor/finding.ts";
import { nameOf } from "../shared/programs/program-finder.ts";
import { findPrograms } from "../shared/wire.ts";
import type { Register, Session } from "./command.ts";
import { print, printJson, widthOf } from "./console.ts";
import { formatFields, formatFinding, formatTable } from "./format.ts";

/** What a check has to say. */
interface Outcome {
  /** For a person. */
  readonly text: string;
  /** Under the check's name in the JSON document. */
  readonly json: unknown;
  readonly findings: readonly DoctorFinding[];
}

interface Check {
  readonly name: string;
  readonly description: string;
  run(session: Session, loaded: LoadedConfig | undefined): Promise<Outcome>;
}

/** Each has a flag of its name; without any flag all run. */
const CHECKS: readonly Check[] = [{ name: "tools", description: "look for helper programs (age, etcdctl, etcdutl)", run: runTools }];

/** `lifeboat doctor`. */
export const registerDoctor: Register = (program, run) => {
  const command = program
    .command("doctor")
    .summary("check what this machine has")
    .description(
      "Check what lifeboat needs on this machine, and change nothing. With flags only the checks that they name; a configuration is not necessary. The exit code is 6 where a command would miss something.",
    )
    .addHelpText("after", "\nExample:\n  $ lifeboat doctor --tools");
  for (const { name, description } of CHECKS) command.option(`--${name}`, description);
  command.action((options: Readonly<Record<string, boolean | undefined>>) =>
    run(async (session) => {
      const chosen = CHECKS.filter(({ name }) => options[name] === true);
      const loaded = await configIfAny(session);
      const outcomes: (readonly [string, Outcome])[] = [];
      for (const check of chosen.length === 0 ? CHECKS : chosen) outcomes.push([check.name, await check.run(session, loaded)]);
      const findings = outcomes.flatMap(([, outcome]) => outcome.findings);
      if (session.json) {
        printJson(session.console, { ...Object.fromEntries(outcomes.map(([name, { json }]) => [name, json])), findings });
      } else {
        for (const [, { text }] of outcomes) print(session.console, text);
        for (const finding of findings) print(session.console, `\n${formatFinding(finding)}`);
      }
      return findings.some(({ severity }) => severity === "problem") ? 6 : 0;
    }),
  );
};

/** Most of doctor serves before there is a configuration; one that is named, or there and wrong, is an error all the same. */
async function configIfAny(session: Session): Promise<LoadedConfig | undefined> {
  try {
    return await session.loadConfig();
  } catch (error) {
    const isAbsent = isLifeboatError(error, "config/not-found") && errnoOf(error.cause) === "ENOENT";
    if (isAbsent && session.configOption === undefined) return undefined;
    throw error;
  }
}

async function runTools({ console, surroundings }: Session, loaded: LoadedConfig | undefined): Promise<Outcome> {
  const { programs, findings } = await checkTools(await findPrograms(loaded, surroundings), console.signal);
  return { text: describeTools(programs, widthOf(console.stdout)), json: programs.map(toJson), findings };
}

function describeTools(programs: ToolsReport["programs"], width: number | undefined): string {
  const table = formatTable(
    ["PROGRAM", "VERSION", "FROM", "PATH"],
    programs.map(({ program, found }) => [nameOf(program), found?.version ?? "-", found?.origin ?? "not found", found?.path ?? "-"]),
    { width, dispensable: ["PATH"] },
  );
  const nobody = programs.every(({ neededBy }) => neededBy.length === 0);
  const uses = programs.map(({ program, neededBy, usedFor }): [string, string] => [
    nameOf(program),
    neededBy.length === 0 ? usedFor : `lifeboat ${neededBy.join(", ")}; ${usedFor}`,
  ]);
  return `${table}\n\n${nobody ? "No command of this version needs one. By hand they serve for" : "What needs them, or what they serve for by hand"}:\n${formatFields(uses)}`;
}

function toJson({ program, found, passedOver, neededBy, usedFor }: ToolsReport["programs"][number]): unknown {
  return {
    program: program.name,
    minor: program.minor ?? null,
    found: found ?? null,
    passedOver: passedOver.map(({ path, origin, reason }) => ({ path, origin, reason })),
    neededBy,
    usedFor,
  };
}
