import { expect, test } from "vitest";
import type { ExecutionState } from "../../shared/cloud/executions.ts";
import { invokeBackup } from "../../shared/jobs/invoke.ts";
import type { InvokeRequest } from "../../shared/jobs/invoke.ts";
import { systemClock } from "../../shared/system-clock.ts";
import { ScriptedExecutions } from "../doubles/scripted-executions.ts";
import { failureOf } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";

const OUTCOME = {
  backup: {
    cluster: "prod",
    id: "20261121T100000Z",
    existing: false,
    committedBy: "this-run",
    manifestDigest: "sha256:1",
    proof: "proven",
    quarantined: false,
    dissenters: [],
    lineage: 1,
    lineageAttention: null,
    databaseBytes: 10,
    storedBytes: 5,
    custody: null,
    needsAttention: false,
    findings: [],
  },
  verify: {
    cluster: "prod",
    id: "20261121T100000Z",
    countersignature: "clusters/prod/verified/x.json",
    custody: "4:sha256:2",
    replicas: [],
    findings: [],
  },
} as const;
const RUNNING: ExecutionState = { status: "running" };

/** Invokes without waiting between looks; what was told, in order. */
async function invoke(executions: ScriptedExecutions, request: Partial<InvokeRequest> = {}) {
  const told: string[] = [];
  const clock = {
    ...systemClock,
    after(ms: number, action: () => void) {
      expect(ms).toBeGreaterThanOrEqual(1000);
      queueMicrotask(action);
      return () => undefined;
    },
  };
  const ports = { executions, clock, onStart: (execution: string) => told.push(execution), onState: (name: string) => told.push(name) };
  const running = invokeBackup(ports, { cluster: "prod", service: "lifeboat", ...request });
  return { told, result: await running };
}

const invoked = async (state: ExecutionState): Promise<Error> => failureOf(invoke(new ScriptedExecutions([RUNNING, state])));

test("starts the cluster's state machine by its name, tells of each state once, and gives the outcome", async () => {
  const executions = new ScriptedExecutions([RUNNING, RUNNING, { status: "succeeded", output: { ...OUTCOME, more: 1 } }]);
  const { told, result } = await invoke(executions, { cluster: "shop.eu" });
  expect(executions.asked).toEqual(["find lifeboat-shop_eu", 'start arn:lifeboat-shop_eu {"cluster":"shop.eu"}']);
  expect(told).toEqual(["arn:execution", "Step1", "Step2", "Step3"]);
  // A service of before said nothing of members, and removed nothing.
  const order = { outcome: "nothing", subjects: 0, bytes: 0, brakes: [], message: null };
  const verify = { ...OUTCOME.verify, confirmed: "not asked", notConfirmed: null, order };
  expect(result).toEqual({ execution: "arn:execution", outcome: { ...OUTCOME, verify, keeper: null, keeperFailure: null } });
});

test("a state machine that was named is not looked for", async () => {
  const executions = new ScriptedExecutions([{ status: "succeeded", output: OUTCOME }]);
  await invoke(executions, { stateMachine: "arn:another" });
  expect(executions.asked).toEqual(['start arn:another {"cluster":"prod"}']);
});

test("the signal ends the watching: the execution that goes on is named, and nothing is thrown", async () => {
  const stop = new AbortController();
  const executions = new ScriptedExecutions([RUNNING], () => stop.abort());
  const { told, result } = await invoke(executions, { signal: stop.signal });
  expect(result).toEqual({ execution: "arn:execution", outcome: undefined });
  expect(told).toEqual(["arn:execution", "Step1"]);
});

test("what a function failed with is thrown again by its own code, with its hint", async () => {
  const cause = { errorType: "etcd/unreachable", errorMessage: "no way to m1\nhint: start m1", trace: ["etcd/unreachable: no way"] };
  const failed = { status: "failed", error: "etcd/unreachable" } as const;
  const expected = { code: "etcd/unreachable", message: "no way to m1", hint: "start m1" };
  expect(await invoked({ ...failed, cause: JSON.stringify(cause) })).toMatchObject(expected);
  // The Fail state may pass on the message alone.
  expect(await invoked({ ...failed, cause: cause.errorMessage })).toMatchObject(expected);
});

test.each([
  ["deadline", "the time was up\nhint: raise it", "the execution failed: deadline: the time was up", "raise it"],
  ["unexpected", "internal error (a bug)", "the execution failed: unexpected: internal error (a bug)", "report it"],
  ["States.Timeout", "", "the execution failed: States.Timeout", "see what it did: arn:execution"],
  ["", "", "the execution failed", "see what it did: arn:execution"],
  // Codes that objects have by themselves.
  ["constructor", "{}", "the execution failed: constructor: {}", "see what it did"],
])("a failure that is none of lifeboat's own codes is the service's: %s", async (error, cause, message, hint) => {
  expect(await invoked({ status: "failed", error, cause })).toMatchObject({ code: "service/failed", message, hint: saying(hint) });
});

test("an execution that somebody stopped, and an output that is another's, are failures of the service", async () => {
  expect(await invoked({ status: "stopped" })).toMatchObject({
    code: "service/failed",
    message: "somebody stopped the execution arn:execution",
  });
  const { verify: _, ...half } = OUTCOME;
  expect(await invoked({ status: "succeeded", output: half })).toMatchObject({
    code: "service/failed",
    message: saying("is no outcome of a backup (verify: "),
  });
});
