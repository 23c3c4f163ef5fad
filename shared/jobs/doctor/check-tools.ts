import { nameOf, PROGRAMS } from "../../host/program-finder.ts";
import type { Program, ProgramFinder, Search } from "../../host/program-finder.ts";
import { isBundled, useOf } from "../../host/uses.ts";
import type { Use } from "../../host/uses.ts";
import type { DoctorFinding } from "./finding.ts";

export interface ToolsReport {
  readonly programs: readonly (Search & Use)[];
  readonly findings: readonly DoctorFinding[];
}

/** Looks for every helper program. A problem is only what a command needs and does not find. */
export async function checkTools(finder: ProgramFinder, signal: AbortSignal, use: (program: Program) => Use = useOf): Promise<ToolsReport> {
  const searches = await Promise.all(PROGRAMS.map((program) => finder.find(program, signal)));
  const programs = searches.map((search) => ({ ...search, ...use(search.program) }));
  return { programs, findings: programs.flatMap(findingsOf) };
}

function findingsOf({ program, found, passedOver, neededBy, usedFor }: Search & Use): DoctorFinding[] {
  const subject = nameOf(program);
  // What lies on PATH is for others too; what was put into a folder for us should run.
  const broken = passedOver
    .filter(({ origin, version }) => origin !== "PATH" && version === undefined)
    .map(({ path, reason }): DoctorFinding => {
      const fix = "put one there that runs on this machine, or remove it";
      return { code: "program-unusable", severity: "warning", subject, message: `${path} ${reason}`, fix };
    });
  if (found !== undefined) return broken;
  const fix = "install the package of programs for this system, name a folder as tools.dir in the configuration, or put it on PATH";
  const [severity, message] =
    neededBy.length > 0
      ? (["problem", `not found; ${neededBy.map((command) => `lifeboat ${command}`).join(", ")} needs it`] as const)
      : ([
          "info",
          `not found; ${isBundled(program) ? "only lifeboat bundle" : "no command"} needs it, you can use it for ${usedFor}`,
        ] as const);
  return [...broken, { code: "program-missing", severity, subject, message, fix }];
}
