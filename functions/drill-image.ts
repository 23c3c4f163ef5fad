import { TASK } from "../shared/contract/service.ts";
import { handler } from "./drill.ts";
import { serveEvents } from "./runtime-api.ts";

/**
 * What the image of the drill runs. restore.sh needs programs that Lambda's own runtimes have not (openssl, tar), so the drill is an image, and takes its events itself; the same image is a task of Fargate for databases that do not fit a function. Nobody waits for what a task
 * gives: its log and its exit code say it.
 */

const { env } = process;
const runtime = env["AWS_LAMBDA_RUNTIME_API"];
if (runtime !== undefined) await serveEvents(runtime, handler, env);

const endMs = performance.now() + Number(env[TASK.seconds]) * 1000;
await handler(JSON.parse(env[TASK.event] ?? ""), {
  functionName: "drill",
  functionVersion: "task",
  invokedFunctionArn: "",
  memoryLimitInMB: "",
  awsRequestId: "",
  getRemainingTimeInMillis: () => endMs - performance.now(),
}).catch(() => {
  process.exitCode = 1;
});
