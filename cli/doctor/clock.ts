import { checkClocks, type ClockReport } from "../../shared/jobs/doctor/check-clock.ts";
import { openInspectors } from "../../shared/wire/doctor.ts";
import { formatFields, formatMilliseconds } from "../format.ts";
import type { RunCheck } from "./outcome.ts";

/** `lifeboat doctor --clock`. */
export const runClock: RunCheck<"clock"> = async ({ console, surroundings }, loaded) => {
  const { stores } = await openInspectors(loaded, surroundings);
  const reports = await checkClocks(stores, console.signal);
  return {
    text: formatFields(reports.map((report) => [`clock of ${report.name}`, describe(report)])),
    json: reports.map(({ name, reading }) => ({ name, skewMs: reading?.skewMs ?? null, uncertaintyMs: reading?.uncertaintyMs ?? null })),
    findings: reports.flatMap(({ findings }) => findings),
  };
};

function describe({ reading }: ClockReport): string {
  if (reading === undefined) return "not known";
  const { skewMs, uncertaintyMs } = reading;
  if (Math.abs(skewMs) <= uncertaintyMs) return "as here";
  return `${formatMilliseconds(Math.abs(skewMs))} ${skewMs > 0 ? "ahead of" : "behind"} here`;
}
