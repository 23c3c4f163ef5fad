import type { JsonDocument } from "../shared/contract/documents.ts";
import { isLifeboatError, messageOf } from "../shared/errors.ts";
import type { LifeboatError } from "../shared/errors.ts";
import { verifyMissing } from "../shared/jobs/verify/verify-missing.ts";
import type { MissingOutcome } from "../shared/jobs/verify/verify-missing.ts";
import type { Session } from "./command.ts";
import { printDone, printJson, note } from "./console.ts";
import { exitCodeOf } from "./exit-codes.ts";
import type { ExitCode } from "./exit-codes.ts";
import { printable } from "./format.ts";
import { checkedJson, notGood, textOf } from "./verified.ts";

const NOT_DUE = "not read back: a neighbour is countersigned (verify.deepVerify)";

/** What is gravest comes first. */
const GRAVEST: readonly ExitCode[] = [4, 5, 1, 3, 2, 6, 0];

/** `lifeboat verify CLUSTER --missing`: each one is reported as it ends. */
export async function verifyAllMissing(
  session: Session,
  ports: Parameters<typeof verifyMissing>[0],
  cluster: string,
  withinMs: number | undefined,
): Promise<ExitCode> {
  const { console, json } = session;
  const outcomes: MissingOutcome[] = [];
  let interruption: LifeboatError | undefined;
  try {
    for await (const outcome of verifyMissing(ports, cluster, { withinMs, signal: console.signal })) {
      outcomes.push(outcome);
      if ("verified" in outcome) {
        const { verified } = outcome;
        if (!json) printDone(console, textOf(verified));
        if (verified.lacks.length > 0 && console.quiet === true) note(console, `warning: ${notGood(verified)}`);
      } else if ("looked" in outcome) {
        if (!json) printDone(console, textOf(outcome.looked, NOT_DUE));
      } else {
        note(console, `${cluster}/${outcome.id}: ${printable(outcome.error.message)}`);
        if (outcome.error.hint !== undefined) note(console, `hint: ${printable(outcome.error.hint)}`);
      }
    }
  } catch (error) {
    if (!isLifeboatError(error, "interrupted")) throw error;
    interruption = error;
  }
  if (json) printJson(console, "verify", { cluster, level: "deep", snapshots: outcomes.map((each) => missingJson(cluster, each)) });
  if (interruption !== undefined) {
    note(console, console.signal.aborted ? messageOf(console.signal.reason) : interruption.message);
    return 130;
  }
  if (outcomes.length === 0 && !json) printDone(console, `no snapshot of ${cluster} lacks a countersignature`);
  const codes = new Set(
    outcomes.map((each) => ("error" in each ? exitCodeOf(each.error) : "looked" in each || each.verified.lacks.length === 0 ? 0 : 6)),
  );
  return GRAVEST.find((code) => codes.has(code)) ?? 0;
}

function missingJson(cluster: string, outcome: MissingOutcome): MissingJson {
  if ("verified" in outcome) {
    const { countersignature, confirmed, confirmation, custody } = outcome.verified;
    return { ...checkedJson(outcome.verified), countersignature, confirmed, confirmation, custody, error: null };
  }
  if ("looked" in outcome) return { ...checkedJson(outcome.looked), ...NOTHING_LEFT, error: null };
  const { id, error } = outcome;
  return {
    ref: `${cluster}/${id}`,
    good: false,
    lacks: [error.message],
    checks: [],
    manifestDigest: null,
    ...NOTHING_LEFT,
    error: { code: error.code, message: error.message },
  };
}

const NOTHING_LEFT = { countersignature: null, confirmed: null, confirmation: null, custody: null } as const;

type MissingJson = Extract<JsonDocument<"verify">, { readonly snapshots: unknown }>["snapshots"][number];
