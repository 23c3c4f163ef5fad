import { ageText } from "../../shared/age-text.ts";
import type { DrillFact } from "../../shared/audit/facts.ts";
import { checkDrillsOf } from "../../shared/jobs/doctor/check-drills.ts";
import { readUntil } from "../../shared/store/read-until.ts";
import type { Ports } from "../../shared/wire/ports.ts";
import { formatFields } from "../format.ts";
import type { RunCheck } from "./outcome.ts";

/** `lifeboat doctor --drills`. */
export const runDrills: RunCheck<"drills"> = async (session, loaded) => {
  const { signal, clock } = session.console;
  const open = async (): Promise<Ports> => {
    const ports = await session.openPorts();
    return { ...ports, blobs: readUntil(ports.blobs, signal) };
  };
  const asked = Object.entries(loaded.config.clusters).map(([cluster, { drill }]) => ({ cluster, everyMs: drill.every }));
  const reports = await checkDrillsOf(open, asked, signal);
  return {
    text: formatFields(
      reports.map(({ cluster, everyMs, last }): [string, string] => [`drills of ${cluster}`, describe(everyMs, last, clock.now())]),
    ),
    json: reports.map(({ cluster, everyMs, last }) => ({
      cluster,
      everySeconds: everyMs === undefined ? null : Math.round(everyMs / 1000),
      lastAt: last === undefined ? null : new Date(last.at).toISOString(),
      passed: last?.ok ?? null,
    })),
    findings: reports.flatMap(({ findings }) => findings),
  };
};

function describe(everyMs: number | undefined, last: DrillFact | undefined, now: Date): string {
  if (everyMs === undefined) return "nobody asks for them (drill.every)";
  if (last === undefined) return `none; one every ${ageText(everyMs)} is asked for`;
  return `${last.ok ? "passed" : "FAILED"} ${ageText(now.getTime() - last.at)} ago; one every ${ageText(everyMs)} is asked for`;
}
