import { isUnofficialKopia, OLDEST_KOPIA } from "../../host/kopia-version.ts";
import { KOPIA, nameOf, PROGRAMS } from "../../host/program-finder.ts";
import type { Program, ProgramFinder, Search } from "../../host/program-finder.ts";
import { useOf, wantedBy } from "../../host/uses.ts";
import type { Use } from "../../host/uses.ts";
import type { DoctorFinding } from "./finding.ts";

const INSTALL_KOPIA = `install a release of kopia ${OLDEST_KOPIA} or later (https://kopia.io/docs/installation/), on PATH or in the folder that tools.dir names`;

export interface ToolsReport {
  readonly programs: readonly (Search & Use)[];
  readonly findings: readonly DoctorFinding[];
}

export interface ToolsWanted {
  /** Whether the store is a Kopia repository: kopia is looked for there only. */
  readonly kopia?: boolean;
  readonly use?: (program: Program) => Use;
}

/** Looks for every helper program. A problem is only what a command needs and does not find. */
export async function checkTools(
  finder: ProgramFinder,
  signal: AbortSignal,
  { kopia = false, use = useOf }: ToolsWanted = {},
): Promise<ToolsReport> {
  const wanted = kopia ? [...PROGRAMS, KOPIA] : PROGRAMS;
  const searches = await Promise.all(wanted.map((program) => finder.find(program, signal)));
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
  if (program.name === "kopia" && found !== undefined && isUnofficialKopia(found.version)) {
    const message = `${found.path} is built from source and says no version: whether it is ${OLDEST_KOPIA} or later cannot be told`;
    return [...broken, { code: "program-unofficial", severity: "warning", subject, message, fix: INSTALL_KOPIA }];
  }
  if (found !== undefined) return broken;
  const old = passedOver.find(({ version }) => program.name === "kopia" && version !== undefined);
  if (old !== undefined) {
    const message = `${old.path} ${old.reason}`;
    return [...broken, { code: "program-unusable", severity: "problem", subject, message, fix: INSTALL_KOPIA }];
  }
  const fix =
    program.name === "kopia"
      ? INSTALL_KOPIA
      : "install the package of programs for this system, name a folder as tools.dir in the configuration, or put it on PATH";
  const [severity, message] =
    neededBy.length > 0
      ? (["problem", `not found; ${neededBy.map((command) => `lifeboat ${command}`).join(", ")} needs it`] as const)
      : (["info", `not found; ${askedForBy(wantedBy(program))} it, you can use it for ${usedFor}`] as const);
  return [...broken, { code: "program-missing", severity, subject, message, fix }];
}

function askedForBy(commands: readonly string[]): string {
  if (commands.length === 0) return "no command needs";
  return `only lifeboat ${commands.join(", ")} ${commands.length === 1 ? "needs" : "need"}`;
}
