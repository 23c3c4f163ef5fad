import { fileURLToPath } from "node:url";
import { CreateStateMachineCommand, DescribeExecutionCommand, SFNClient, StartExecutionCommand } from "@aws-sdk/client-sfn";
import { CreateTopicCommand, SNSClient } from "@aws-sdk/client-sns";
import { CreateQueueCommand, DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { definitionOf } from "../../infra/definition.ts";
import type { Step } from "../../infra/definition.ts";
import { BUNDLES, ENVIRONMENT, TASK } from "../../shared/service.ts";
import type { BackupEvent } from "../../shared/service.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { startMiniStack } from "../../tools/lab/ministack.ts";
import type { MiniStack } from "../../tools/lab/ministack.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { until } from "../../tools/lab/until.ts";
import { sorted } from "../support/invoke-function.ts";
import { saying } from "../support/matchers.ts";
import { newPlace } from "../support/place.ts";
import type { Place } from "../support/place.ts";

/**
 * What runs in a container in place of a function, with the state machine of the service. The emulator has no Fargate: a queue takes its place, from which the test
 * takes what the container would be started with.
 */

const TASK_BUNDLE = fileURLToPath(new URL(`../../${BUNDLES}/task/index.mjs`, import.meta.url));

let cluster: EtcdCluster;
let stack: MiniStack;
let folder: TemporaryFolder;
let place: Place;
let sfn: SFNClient;
let sqs: SQSClient;
let QueueUrl: string | undefined;
let stateMachineArn: string | undefined;

beforeAll(async () => {
  [cluster, stack, folder] = await Promise.all([startCluster({ version: "3.6" }), startMiniStack(), temporaryFolder()]);
  place = await newPlace(cluster, folder.path, "configuration");
  const client = { endpoint: stack.endpoint, region: stack.region, credentials: { accessKeyId: "test", secretAccessKey: "test" } };
  sfn = new SFNClient(client);
  sqs = new SQSClient(client);
  ({ QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "started" })));
  const { TopicArn = "" } = await new SNSClient(client).send(new CreateTopicCommand({ Name: "notices" }));
  const step = (name: string): Step => ({
    resource: "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
    arguments: {
      QueueUrl,
      MessageBody: { [TASK.step]: name, [TASK.token]: "{% $states.context.Task.Token %}", [TASK.event]: "{% $string($states.input) %}" },
    },
    outcome: "$states.result",
    seconds: 120,
  });
  const definition = definitionOf({
    cluster: "prod",
    partition: "aws",
    topicArn: TopicArn,
    backup: step("backup"),
    verify: step("verify"),
    runbook: undefined,
  });
  ({ stateMachineArn } = await sfn.send(
    new CreateStateMachineCommand({ name: "task", definition: JSON.stringify(definition), roleArn: "arn:aws:iam::000000000000:role/any" }),
  ));
});
afterAll(async () => {
  await Promise.all([cluster.stop(), stack.stop()]);
  await folder.remove();
});

async function start(event: BackupEvent): Promise<string> {
  const { executionArn = "" } = await sfn.send(new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(event) }));
  return executionArn;
}

/** Runs what the state machine has started, as its container would. */
async function runStarted() {
  const { Messages: [message] = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }));
  await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message?.ReceiptHandle }));
  const given = z.record(z.string(), z.string()).parse(JSON.parse(message?.Body ?? ""));
  const env = {
    ...stack.environment,
    ...given,
    [TASK.seconds]: "60",
    [ENVIRONMENT.config]: place.path("lifeboat.yaml"),
    AWS_ENDPOINT_URL: stack.endpoint,
    TMPDIR: folder.path,
  };
  const { exitCode, stdout, stderr } = await execa(process.execPath, [TASK_BUNDLE], {
    cwd: folder.path,
    env,
    extendEnv: false,
    reject: false,
  });
  return { step: given[TASK.step], exitCode, stderr, ...sorted(stdout) };
}

async function endOf(
  executionArn: string,
): Promise<{ readonly status?: string; readonly output: unknown; readonly error?: string; readonly cause?: string }> {
  return until("the execution ended", 30_000, async () => {
    const { status = "", output, error = "", cause = "" } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    return status === "RUNNING"
      ? false
      : { status, output: output === undefined ? undefined : (JSON.parse(output) as unknown), error, cause };
  });
}

test("a task backs up, another verifies, and the state machine has the outcome of both", async () => {
  const execution = await start({ cluster: "prod", slot: "2026-01-02T03:04:05Z" });
  const backup = await runStarted();
  expect(backup).toMatchObject({ step: "backup", exitCode: 0, metrics: [{ BackupProven: 1 }] });
  const verify = await runStarted();
  expect(verify).toMatchObject({ step: "verify", exitCode: 0, metrics: [{ Verified: 1 }] });
  expect(await endOf(execution)).toMatchObject({
    status: "SUCCEEDED",
    output: {
      backup: { id: "20260102T030405Z", proof: "proven" },
      verify: { countersignature: saying("clusters/prod/verified/20260102T030405Z-") },
    },
  });
});

test("a failure reaches the end of the execution under its code, with what to do", async () => {
  const execution = await start({ cluster: "prod", slot: "tomorrow" });
  expect(await runStarted()).toMatchObject({
    step: "backup",
    exitCode: 1,
    metrics: [{ BackupFailed: 1 }],
    stderr: saying(`"code":"usage"`),
  });
  expect(await endOf(execution)).toMatchObject({
    status: "FAILED",
    error: "usage",
    cause: saying('slot: "tomorrow" is not a UTC time such as 2026-11-21T10:00:00Z\nhint: an example is'),
  });
});
