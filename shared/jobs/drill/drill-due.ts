import { LifeboatError } from "../../errors.ts";
import type { Vault } from "../../vault/vault.ts";
import { drillHistory } from "../audit/drills.ts";
import { drill } from "./drill.ts";
import type { DrillPorts, DrillResult } from "./drill.ts";
import { dueDrills } from "./due.ts";

/** What became of the drill of one cluster: `waits` where no time was left for it. */
export type DueDrill =
  | { readonly cluster: string; readonly state: "drilled"; readonly result: DrillResult }
  | { readonly cluster: string; readonly state: "failed"; readonly error: LifeboatError }
  | { readonly cluster: string; readonly state: "waits" };

export interface DueDrillsRequest {
  /** Each with how often it is to be drilled. */
  readonly clusters: readonly { readonly cluster: string; readonly everyMs: number | undefined }[];
  /** As `DrillRequest` has it. */
  readonly work: string;
  readonly signal: AbortSignal;
  /** Milliseconds until `signal` aborts. */
  readonly remainingMs: () => number;
}

/** 5 min: what is thought of a cluster that was never drilled, with a database of a GiB. */
const UNKNOWN_MS = 300_000;
/** A drill may take half as long again as the last one. */
const MARGIN = 1.5;

/**
 * Drills the newest good snapshot of each cluster whose drill is due, one after the other, as long as there is time for another. A drill that failed is a result like any other, with its error; so is one that could not begin. Throws `store/...` where the evidence of
 * earlier drills cannot be read, and `interrupted`.
 */
export async function* drillDue(
  ports: DrillPorts & Vault,
  { clusters, work, signal, remainingMs }: DueDrillsRequest,
): AsyncGenerator<DueDrill, void, undefined> {
  const states = [];
  for (const { cluster, everyMs } of clusters) {
    const { drills } = everyMs === undefined ? { drills: [] } : await drillHistory(ports, cluster, signal, 1);
    states.push({ cluster, everyMs, last: drills.at(-1) });
  }
  let isFirst = true;
  for (const cluster of dueDrills(states, ports.clock.now().getTime())) {
    const steps = states.find((each) => each.cluster === cluster)?.last?.steps;
    const expectedMs = steps === undefined ? UNKNOWN_MS : steps.reduce((sum, { ms }) => sum + ms, 0) * MARGIN;
    // The one that is due for longest is tried whatever it takes: else one that takes too long would wait for ever, and unheard.
    if (!isFirst && expectedMs > remainingMs()) yield { cluster, state: "waits" };
    else yield await drillOne(ports, cluster, { work, signal });
    isFirst = false;
  }
}

async function drillOne(
  ports: DrillPorts,
  cluster: string,
  { work, signal }: Pick<DueDrillsRequest, "work" | "signal">,
): Promise<DueDrill> {
  try {
    const result = await drill(ports, { ref: `${cluster}/good`, work, signal });
    return result.failure === undefined
      ? { cluster, state: "drilled", result }
      : { cluster, state: "failed", error: asToldOf(result, result.failure) };
  } catch (error) {
    if (!(error instanceof LifeboatError) || signal.aborted) throw error;
    return { cluster, state: "failed", error };
  }
}

function asToldOf({ found, evidence }: DrillResult, { step, error }: NonNullable<DrillResult["failure"]>): LifeboatError {
  const { cluster, id } = found.manifest;
  const hint = `${error.hint === undefined ? "" : `${error.hint}; `}the evidence is ${evidence}`;
  return new LifeboatError(error.code, `the drill of ${cluster}/${id} failed at ${step}: ${error.message}`, { hint, cause: error });
}
