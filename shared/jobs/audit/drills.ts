import type { DrillFact } from "../../audit/facts.ts";
import { judgeDrills } from "../../audit/rules/drills.ts";
import type { Finding } from "../../audit/finding.ts";
import type { Clock } from "../../clock.ts";
import { restoringMs } from "../../documents/drill.ts";
import type { LifeboatError } from "../../errors.ts";
import { readDrills } from "../../vault/drills.ts";
import type { Vault } from "../../vault/vault.ts";

/** Daily ones of more than a year. */
const MOST = 400;
/** The last one counts, and some may be of a later version, or not believed. */
const LAST_ONES = 8;

export interface DrillHistory {
  /** Oldest first. */
  readonly drills: readonly DrillFact[];
  readonly bad: readonly { readonly key: string; readonly error: LifeboatError }[];
}

/** The drills of a cluster, as far as this version knows what came of them. Throws `store/...`. */
export async function drillHistory(vault: Vault, cluster: string, signal?: AbortSignal, most = MOST): Promise<DrillHistory> {
  const { found, bad } = await readDrills(vault, cluster, most, signal);
  const drills = found.flatMap(({ drill: { id, drilledAt, outcome, failure, steps } }): readonly DrillFact[] => {
    if (outcome !== "passed" && outcome !== "failed") return [];
    return [
      {
        id,
        at: Date.parse(drilledAt),
        ok: outcome === "passed",
        reason: failure === undefined ? undefined : `${failure.step}: ${failure.message}`,
        tookMs: restoringMs(steps),
        steps: steps.map(({ name, ms }) => ({ name, ms })),
      },
    ];
  });
  return { drills, bad };
}

export interface DrillCheck {
  readonly last: DrillFact | undefined;
  readonly findings: readonly Finding[];
}

/** Whether restores of a cluster are rehearsed as often as the configuration asks for, and the last one went well. Reads metadata only. */
export async function checkDrills(
  vault: Vault & { readonly clock: Clock },
  cluster: string,
  everyMs: number | undefined,
  signal?: AbortSignal,
): Promise<DrillCheck> {
  if (everyMs === undefined) return { last: undefined, findings: [] };
  const { drills } = await drillHistory(vault, cluster, signal, LAST_ONES);
  const facts = {
    cluster,
    now: vault.clock.now().getTime(),
    policy: { drillEveryMs: everyMs },
    drills: { known: true, value: drills },
  } as const;
  return { last: drills.at(-1), findings: judgeDrills(facts) };
}
