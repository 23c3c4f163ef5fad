import { ageText } from "../shared/age-text.ts";
import type { Finding } from "../shared/audit/finding.ts";
import { findCluster } from "../shared/config/find-cluster.ts";
import type { JsonDocument } from "../shared/contract/documents.ts";
import { checkRpo } from "../shared/jobs/audit/check.ts";
import type { RpoCheck } from "../shared/jobs/audit/check.ts";
import { checkDrills } from "../shared/jobs/audit/drills.ts";
import type { DrillCheck } from "../shared/jobs/audit/drills.ts";
import { readUntil } from "../shared/store/read-until.ts";
import { wire } from "../shared/wire/ports.ts";
import type { Register } from "./command.ts";
import { print, printJson } from "./console.ts";
import { printable } from "./format.ts";

/** `lifeboat check`. */
export const registerCheck: Register = (program, run) => {
  program
    .command("check")
    .summary("for monitoring: is the newest good snapshot recent enough (rpo)?")
    .description(
      "Check that the newest good snapshot of each cluster is no older than the cluster's rpo, and that restores are rehearsed as often as drill.every says. Prints one line for each cluster. Reads metadata only. The exit code is 0 if all are recent enough, 6 if one is not, and 5 if the store cannot be read.",
    )
    .argument("[cluster]", "only this cluster")
    .addHelpText("after", "\nExample:\n  $ lifeboat check prod")
    .action((cluster: string | undefined) =>
      run(async (session) => {
        const loaded = await session.loadConfig();
        const names = cluster === undefined ? Object.keys(loaded.config.clusters) : [cluster];
        const asked = names.map((name) => ({ name, ...findCluster(loaded, name) }));
        const ports = await wire(loaded, session.surroundings);
        const vault = { ...ports, blobs: readUntil(ports.blobs, session.console.signal) };
        const checks = await Promise.all(
          asked.map(async ({ name, rpo, drill }): Promise<Check> => {
            const { signal } = session.console;
            const [age, drills] = await Promise.all([checkRpo(vault, name, rpo), checkDrills(vault, name, drill.every, signal)]);
            return { ...age, problems: [...age.problems, ...drills.findings.map(sentenceOf)], everyMs: drill.every, drills };
          }),
        );
        if (session.json) printJson(session.console, "check", { clusters: checks.map(toJson) });
        else for (const each of checks) print(session.console, printable(lineOf(each)));
        return checks.every(({ problems }) => problems.length === 0) ? 0 : 6;
      }),
    );
};

interface Check extends RpoCheck {
  readonly everyMs: number | undefined;
  readonly drills: DrillCheck;
}

function sentenceOf({ message, evidence, fix }: Finding): string {
  return `${message} (${evidence.join(", ")}); ${fix}`;
}

/** As monitors read it: the state first. */
function lineOf({ cluster, rpoMs, good, problems }: Check): string {
  const state = problems.length === 0 ? "OK" : "CRITICAL";
  const age = good === undefined ? "" : `: ${cluster}/${good.id} is good and ${ageText(good.ageMs)} old (rpo ${ageText(rpoMs)})`;
  return `${state} ${cluster}${age}${problems.length === 0 ? "" : `: ${problems.join("; ")}`}`;
}

function toJson({ cluster, rpoMs, good, problems, everyMs, drills: { last } }: Check): JsonDocument<"check">["clusters"][number] {
  return {
    cluster,
    ok: problems.length === 0,
    rpoSeconds: Math.round(rpoMs / 1000),
    good: good === undefined ? null : { ref: `${cluster}/${good.id}`, takenAt: good.takenAt, ageSeconds: Math.floor(good.ageMs / 1000) },
    drill:
      everyMs === undefined
        ? null
        : {
            everySeconds: Math.round(everyMs / 1000),
            last: last === undefined ? null : { ref: `${cluster}/${last.id}`, drilledAt: new Date(last.at).toISOString(), passed: last.ok },
          },
    problems,
  };
}
