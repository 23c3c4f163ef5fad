import type { BackupEvent, RoundEvent } from "../contract/events.ts";

/** What became of an execution so far. */
export type ExecutionState =
  | { readonly status: "running" }
  | { readonly status: "succeeded"; readonly output: unknown }
  /** `error` and `cause` as the Fail state gave them; the empty text where it gave none. */
  | { readonly status: "failed"; readonly error: string; readonly cause: string }
  | { readonly status: "stopped" };

/** A state that an execution entered. */
export interface EnteredState {
  /** Counts the events of the execution, from 1. */
  readonly event: number;
  readonly name: string;
}

/**
 * The port to the executions of the deployed service. Every call fails with `service/denied` or `service/failed`, which name the permission that is missing or what
 * was said.
 */
export interface Executions {
  /** The ARN of the state machine of this name. Throws `config/not-found` where there is none. */
  find(stateMachine: string): Promise<string>;
  /** Starts an execution of the state machine with this ARN, and gives the execution's. Throws `config/not-found` where there is no such machine. */
  start(stateMachine: string, event: BackupEvent | RoundEvent): Promise<string>;
  look(execution: string): Promise<ExecutionState>;
  /** The states that were entered since the event of this number, in order. */
  entered(execution: string, since: number): Promise<readonly EnteredState[]>;
}
