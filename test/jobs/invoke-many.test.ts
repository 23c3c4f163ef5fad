import { expect, test } from "vitest";
import type { EnteredState, Executions, ExecutionState } from "../../shared/cloud/executions.ts";
import type { BackupEvent, RoundEvent } from "../../shared/contract/events.ts";
import { LifeboatError } from "../../shared/errors.ts";
import type { FleetCluster } from "../../shared/jobs/fleet.ts";
import { invokeEach, invokeRounds, newSince } from "../../shared/jobs/invoke-many.ts";
import type { InvokedOne } from "../../shared/jobs/invoke-many.ts";
import { systemClock } from "../../shared/system-clock.ts";
import { saying } from "../support/matchers.ts";

/** State machines of many clusters, each of whose executions ends in the same way after it was looked at for a while. */
class ManyExecutions implements Executions {
  readonly started: string[] = [];
  mostAtOnce = 0;
  readonly #looks = new Map<string, number>();
  readonly #end: ExecutionState;

  constructor(end: ExecutionState) {
    this.#end = end;
  }

  async find(stateMachine: string): Promise<string> {
    if (stateMachine.endsWith("-nowhere")) throw new LifeboatError("config/not-found", `no state machine ${stateMachine}`);
    return stateMachine;
  }

  async start(stateMachine: string, event: BackupEvent | RoundEvent): Promise<string> {
    this.started.push(`${stateMachine} ${JSON.stringify(event)}`);
    this.#looks.set(stateMachine, 0);
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#looks.size);
    return stateMachine;
  }

  async look(execution: string): Promise<ExecutionState> {
    const looks = (this.#looks.get(execution) ?? 0) + 1;
    if (looks < 30) {
      this.#looks.set(execution, looks);
      return { status: "running" };
    }
    this.#looks.delete(execution);
    return this.#end;
  }

  async entered(): Promise<readonly EnteredState[]> {
    return [];
  }
}

const clock = {
  ...systemClock,
  after(_ms: number, action: () => void) {
    queueMicrotask(action);
    return () => undefined;
  },
};
const FAILED: ExecutionState = {
  status: "failed",
  error: "etcd/unreachable",
  cause: '{"errorMessage":"prod does not answer\\nhint: look"}',
};
const signal = new AbortController().signal;

test("each cluster has its outcome, whatever became of the others, and no more than eight run at once", async () => {
  const executions = new ManyExecutions(FAILED);
  const clusters = [...Array.from({ length: 20 }, (_, index) => `c${index}`), "nowhere"];
  const told: string[] = [];
  const ended = await invokeEach(
    { executions, clock, onStart: (of) => told.push(of) },
    { clusters, service: "boat", signal },
    (one: InvokedOne) => told.push(`${one.cluster} ended`),
  );
  expect(ended.map(({ cluster }) => cluster)).toEqual(clusters);
  expect(ended[3]).toMatchObject({ failure: { code: "etcd/unreachable", message: "prod does not answer", hint: "look" } });
  expect(ended.at(-1)).toMatchObject({ failure: { code: "config/not-found" } });
  expect(executions.mostAtOnce).toBe(8);
  expect(told.filter((line) => line.endsWith(" ended"))).toHaveLength(21);
});

test("an interruption starts no more", async () => {
  const stop = new AbortController();
  const executions = new ManyExecutions(FAILED);
  const clusters = Array.from({ length: 20 }, (_, index) => `c${index}`);
  const ended = await invokeEach(
    { executions, clock, onStart: () => stop.abort() },
    { clusters, service: "boat", signal: stop.signal },
    () => undefined,
  );
  expect(ended.length).toBeLessThanOrEqual(8);
  expect(ended[0]).toMatchObject({ cluster: "c0", outcome: undefined });
});

test("a fleet has one round for each network, with its clusters, and a round that fails says why", async () => {
  const networks = new Map([
    ["default", ["a", "b"]],
    ["eu", ["c"]],
  ]);
  const ports = { clock, onStart: () => undefined };
  const executions = new ManyExecutions({ status: "succeeded", output: {} });
  expect(await invokeRounds({ ...ports, executions }, { networks, service: "boat", signal })).toEqual([
    { network: "default", execution: "boat-fleet-default", isEnded: true },
    { network: "eu", execution: "boat-fleet-eu", isEnded: true },
  ]);
  expect(executions.started).toEqual([
    'boat-fleet-default {"round":"backup","network":"default","clusters":["a","b"]}',
    'boat-fleet-eu {"round":"backup","network":"eu","clusters":["c"]}',
  ]);
  await expect(
    invokeRounds({ ...ports, executions: new ManyExecutions(FAILED) }, { networks, service: "boat", signal }),
  ).rejects.toMatchObject({
    code: "etcd/unreachable",
    message: saying("prod does not answer"),
  });
});

const COUNTS = {
  snapshots: 1,
  storedBytes: 1,
  good: 1,
  notVerified: 0,
  quarantined: 0,
  unbelieved: 0,
  lineage: 1,
  attention: undefined,
  drill: undefined,
};

test("a snapshot is new where it was not the newest before, and counts where it is good by then", () => {
  const snapshot = (id: string) => ({ id, startedAt: "", createdAt: "", databaseBytes: 1, storedBytes: 1, revision: 1, lineage: 1 });
  const standing = (newest?: string, newestGood?: string): FleetCluster => ({
    cluster: "prod",
    rpoMs: undefined,
    hint: "ok",
    problems: [],
    stored: {
      ...COUNTS,
      newest: newest === undefined ? undefined : snapshot(newest),
      newestGood: newestGood === undefined ? undefined : { ...snapshot(newestGood), ageMs: 1 },
    },
  });
  expect(newSince(standing("a", "a"), standing("b", "b"))).toEqual({ state: "good", id: "b" });
  expect(newSince(standing(), standing("b", "b"))).toEqual({ state: "good", id: "b" });
  expect(newSince(standing("a", "a"), standing("b", "a"))).toEqual({ state: "not good", id: "b" });
  expect(newSince(standing("a", "a"), standing("a", "a"))).toEqual({ state: "none", id: null });
  expect(newSince(standing("a", "a"), undefined)).toEqual({ state: "none", id: null });
});
