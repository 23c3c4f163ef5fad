/** The pace of a fleet, which the planner, the state machines, the simulation and docs/fleet.md have in common. Without imports, so that each of them may read it. */

const MINUTE_MS = 60_000;

/** How often the planner of a network looks who is due for a backup: at minutes that are multiples of it, so that one look begins where the last one ended, whatever is deployed between. */
export const BACKUP_TICK_MS = 5 * MINUTE_MS;
/** The same of what each cluster has once a day: the keeper's own round, and the look whether a drill is due. */
export const DAILY_TICK_MS = 60 * MINUTE_MS;
/** How often the watch looks at what is stored of all clusters. */
export const WATCH_TICK_MS = 15 * MINUTE_MS;

/** Clusters that a network backs up at once, by default. */
export const CONCURRENCY = 40;
/** Drills at once: each has 10 GiB of disk and two cores. */
export const DRILL_CONCURRENCY = 10;
/** Of the children of a Map, all may fail: each tells of itself, and nobody else waits or is stopped for it. */
export const TOLERATED_FAILURE_PERCENT = 100;

/** The planner's answer is the state of an execution, of which Step Functions keeps 256 KiB, and an item has some 110 bytes. */
export const MOST_CLUSTERS_IN_NETWORK = 2000;

/** The starts of a cluster with a cron line are spread over so long after its time, where it says nothing else. */
export const CRON_WINDOW_MS = 30 * MINUTE_MS;

/** A second and a third attempt of a step, 30 s and 60 s later: a leader is elected in seconds, a member restarts in less than a minute. What lasts longer is for the next slot. */
export const ATTEMPTS = { retries: 2, intervalSeconds: 30, backoff: 2 } as const;
/** A start that AWS has no room for is tried longer: many clusters may be due in the same minute, and a new account runs ten functions at once. */
export const STARTS = { retries: 8, intervalSeconds: 10, longestSeconds: 120 } as const;
