import { verifyMissing } from "../shared/jobs/verify/verify-missing.ts";
import type { MissingPorts } from "../shared/jobs/verify/verify-missing.ts";
import { isLifeboatError, messageOf } from "../shared/errors.ts";
import type { CustodyReceipt } from "../shared/documents/parts.ts";

/** A long weekend, and the days until somebody looked. */
const WITHIN_MS = 7 * 86_400_000;

export interface TimeLeft {
  readonly signal: AbortSignal;
  /** Until the signal. */
  readonly remainingMs: () => number;
  /** What the run's own verification took: another one takes about as long. */
  readonly tookMs: number;
}

export interface VerifiedEarlier {
  /** Ids that are countersigned now. */
  readonly verified: readonly string[];
  /** How many are not what was signed. */
  readonly broken: number;
  /** The last record of the custody log that this left. */
  readonly custody: CustodyReceipt | undefined;
}

/**
 * Verifies what earlier runs missed within a week and what is to be read back (`verify.deepVerify`), newest first, in half of the time that the run has left: another one is begun only while twice the time that one takes is left of it. Never
 * throws: what goes wrong is told in the log, and the run's own snapshot is verified all the same.
 */
export async function verifyEarlier(
  ports: MissingPorts,
  cluster: string,
  { signal, remainingMs, tookMs }: TimeLeft,
): Promise<VerifiedEarlier> {
  const { clock, progress } = ports;
  const endMs = clock.monotonicMs() + remainingMs() / 2;
  const isEnough = (): boolean => endMs - clock.monotonicMs() > 2 * tookMs;
  const verified: string[] = [];
  let broken = 0;
  let custody: CustodyReceipt | undefined;
  if (!isEnough()) return { verified, broken, custody };
  const stop = new AbortController();
  const cancel = clock.after(remainingMs() / 2, () => stop.abort());
  try {
    for await (const each of verifyMissing(ports, cluster, {
      withinMs: WITHIN_MS,
      onlyDue: true,
      signal: AbortSignal.any([signal, stop.signal]),
    })) {
      const name = `${cluster}/${each.id}, which an earlier run did not verify`;
      if ("verified" in each) {
        ({ custody } = each.verified);
        verified.push(each.id);
        progress.note("info", `${name}: verified and countersigned`);
      } else if ("error" in each) {
        if (isLifeboatError(each.error, "verify/")) broken += 1;
        progress.note("warn", `${name}: ${each.error.message}`);
      }
      if (!isEnough()) break;
    }
  } catch (error) {
    progress.note("warn", `what earlier runs of ${cluster} did not verify is left for the next one: ${messageOf(error)}`);
  } finally {
    cancel();
  }
  return { verified, broken, custody };
}
