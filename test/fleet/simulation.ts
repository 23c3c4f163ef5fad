import type { ClusterConfig } from "../../shared/config/schema.ts";
import { slotsIn } from "../../shared/config/fleet-due.ts";
import { ATTEMPTS, BACKUP_TICK_MS, CONCURRENCY, STARTS, TOLERATED_FAILURE_PERCENT } from "../../shared/fleet/pace.ts";
import type { SeededRandom } from "../support/seeded-random.ts";

/**
 * A day of a fleet as a queue: planners look who is due, Maps start what they found, functions take their time and fail. When, how many at once and how often again are the code's own (shared/fleet/). What AWS does is a model:
 * a Map starts its children in order and so many at once, a child that finds no room for its function tries again, and a Map that has had more failures than it tolerates ends the children that it has not started, and those that run.
 */

export interface Cluster {
  readonly name: string;
  readonly network: string;
  readonly schedule: ClusterConfig["schedule"];
  readonly flexibleWindow?: number | undefined;
  /** Its endpoints answer nothing: each attempt takes until its deadline. */
  readonly isDead: boolean;
  /** How much longer it takes than another: its region's S3 is slow. */
  readonly slowness: number;
}

/** What a fleet could set badly. */
export interface Pace {
  readonly tickMs: number;
  readonly concurrency: number;
  readonly toleratedPercent: number;
  /** False: every start of a rate is at the full hour. */
  readonly spreads: boolean;
  /** Functions that an account runs at once. */
  readonly functions: number;
}

export const OWN_PACE: Pace = {
  tickMs: BACKUP_TICK_MS,
  concurrency: CONCURRENCY,
  toleratedPercent: TOLERATED_FAILURE_PERCENT,
  spreads: true,
  // The quota that docs/scale.md names.
  functions: 1000,
};

export interface Simulated {
  /** By cluster, in ms: how old its newest good snapshot was at its worst, from its first one on; Infinity where it has none. */
  readonly worstAge: ReadonlyMap<string, number>;
  /** Backups that were due, and of them those that made no good snapshot. */
  readonly due: number;
  readonly failed: number;
  /** Functions at once, at most. */
  readonly peak: number;
  /** Of the starts that had to wait for one of the Map's places, the longest. */
  readonly longestWaitMs: number;
}

interface Child {
  readonly cluster: Cluster;
  readonly slot: number;
  readonly map: MapRun;
}

interface MapRun {
  readonly waiting: Child[];
  running: number;
  failures: number;
  readonly size: number;
  isStopped: boolean;
}

const SECOND_MS = 1000;
const DAY_MS = 86_400_000;
/** docs/costs.md: the measured ten seconds of 1.6 GB, three times as long on one arm core; a verification; a round of the keeper. */
const RUN_MS = (30 + 20 + 5) * SECOND_MS;
/** A function's own: sizesFor() gives a backup of 2 GiB some four minutes. */
const DEADLINE_MS = 240 * SECOND_MS;
/** Attempts that fail though nothing is wrong with the cluster: a leader is elected, a connection breaks. */
const PASSING_FAULT = 0.01;

export function simulate(clusters: readonly Cluster[], random: SeededRandom, pace: Pace = OWN_PACE): Simulated {
  const queue = new Timeline();
  const good = new Map<string, number>();
  const worstAge = new Map<string, number>();
  let [functions, peak, due, failed, longestWaitMs] = [0, 0, 0, 0, 0];

  const startSome = (map: MapRun): void => {
    while (!map.isStopped && map.running < pace.concurrency) {
      const child = map.waiting.shift();
      if (child === undefined) return;
      map.running++;
      longestWaitMs = Math.max(longestWaitMs, queue.now - child.slot);
      start(child, 0);
    }
  };

  const start = (child: Child, tries: number): void => {
    if (child.map.isStopped) return;
    if (functions < pace.functions) return run(child, 0);
    if (tries === STARTS.retries) return end(child, false);
    const pause = Math.min(STARTS.longestSeconds, STARTS.intervalSeconds * 2 ** tries) * SECOND_MS;
    queue.at(queue.now + pause, () => start(child, tries + 1));
  };

  const run = (child: Child, attempt: number): void => {
    functions++;
    peak = Math.max(peak, functions);
    const { isDead, slowness } = child.cluster;
    const fails = isDead || random.fraction() < PASSING_FAULT;
    // From half of it to twice as much, and now and then four times.
    const took = RUN_MS * slowness * (random.fraction() < 0.02 ? 4 : 0.5 + 1.5 * random.fraction() ** 2);
    queue.at(queue.now + (isDead ? DEADLINE_MS : fails ? took * random.fraction() : took), () => {
      functions--;
      if (!fails || child.map.isStopped) return end(child, !child.map.isStopped);
      // What took until its deadline is not tried again: it would take as long.
      if (isDead || attempt === ATTEMPTS.retries) return end(child, false);
      const pause = ATTEMPTS.intervalSeconds * ATTEMPTS.backoff ** attempt * SECOND_MS;
      queue.at(queue.now + pause, () => (child.map.isStopped ? end(child, false) : run(child, attempt + 1)));
    });
  };

  const end = (child: Child, isGood: boolean): void => {
    const { cluster, slot, map } = child;
    map.running--;
    if (isGood) {
      const before = good.get(cluster.name);
      if (before !== undefined) worstAge.set(cluster.name, Math.max(worstAge.get(cluster.name) ?? 0, queue.now - before));
      good.set(cluster.name, slot);
    } else {
      failed++;
      map.failures++;
      if ((map.failures / map.size) * 100 > pace.toleratedPercent) {
        failed += map.waiting.length;
        map.waiting.length = 0;
        map.isStopped = true;
      }
    }
    startSome(map);
  };

  for (const members of Map.groupBy(clusters, ({ network }) => network).values()) {
    for (const [tick, starts] of startsByTick(members, pace)) {
      queue.at(tick, () => {
        const map: MapRun = { waiting: [], running: 0, failures: 0, size: starts.length, isStopped: false };
        map.waiting.push(...starts.map((each) => ({ ...each, map })));
        due += starts.length;
        startSome(map);
      });
    }
  }
  queue.run(DAY_MS);
  for (const { name } of clusters) {
    const last = good.get(name);
    worstAge.set(name, last === undefined ? Infinity : Math.max(worstAge.get(name) ?? 0, DAY_MS - last));
  }
  return { worstAge, due, failed, peak, longestWaitMs };
}

/** Whom the planner finds at each tick. It asks for one tick at a time, of which the day is made up (test/config/fleet-due.test.ts). */
function startsByTick(members: readonly Cluster[], { tickMs, spreads }: Pace): ReadonlyMap<number, readonly Omit<Child, "map">[]> {
  const starts = members.flatMap((cluster) => {
    const service = { flexibleWindow: spreads ? cluster.flexibleWindow : 1 };
    const slots = slotsIn(cluster.name, { schedule: cluster.schedule, service }, { after: 0, until: DAY_MS });
    return slots.map((slot) => ({ cluster, slot: slot.getTime() }));
  });
  return Map.groupBy(starts, ({ slot }) => Math.ceil(slot / tickMs) * tickMs);
}

/** What is to happen, in the order of its time: a binary heap. */
class Timeline {
  now = 0;
  readonly #heap: { readonly at: number; readonly order: number; readonly action: () => void }[] = [];
  #order = 0;

  at(time: number, action: () => void): void {
    const heap = this.#heap;
    heap.push({ at: time, order: this.#order++, action });
    for (let index = heap.length - 1; index > 0;) {
      const above = (index - 1) >> 1;
      if (!this.#isBefore(index, above)) return;
      this.#swap(index, above);
      index = above;
    }
  }

  run(until: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.at <= until; next = this.#heap[0]) {
      this.#removeFirst();
      this.now = next.at;
      next.action();
    }
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    for (let index = 0; ;) {
      const [left, right] = [2 * index + 1, 2 * index + 2];
      let first = index;
      if (left < heap.length && this.#isBefore(left, first)) first = left;
      if (right < heap.length && this.#isBefore(right, first)) first = right;
      if (first === index) return;
      this.#swap(index, first);
      index = first;
    }
  }

  #isBefore(one: number, other: number): boolean {
    const [a, b] = [this.#heap[one], this.#heap[other]];
    return a !== undefined && b !== undefined && (a.at < b.at || (a.at === b.at && a.order < b.order));
  }

  #swap(one: number, other: number): void {
    const [a, b] = [this.#heap[one], this.#heap[other]];
    if (a === undefined || b === undefined) return;
    this.#heap[one] = b;
    this.#heap[other] = a;
  }
}
