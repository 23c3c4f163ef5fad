import type { LoadedConfig } from "../../shared/config/load.ts";
import type { JsonDocument } from "../../shared/contract/documents.ts";
import { checkTools } from "../../shared/jobs/doctor/check-tools.ts";
import type { ToolsReport } from "../../shared/jobs/doctor/check-tools.ts";
import { nameOf } from "../../shared/host/program-finder.ts";
import { findPrograms } from "../../shared/wire/programs.ts";
import type { Session } from "../command.ts";
import { widthOf } from "../console.ts";
import { formatFields, formatTable } from "../format.ts";
import type { Outcome } from "./outcome.ts";

/** `lifeboat doctor --tools`: the only check that needs no configuration. */
export async function runTools({ console, surroundings }: Session, loaded: LoadedConfig | undefined): Promise<Outcome<"tools">> {
  const finder = await findPrograms(loaded, surroundings);
  const { programs, findings } = await checkTools(finder, console.signal, { kopia: loaded?.config.store.kind === "kopia" });
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
  return `${table}\n\n${nobody ? "Only lifeboat bundle needs them, but for age-keygen and kube-decode. You can use them for" : "What needs them, or what you can use them for"}:\n${formatFields(uses)}`;
}

function toJson({
  program,
  found,
  passedOver,
  neededBy,
  usedFor,
}: ToolsReport["programs"][number]): NonNullable<JsonDocument<"doctor">["tools"]>[number] {
  return {
    program: program.name,
    minor: program.minor ?? null,
    found: found ?? null,
    passedOver: passedOver.map(({ path, origin, reason }) => ({ path, origin, reason })),
    neededBy,
    usedFor,
  };
}
