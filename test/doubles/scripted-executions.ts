import type { EnteredState, Executions, ExecutionState } from "../../shared/cloud/executions.ts";
import type { BackupEvent, RoundEvent } from "../../shared/contract/events.ts";

/** One state machine whose only execution goes through `states`, one at each look; the last stays. With each look it enters a further state, `Step1`, `Step2`, ... */
export class ScriptedExecutions implements Executions {
  /** Every call so far: `find lifeboat-prod`, `start arn {"cluster":"prod"}`. */
  readonly asked: string[] = [];
  readonly #states: readonly ExecutionState[];
  readonly #onLook: () => void;
  #looks = 0;

  constructor(states: readonly ExecutionState[], onLook: () => void = () => undefined) {
    this.#states = states;
    this.#onLook = onLook;
  }

  async find(stateMachine: string): Promise<string> {
    this.asked.push(`find ${stateMachine}`);
    return `arn:${stateMachine}`;
  }

  async start(stateMachine: string, event: BackupEvent | RoundEvent): Promise<string> {
    this.asked.push(`start ${stateMachine} ${JSON.stringify(event)}`);
    return "arn:execution";
  }

  async look(execution: string): Promise<ExecutionState> {
    this.#require(execution);
    const state = this.#states[Math.min(this.#looks, this.#states.length - 1)];
    if (state === undefined) throw new TypeError("no state was scripted");
    this.#looks += 1;
    this.#onLook();
    return state;
  }

  async entered(execution: string, since: number): Promise<readonly EnteredState[]> {
    this.#require(execution);
    const all = Array.from({ length: this.#looks }, (_, index) => ({ event: 10 * (index + 1), name: `Step${index + 1}` }));
    return all.filter(({ event }) => event > since);
  }

  #require(execution: string): void {
    if (execution !== "arn:execution" || !this.asked.some((call) => call.startsWith("start ")))
      throw new TypeError(`${execution} was never started`);
  }
}
