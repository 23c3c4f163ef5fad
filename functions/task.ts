import { SendTaskFailureCommand, SendTaskSuccessCommand, SFNClient } from "@aws-sdk/client-sfn";
import { TASK } from "../shared/contract/service.ts";
import { handler as backup } from "./backup.ts";
import { handler as verify } from "./verify.ts";

/** What a container runs in place of a function where 15 minutes are not enough: the same handler, whose outcome it reports by the token of the state machine. */

const environment = process.env;
const required = (name: string): string => {
  const value = environment[name];
  if (value === undefined) throw new Error(`the variable ${name} is not set; the state machine sets it`);
  return value;
};

const step = required(TASK.step);
const taskToken = required(TASK.token);
const endMs = performance.now() + Number(required(TASK.seconds)) * 1000;
const client = new SFNClient();
try {
  const event: unknown = JSON.parse(required(TASK.event));
  const outcome = await (step === "verify" ? verify : backup)(event, {
    functionName: step,
    functionVersion: "task",
    invokedFunctionArn: "",
    memoryLimitInMB: "",
    awsRequestId: "",
    getRemainingTimeInMillis: () => endMs - performance.now(),
  });
  await client.send(new SendTaskSuccessCommand({ taskToken, output: JSON.stringify(outcome) }));
} catch (error) {
  // Handlers throw nothing but a FunctionFailure; any other is of the report, which then may fail again.
  const { name, message } = error instanceof Error ? error : { name: "unexpected", message: "" };
  await client.send(
    new SendTaskFailureCommand({ taskToken, error: name, cause: JSON.stringify({ errorType: name, errorMessage: message }) }),
  );
  process.exitCode = 1;
}
