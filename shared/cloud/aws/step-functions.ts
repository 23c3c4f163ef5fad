import {
  DescribeExecutionCommand,
  ListStateMachinesCommand,
  paginateGetExecutionHistory,
  SFNClient,
  StartExecutionCommand,
} from "@aws-sdk/client-sfn";
import { faultOf, hintFor } from "../../aws-fault.ts";
import type { TraceClient } from "../../debug-log.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { BackupEvent, RoundEvent } from "../../contract/events.ts";
import type { EnteredState, Executions, ExecutionState } from "../executions.ts";

/** AWS Step Functions. Credentials, and the region where none is given, come by the SDK's own default chain. */
export class StepFunctions implements Executions {
  readonly #client: SFNClient;
  readonly #place: string;

  constructor(region: string | undefined, watch?: TraceClient) {
    this.#client = new SFNClient({
      ...(region === undefined ? {} : { region }),
      requestHandler: { connectionTimeout: 5_000, requestTimeout: 15_000 },
    });
    watch?.(this.#client);
    this.#place = region === undefined ? "Step Functions" : `Step Functions in ${region}`;
  }

  async find(stateMachine: string): Promise<string> {
    return this.#ask("ListStateMachines", async () => {
      for (let nextToken: string | undefined; ;) {
        const page = await this.#client.send(new ListStateMachinesCommand({ maxResults: 1000, nextToken }));
        const arn = page.stateMachines?.find(({ name }) => name === stateMachine)?.stateMachineArn;
        if (arn !== undefined) return arn;
        nextToken = page.nextToken;
        if (nextToken === undefined) throw this.#missing(stateMachine);
      }
    });
  }

  async start(stateMachine: string, event: BackupEvent | RoundEvent): Promise<string> {
    return this.#ask("StartExecution", async () => {
      const command = new StartExecutionCommand({ stateMachineArn: stateMachine, input: JSON.stringify(event) });
      try {
        const { executionArn } = await this.#client.send(command);
        if (executionArn !== undefined) return executionArn;
      } catch (error) {
        if (faultOf(error).name === "StateMachineDoesNotExist") throw this.#missing(stateMachine, error);
        throw error;
      }
      throw new LifeboatError("service/failed", `${this.#place} started an execution and did not name it`);
    });
  }

  async look(execution: string): Promise<ExecutionState> {
    return this.#ask("DescribeExecution", async () => {
      const { status, output, error = "", cause = "" } = await this.#client.send(new DescribeExecutionCommand({ executionArn: execution }));
      if (status === "SUCCEEDED") return { status: "succeeded", output: parsed(output) };
      if (status === "TIMED_OUT") return { status: "failed", error: error === "" ? "States.Timeout" : error, cause };
      if (status === "FAILED") return { status: "failed", error, cause };
      return { status: status === "ABORTED" ? "stopped" : "running" };
    });
  }

  async entered(execution: string, since: number): Promise<readonly EnteredState[]> {
    return this.#ask("GetExecutionHistory", async () => {
      const entered: EnteredState[] = [];
      const input = { executionArn: execution, includeExecutionData: false, maxResults: 1000 };
      for await (const { events = [] } of paginateGetExecutionHistory({ client: this.#client }, input)) {
        for (const { id = 0, stateEnteredEventDetails: state } of events)
          if (id > since && state?.name !== undefined) entered.push({ event: id, name: state.name });
      }
      return entered;
    });
  }

  async #ask<T>(call: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (isLifeboatError(error)) throw error;
      const fault = faultOf(error);
      if (fault.kind === "denied") {
        throw new LifeboatError("service/denied", `${call} is denied in ${this.#place}`, {
          hint: `give your role states:${call} on the cluster's state machine and its executions`,
          cause: error,
        });
      }
      if (fault.kind === "region") {
        throw new LifeboatError("config/invalid", "the configuration names no region, so the deployed service cannot be found", {
          hint: "the service has its keys in KMS and its store in S3: use its configuration, or set AWS_REGION, or name the state machine with --state-machine ARN",
          cause: error,
        });
      }
      throw new LifeboatError("service/failed", `${call} failed in ${this.#place}: ${fault.reason} (${fault.name})`, {
        hint: hintFor(fault) ?? "see the state of it in the console of Step Functions",
        cause: error,
      });
    }
  }

  #missing(stateMachine: string, cause?: unknown): LifeboatError {
    return new LifeboatError("config/not-found", `state machine ${stateMachine} not found in ${this.#place}`, {
      hint: "deploy the service, use credentials of the account that it is in, or name the state machine with --state-machine ARN",
      cause,
    });
  }
}

function parsed(output: string | undefined): unknown {
  return output === undefined ? undefined : JSON.parse(output);
}
