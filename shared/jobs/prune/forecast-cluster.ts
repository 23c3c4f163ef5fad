import { LifeboatError } from "../../errors.ts";
import type { LineageFacts } from "../../retention/facts.ts";
import type { JudgePorts } from "../../vault/judge.ts";
import { readFacts } from "./facts.ts";
import { forecast, MOST_BACKUPS } from "./forecast.ts";
import type { Forecast, ForecastInput } from "./forecast.ts";
import { retentionFactsOf } from "./plan.ts";

export interface ClusterForecast extends Forecast {
  /** In ms since 1970. */
  readonly now: number;
  /** Lineages of which nothing goes, as long as nobody accepts the one after. */
  readonly frozen: readonly LineageFacts[];
}

/**
 * What `cluster` will have in its store until `until`: see `forecast`. Reads what is there, and changes nothing. What is stored is taken to be locked as the configuration says,
 * since to ask for each lock takes two requests. Throws `ref/not-found` where nothing is stored, `usage` where `until` is too far, `store/...`.
 */
export async function forecastCluster(
  ports: JudgePorts,
  cluster: string,
  settings: Omit<ForecastInput, "snapshots" | "lineages" | "now">,
  signal?: AbortSignal,
): Promise<ClusterForecast> {
  const { snapshots, lineages } = retentionFactsOf(await readFacts(ports, cluster, { byCatalog: true, signal }));
  const { lockMs } = settings;
  const locked = lockMs === undefined ? snapshots : snapshots.map((each) => ({ ...each, lockedUntil: each.time + lockMs }));
  const now = ports.clock.now().getTime();
  const found = limited(() => forecast({ ...settings, snapshots: locked, lineages, now }));
  if (found === undefined)
    throw new LifeboatError("ref/not-found", `nothing of ${cluster} is stored, and a forecast takes the size of a snapshot`, {
      hint: `take one: lifeboat backup ${cluster}`,
    });
  return { ...found, now, frozen: lineages.filter(({ frozen }) => frozen) };
}

function limited<T>(compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new LifeboatError("usage", `more than ${MOST_BACKUPS} backups would come until then`, {
      hint: "give an earlier time to --until",
      cause: error,
    });
  }
}
