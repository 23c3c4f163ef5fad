import { roundEvent } from "../shared/contract/events.ts";
import type { PlanOutcome } from "../shared/contract/outcomes.ts";
import { LifeboatError } from "../shared/errors.ts";
import { dueIn } from "../shared/config/fleet-due.ts";
import { BACKUP_TICK_MS, DAILY_TICK_MS, MOST_CLUSTERS_IN_NETWORK } from "../shared/fleet/pace.ts";
import type { Measured } from "./metrics.ts";
import { isUnderstood, serviceName } from "./container.ts";
import { writeMetrics } from "./metrics.ts";
import { serve } from "./serve.ts";

/**
 * Says who of a fleet is due: RoundEvent in, PlanOutcome out (shared/contract/outcomes.ts). It reads the list in the store and nothing else: for the same time and list its answer is the same.
 */
export const handler = serve({
  schema: roundEvent,
  failed: undefined,
  async run({ round, network, tick, clusters: named, slot }, { list, ports }): Promise<{ outcome: PlanOutcome; measured: Measured }> {
    if (list === undefined) throw new Error("only the functions of a fleet plan one");
    writeMetrics({ service: serviceName() }, { clustersListed: list.names.length, listsUnbelieved: list.unbelieved.length });
    for (const { message } of list.unbelieved) ports.progress.note("warn", `not in force: ${message}`);
    const inNetwork = list.names.flatMap((cluster) => {
      if (!isUnderstood(list, cluster)) {
        ports.progress.note("warn", `${cluster} is not backed up: its settings in list ${list.number} are not understood`);
        return [];
      }
      const settings = list.cluster(cluster);
      return settings === undefined || (network !== undefined && settings.service.network !== network) ? [] : [{ cluster, settings }];
    });
    if (named !== undefined) {
      // A name that is not there is told, and holds up none of the others.
      const there = new Set(inNetwork.map(({ cluster }) => cluster));
      for (const name of named)
        if (!there.has(name)) ports.progress.note("warn", `${name} is not in list ${list.number}, or in another network`);
      const asked = named.filter((name) => there.has(name));
      return planned(
        list.number,
        asked.map((cluster) => ({ cluster, ...(slot === undefined ? {} : { slot: slot.toISOString() }) })),
      );
    }
    const until = tick?.getTime() ?? 0;
    const after = until - (round === "backup" ? BACKUP_TICK_MS : DAILY_TICK_MS);
    return planned(list.number, dueIn(inNetwork, round, { after, until }));
  },
});

function planned(list: number, due: PlanOutcome["due"]): { outcome: PlanOutcome; measured: Measured } {
  if (due.length <= MOST_CLUSTERS_IN_NETWORK) return { outcome: { list, due }, measured: {} };
  throw new LifeboatError(
    "config/invalid",
    `${due.length} clusters of one network are due at once, and a round takes ${MOST_CLUSTERS_IN_NETWORK}`,
    {
      hint: "give them a service.flexibleWindow, or put some into another network",
    },
  );
}
