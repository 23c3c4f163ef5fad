import { z } from "zod";
import { pause } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { LifeboatError } from "../errors.ts";
import type { Executions } from "../cloud/executions.ts";
import { backupOutcome, executionOutcome, verifyOutcome } from "../contract/outcomes.ts";
import { stateMachineName } from "../contract/service.ts";
import type { ExecutionOutcome } from "../contract/outcomes.ts";
import { functionFailure } from "./function-failure.ts";

export interface InvokePorts {
  readonly executions: Executions;
  readonly clock: Clock;
  /** Told once, as soon as it runs. */
  onStart(execution: string): void;
  /** Told of each state that the execution enters, in order. */
  onState(name: string): void;
}

export interface InvokeRequest {
  readonly cluster: string;
  /** `service.name` of the configuration. */
  readonly service: string;
  /** The ARN of the state machine, where it is not to be found by its name. */
  readonly stateMachine?: string | undefined;
  /** Ends the watching, and not the execution. */
  readonly signal?: AbortSignal | undefined;
}

export interface InvokeResult {
  readonly execution: string;
  /** Undefined where the watching ended before the execution. */
  readonly outcome: ExecutionOutcome | undefined;
}

/** Steps of a backup take seconds to minutes. */
const POLL_MS = 1000;

/**
 * Has the deployed service back a cluster up, and watches until that is done and verified. Throws what the functions failed with, by its own code, where it is a LifeboatError's;
 * `service/failed` for other failures.
 */
export async function invokeBackup(ports: InvokePorts, request: InvokeRequest): Promise<InvokeResult> {
  const { executions, clock } = ports;
  const { cluster, signal } = request;
  const stateMachine = request.stateMachine ?? (await executions.find(stateMachineName(request.service, cluster)));
  // Not by the signal: whether it was started would not be known.
  const execution = await executions.start(stateMachine, { cluster });
  ports.onStart(execution);
  const isWatched = (): boolean => signal?.aborted !== true;
  let seen = 0;
  while (isWatched()) {
    // Asked first: what was entered before the end is then told before it.
    const state = await executions.look(execution);
    for (const { event, name } of await executions.entered(execution, seen)) {
      ports.onState(name);
      seen = event;
    }
    if (state.status === "succeeded") return { execution, outcome: parseOutcome(state.output, execution) };
    if (state.status === "failed") throw failureOf(state, execution);
    if (state.status === "stopped")
      throw new LifeboatError("service/failed", `somebody stopped the execution ${execution}`, {
        hint: "a step that had begun may go on: lifeboat ls shows whether it left a snapshot",
      });
    await pause(clock, POLL_MS, signal);
  }
  return { execution, outcome: undefined };
}

/** A service of an earlier version may answer without what came later. */
const received = z.object({
  backup: backupOutcome.extend({
    /** A service that was deployed before there was this field counted each. */
    committedBy: backupOutcome.shape.committedBy.default("this-run"),
    lineageAttention: backupOutcome.shape.lineageAttention.default(null),
    // Shown as it is, and relied on for nothing.
    manifestDigest: z.string(),
  }),
  verify: verifyOutcome.extend({
    findings: verifyOutcome.shape.findings.default([]),
    // A service that was deployed before there was a keeper orders nothing.
    order: verifyOutcome.shape.order.default({ outcome: "nothing", subjects: 0, bytes: 0, brakes: [], message: null }),
  }),
  keeper: executionOutcome.shape.keeper.default(null),
  keeperFailure: executionOutcome.shape.keeperFailure.default(null),
});

function parseOutcome(output: unknown, execution: string): ExecutionOutcome {
  const parsed = received.safeParse(output);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new LifeboatError(
    "service/failed",
    `what ${execution} gave is no outcome of a backup (${issue?.path.join(".")}: ${issue?.message})`,
    {
      hint: "check that the state machine is this service's, and that it was deployed from this version",
    },
  );
}

/** What Lambda gives as the cause. */
const causeSchema = z.object({ errorMessage: z.string() });

function failureOf({ error, cause }: { readonly error: string; readonly cause: string }, execution: string): LifeboatError {
  return functionFailure({ error, message: messageIn(cause) }, { what: "the execution", look: `see what it did: ${execution}` });
}

function messageIn(cause: string): string {
  try {
    return causeSchema.safeParse(JSON.parse(cause)).data?.errorMessage ?? cause;
  } catch {
    return cause;
  }
}
