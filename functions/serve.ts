import type { z } from "zod";
import type { LoadedConfig } from "../shared/config/load.ts";
import { causesOf } from "../shared/debug-log.ts";
import { isLifeboatError } from "../shared/errors.ts";
import type { Progress } from "../shared/progress.ts";
import { connectCluster } from "../shared/wire/cluster.ts";
import type { ConnectedCluster } from "../shared/wire/cluster.ts";
import type { Ports } from "../shared/wire/ports.ts";
import { openContainer, serviceName, surroundings } from "./container.ts";
import type { Container } from "./container.ts";
import { deadlineOf } from "./deadline.ts";
import { clusterIn, parseEvent } from "./events.ts";
import { failureOf } from "./failure.ts";
import { debug, openLog, progressIn } from "./log.ts";
import type { LambdaContext } from "./log.ts";
import { writeMetrics } from "./metrics.ts";
import type { Measured } from "./metrics.ts";

/** What a job works with during one invocation. */
export interface Invocation extends Pick<Container, "list" | "surroundings"> {
  readonly loaded: LoadedConfig;
  readonly ports: Ports & { readonly progress: Progress };
  /** Aborts in time for the job to leave nothing behind. */
  readonly signal: AbortSignal;
  /** Milliseconds until then. */
  readonly remainingMs: () => number;
  /** A connection for as long as `action` runs. Secrets are read anew each time: they may have changed since the last invocation. */
  readonly connected: <T>(action: (connected: ConnectedCluster) => Promise<T>) => Promise<T>;
}

export interface Job<S extends z.ZodType<EventOfJob>, Outcome> {
  /** Of the event. */
  readonly schema: S;
  /** The metric that counts its failures, of the event's cluster; undefined for what is of no one cluster. */
  readonly failed: keyof Measured | undefined;
  /** What the log has of the outcome, where it holds what no log may. */
  logged?(outcome: Outcome): unknown;
  run(event: z.output<S>, invocation: Invocation): Promise<{ readonly outcome: Outcome; readonly measured: Measured }>;
}

interface EventOfJob {
  readonly cluster?: string;
  /** Of a job that serves several. */
  readonly clusters?: readonly string[] | undefined;
  /** Of the watch, which serves all. */
  readonly told?: unknown;
}

/** A key of which another run would say the same until somebody does something about it. */
const KEY_UNUSABLE = ["keys/disabled", "keys/deleting", "keys/missing"] as const;

/**
 * A Lambda handler that runs `job`: it parses the event, stops the job before Lambda kills it, and writes metrics and log. Throws a FunctionFailure.
 */
export function serve<S extends z.ZodType<EventOfJob>, Outcome>(
  job: Job<S, Outcome>,
): (event: unknown, context: LambdaContext) => Promise<Outcome> {
  const failures = (count: number): Measured => (job.failed === undefined ? {} : { [job.failed]: count });
  return async (event, context) => {
    const deadline = deadlineOf(surroundings.clock, context.getRemainingTimeInMillis());
    const logger = openLog(context);
    const cluster = clusterIn(event);
    logger.appendKeys({ cluster });
    const measure = (measured: Measured): void => {
      if (cluster !== undefined) writeMetrics({ service: serviceName(), cluster }, measured);
    };
    let container: Container | undefined;
    let isFailed = false;
    try {
      const parsed = parseEvent(job.schema, event);
      container = await openContainer(parsed.cluster ?? (parsed.clusters?.length === 1 ? parsed.clusters[0] : undefined));
      const { loaded, ports, list, surroundings: lent } = container;
      const { outcome, measured } = await job.run(parsed, {
        loaded,
        list,
        surroundings: lent,
        ports: { ...ports, progress: progressIn(logger) },
        signal: deadline.signal,
        remainingMs: deadline.remainingMs,
        connected: async (action) => {
          if (parsed.cluster === undefined) throw new Error("the event names no cluster to connect to");
          const connected = await connectCluster(loaded, parsed.cluster, lent);
          return action(connected).finally(() => connected.etcd.close());
        },
      });
      logger.info("done", { outcome: job.logged === undefined ? outcome : job.logged(outcome) });
      measure({ ...failures(0), keyUnusable: 0, ...measured });
      return outcome;
    } catch (error) {
      isFailed = true;
      const { failure, logged } = failureOf(error, deadline.signal);
      logger.error("failed", logged);
      debug?.log("cause", causesOf(error));
      // A start that was delivered again, of a slot that was backed up and removed, is no failure.
      measure({
        ...failures(isLifeboatError(error, "ref/removed") ? 0 : 1),
        keyUnusable: isLifeboatError(error, ...KEY_UNUSABLE) ? 1 : 0,
      });
      throw failure;
    } finally {
      await container?.end(isFailed);
      deadline.cancel();
    }
  };
}
