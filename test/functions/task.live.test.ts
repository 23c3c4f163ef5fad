import { fileURLToPath } from "node:url";
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  SendTaskFailureCommand,
  SendTaskSuccessCommand,
  SFNClient,
  StartExecutionCommand,
} from "@aws-sdk/client-sfn";
import { CreateTopicCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import { CreateQueueCommand, DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { definitionOf } from "../../infra/definition.ts";
import type { Step } from "../../infra/definition.ts";
import { BUNDLES, ENVIRONMENT, TASK } from "../../shared/contract/service.ts";
import type { BackupEvent } from "../../shared/contract/events.ts";
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
import { RECENT_ID, RECENT_SLOT } from "../support/recent-slot.ts";

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
let noticesUrl: string | undefined;
let stateMachineArn: string | undefined;

beforeAll(async () => {
  [cluster, stack, folder] = await Promise.all([startCluster({ version: "3.6" }), startMiniStack({ waitScale: 0.001 }), temporaryFolder()]);
  place = await newPlace(cluster, folder.path, "configuration");
  const client = { endpoint: stack.endpoint, region: stack.region, credentials: { accessKeyId: "test", secretAccessKey: "test" } };
  sfn = new SFNClient(client);
  sqs = new SQSClient(client);
  ({ QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "started" })));
  const sns = new SNSClient(client);
  const { TopicArn = "" } = await sns.send(new CreateTopicCommand({ Name: "notices" }));
  ({ QueueUrl: noticesUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "notices" })));
  const Endpoint = `arn:aws:sqs:${stack.region}:000000000000:notices`;
  await sns.send(new SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint }));
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
    keeper: step("keeper"),
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

async function received(queue: string | undefined): Promise<string> {
  const { Messages: [message] = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: queue, WaitTimeSeconds: 20 }));
  await sqs.send(new DeleteMessageCommand({ QueueUrl: queue, ReceiptHandle: message?.ReceiptHandle }));
  return message?.Body ?? "";
}

/** What the state machine has started a container with. */
async function started(): Promise<Readonly<Record<(typeof TASK)["step" | "token" | "event"], string>>> {
  return z
    .object({ [TASK.step]: z.string(), [TASK.token]: z.string(), [TASK.event]: z.string() })
    .parse(JSON.parse(await received(QueueUrl)));
}

/** What people were told. */
async function told(): Promise<{ readonly subject: string; readonly message: unknown }> {
  const { Subject, Message } = z.object({ Subject: z.string(), Message: z.string() }).parse(JSON.parse(await received(noticesUrl)));
  return { subject: Subject, message: JSON.parse(Message) };
}

/** Runs what the state machine has started, as its container would. */
async function runStarted() {
  const given = await started();
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
  const execution = await start({ cluster: "prod", slot: RECENT_SLOT });
  const backup = await runStarted();
  expect(backup).toMatchObject({ step: "backup", exitCode: 0, metrics: [{ BackupProven: 1 }] });
  const verify = await runStarted();
  expect(verify).toMatchObject({ step: "verify", exitCode: 0, metrics: [{ Verified: 1 }] });
  expect(await endOf(execution)).toMatchObject({
    status: "SUCCEEDED",
    output: {
      backup: { id: RECENT_ID, proof: "proven" },
      verify: { countersignature: saying(`clusters/prod/verified/${RECENT_ID}-`) },
    },
  });
});

test("a failure reaches the end of the execution and people under its code, with what to do", async () => {
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
  expect(await told()).toMatchObject({ message: { code: "usage", message: saying("\nhint: an example is") } });
});

/** Answers as a container whose run failed. */
async function fail(taskToken: string, error: string, cause?: string): Promise<void> {
  await sfn.send(new SendTaskFailureCommand({ taskToken, error, ...(cause === undefined ? {} : { cause }) }));
}

test("what may pass by itself is tried three times, what does not once", async () => {
  const passing = await start({ cluster: "prod" });
  for (const attempt of ["first", "second", "third"]) {
    const given = await started();
    expect({ attempt, step: given[TASK.step], event: given[TASK.event] }).toEqual({ attempt, step: "backup", event: '{"cluster":"prod"}' });
    await fail(given[TASK.token], "etcd/unreachable", '{"errorType":"etcd/unreachable","errorMessage":"nobody answers"}');
  }
  expect(await endOf(passing)).toMatchObject({ status: "FAILED", error: "etcd/unreachable", cause: "nobody answers" });
  const { subject, message } = await told();
  expect(subject).toBe("etcd-lifeboat: prod has no new verified backup");
  expect(message).toEqual({
    cluster: "prod",
    step: "backup",
    code: "etcd/unreachable",
    message: "nobody answers",
    runbook: "docs/runbook.md#alarm-a-backup-failed",
    execution: passing,
  });

  const lasting = await start({ cluster: "prod" });
  await fail((await started())[TASK.token], "keys/disabled", '{"errorMessage":"the key is disabled"}');
  expect(await endOf(lasting)).toMatchObject({ status: "FAILED", error: "keys/disabled", cause: "the key is disabled" });
  expect(await told()).toMatchObject({ message: { runbook: "docs/runbook.md#alarm-a-key-cannot-be-used" } });
});

test("what Step Functions itself says, in no JSON or not at all, is told as well", async () => {
  const timedOut = await start({ cluster: "prod" });
  await fail((await started())[TASK.token], "States.Timeout", "it took too long {");
  expect(await endOf(timedOut)).toMatchObject({ status: "FAILED", error: "States.Timeout", cause: "it took too long {" });
  expect(await told()).toMatchObject({
    message: { code: "States.Timeout", message: "it took too long {", runbook: "docs/runbook.md#alarm-a-backup-failed" },
  });
  const silent = await start({ cluster: "prod" });
  await fail((await started())[TASK.token], "deadline");
  expect(await endOf(silent)).toMatchObject({ status: "FAILED", error: "deadline" });
  expect(await told()).toMatchObject({ message: { code: "deadline", message: "" } });
});

test("a backup that needs a person is told of, and verified all the same; a verification that fails is told of with its own place in the runbook", async () => {
  const execution = await start({ cluster: "prod" });
  const outcome = { cluster: "prod", id: RECENT_ID, needsAttention: true, findings: ["m2 dissents"] };
  await sfn.send(new SendTaskSuccessCommand({ taskToken: (await started())[TASK.token], output: JSON.stringify(outcome) }));
  expect(await told()).toEqual({
    subject: "etcd-lifeboat: the backup of prod needs a person",
    message: {
      cluster: "prod",
      snapshot: RECENT_ID,
      findings: ["m2 dissents"],
      runbook: "docs/runbook.md#a-notice-says-that-a-backup-needs-a-person",
      execution,
    },
  });
  const verify = await started();
  expect([verify[TASK.step], JSON.parse(verify[TASK.event])]).toEqual(["verify", outcome]);
  await fail(verify[TASK.token], "verify/digest", '{"errorMessage":"not what was signed\\nhint: look"}');
  expect(await endOf(execution)).toMatchObject({ status: "FAILED", error: "verify/digest", cause: "not what was signed\nhint: look" });
  expect(await told()).toMatchObject({
    message: { step: "verify", message: "not what was signed\nhint: look", runbook: "docs/runbook.md#alarm-a-verification-failed" },
  });
});

const ORDER = { outcome: "nothing", subjects: 0, bytes: 0, brakes: [], message: null };

/** An execution up to the end of its verification, which ordered `order`. */
async function verified(order: object): Promise<string> {
  const execution = await start({ cluster: "prod" });
  for (const output of [
    { cluster: "prod", id: RECENT_ID, needsAttention: false, findings: [] },
    { cluster: "prod", id: RECENT_ID, order },
  ])
    await sfn.send(new SendTaskSuccessCommand({ taskToken: (await started())[TASK.token], output: JSON.stringify(output) }));
  return execution;
}

const REMOVAL_NOTICE = {
  subject: "etcd-lifeboat: retention of prod needs a person",
  message: { cluster: "prod", runbook: "docs/runbook.md#a-notice-says-that-retention-needs-a-person" },
};

test("the keeper is called only where something is ordered", async () => {
  const idle = await endOf(await verified(ORDER));
  expect(idle).toMatchObject({ status: "SUCCEEDED", output: { keeper: null, keeperFailure: null, verify: { order: ORDER } } });
  for (const outcome of ["ordered", "already"]) {
    const execution = await verified({ ...ORDER, outcome });
    const keeper = await started();
    expect(keeper[TASK.step]).toBe("keeper");
    const output = { cluster: "prod", removed: 1, needsAttention: false, findings: [] };
    await sfn.send(new SendTaskSuccessCommand({ taskToken: keeper[TASK.token], output: JSON.stringify(output) }));
    expect(await endOf(execution)).toMatchObject({ status: "SUCCEEDED", output: { keeper: output, keeperFailure: null } });
  }
});

test("what waits for a person, what the keeper refused and a keeper that failed are told, and the backup is verified all the same", async () => {
  const brakes = [{ name: "many", message: "9 would go", fix: "look" }];
  const waiting = await verified({ ...ORDER, outcome: "waits", brakes });
  expect(await told()).toMatchObject({ ...REMOVAL_NOTICE, message: { ...REMOVAL_NOTICE.message, order: "waits", brakes, findings: [] } });
  expect(await endOf(waiting)).toMatchObject({ status: "SUCCEEDED", output: { keeper: null } });

  const failed = await verified({ ...ORDER, outcome: "failed", message: "no order" });
  expect(await told()).toMatchObject({ message: { order: "failed", message: "no order" } });
  expect(await endOf(failed)).toMatchObject({ status: "SUCCEEDED" });

  const refusing = await verified({ ...ORDER, outcome: "ordered" });
  const output = { cluster: "prod", needsAttention: true, findings: ["it is kept"] };
  await sfn.send(new SendTaskSuccessCommand({ taskToken: (await started())[TASK.token], output: JSON.stringify(output) }));
  expect(await told()).toMatchObject({ ...REMOVAL_NOTICE, message: { ...REMOVAL_NOTICE.message, findings: ["it is kept"] } });
  expect(await endOf(refusing)).toMatchObject({ status: "SUCCEEDED", output: { keeper: { needsAttention: true } } });

  const failing = await verified({ ...ORDER, outcome: "ordered" });
  await fail((await started())[TASK.token], "store/denied", '{"errorMessage":"it may not\\nhint: let it"}');
  const keeperFailure = { code: "store/denied", message: "it may not\nhint: let it" };
  expect(await told()).toMatchObject({ ...REMOVAL_NOTICE, message: { ...REMOVAL_NOTICE.message, keeperFailure } });
  expect(await endOf(failing)).toMatchObject({ status: "SUCCEEDED", output: { keeper: null, keeperFailure } });
});
