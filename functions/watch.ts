import { isDeepStrictEqual } from "node:util";
import { labelsOf } from "../shared/config/labels.ts";
import { watchEvent } from "../shared/contract/events.ts";
import type { WatchOutcome } from "../shared/contract/outcomes.ts";
import { readMemory, remembered, toTell, watchFleet, writeMemory } from "../shared/jobs/audit/watch.ts";
import { readUntil } from "../shared/store/read-until.ts";
import type { Measured } from "./metrics.ts";
import { serviceName } from "./container.ts";
import { writeMetrics } from "./metrics.ts";
import { serve } from "./serve.ts";

/** So many are told one by one; of more at once, an outage, one notice has all names. */
const ONE_BY_ONE = 25;
/** Of a cluster so many problems are told: the state of an execution holds 256 KiB. */
const PROBLEMS = 5;

/**
 * Looks at what is stored of all clusters of a fleet: WatchEvent in, WatchOutcome out (shared/contract/outcomes.ts). What it says is to be told becomes a notice by the state machine, which calls it again with what was told: so nothing is forgotten before it was said, and nothing
 * is said at each look.
 */
export const handler = serve({
  schema: watchEvent,
  failed: undefined,
  async run({ told }, { loaded, list, ports, signal }): Promise<{ outcome: WatchOutcome; measured: Measured }> {
    if (list === undefined) throw new Error("only the functions of a fleet watch one");
    const blobs = readUntil(ports.blobs, signal);
    const { names, number } = list;
    const now = ports.clock.now();
    const memory = await readMemory(blobs, signal);
    if (told !== undefined) {
      const next = remembered(memory, names, told, now);
      if (!isDeepStrictEqual(next, memory)) await writeMemory(ports.blobs, next, signal);
      return { outcome: { list: number, clusters: names.length, missed: 0, told: [], toTell: [] }, measured: {} };
    }
    const watched = await watchFleet({ ...ports, blobs }, names, memory);
    const missed = watched.filter(({ isMissed }) => isMissed);
    writeMetrics({ service: serviceName() }, { clustersMissed: missed.length });
    for (const { cluster, problems } of missed) ports.progress.note("warn", `${cluster} is missed: ${problems.join("; ")}`);
    const news = toTell(watched, memory, now);
    const outcome = {
      list: number,
      clusters: names.length,
      missed: missed.length,
      told: news.map(({ cluster, state }) => ({ cluster, state })),
      toTell: (["missed", "recovered"] as const).flatMap((state) =>
        noticesOf(
          state,
          news.filter((each) => each.state === state),
          (cluster) => labelsOf(loaded.config, cluster),
        ),
      ),
    };
    return { outcome, measured: {} };
  },
});

type Notice = WatchOutcome["toTell"][number];

function noticesOf(
  state: Notice["state"],
  news: ReturnType<typeof toTell>,
  labels: (cluster: string) => Notice["labels"],
): readonly Notice[] {
  const says = state === "missed" ? "missed: no good backup within the rpo" : "backed up again";
  if (news.length > ONE_BY_ONE) {
    const cluster = news.map((each) => each.cluster).join(", ");
    return [{ cluster, state, subject: `etcd-lifeboat: ${news.length} clusters are ${says}`, since: null, labels: {}, problems: [] }];
  }
  return news.map(({ cluster, takenAt, problems }) => ({
    cluster,
    state,
    // SNS takes 100 characters.
    subject: `etcd-lifeboat: ${cluster.slice(0, 45)} is ${says}`,
    since: takenAt ?? null,
    labels: labels(cluster),
    problems: problems.slice(0, PROBLEMS),
  }));
}
