import type { ClockReading } from "../../store/store-inspector.ts";
import { attempt } from "./attempt.ts";
import type { NamedStore } from "./check-store.ts";
import type { DoctorFinding } from "./finding.ts";

/** Services of AWS take no request whose signature is older: https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html */
const REFUSED_MS = 5 * 60_000;
/** A machine that keeps time is within a second; slots, custody records and locks are written by it. */
const OFF_MS = 30_000;

export interface ClockReport {
  readonly name: string;
  /** Undefined where the store could not be asked. */
  readonly reading: ClockReading | undefined;
  readonly findings: readonly DoctorFinding[];
}

/** Holds this machine's clock against each store's. */
export function checkClocks(stores: readonly NamedStore[], signal: AbortSignal): Promise<readonly ClockReport[]> {
  return Promise.all(
    stores.map(async ({ name, inspector }) => {
      const [reading, findings] = await attempt(name, () => inspector.clock(signal));
      return { name, reading, findings: reading === undefined ? findings : judgeClock(name, inspector.location, reading) };
    }),
  );
}

/** What the difference means; as little of it as the reading allows. */
export function judgeClock(subject: string, location: string, { skewMs, uncertaintyMs }: ClockReading): readonly DoctorFinding[] {
  const atLeastMs = Math.abs(skewMs) - uncertaintyMs;
  if (atLeastMs <= OFF_MS) return [];
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  const refused = atLeastMs > REFUSED_MS;
  return [
    {
      code: "clock-skew",
      severity: refused ? "problem" : "warning",
      subject,
      message: `this machine's clock is ${seconds} s ${skewMs > 0 ? "behind" : "ahead of"} that of ${location}${refused ? ": AWS refuses requests that are 5 minutes off" : ""}`,
      fix: "set it by NTP (timedatectl set-ntp true), or find out which of the two is wrong",
    },
  ];
}
