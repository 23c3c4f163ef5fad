import { createHash } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { DescribeAlarmsCommand, SetAlarmStateCommand } from "@aws-sdk/client-cloudwatch";
import { GetObjectCommand, ListMultipartUploadsCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { GetScheduleCommand, ListSchedulesCommand, UpdateScheduleCommand } from "@aws-sdk/client-scheduler";
import { InvokeCommand } from "@aws-sdk/client-lambda";
import { GetExecutionHistoryCommand, ListExecutionsCommand } from "@aws-sdk/client-sfn";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { LifeboatError } from "../../shared/errors.ts";
import { ROOT_PASSWORD } from "../../tools/lab/cluster-security.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { startMiniStack } from "../../tools/lab/ministack.ts";
import type { MiniStack } from "../../tools/lab/ministack.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { until } from "../../tools/lab/until.ts";
import { fill } from "../etcd/support/fill.ts";
import { lifeboatHere, lifeboatJsonHere } from "../support/lifeboat-here.ts";
import { saying } from "../support/matchers.ts";
import { proxied } from "../support/proxied.ts";
import type { Proxied } from "../support/proxied.ts";
import { accountEnvironment, BUCKET, deployService } from "../support/service-lab.ts";
import type { ServiceLab } from "../support/service-lab.ts";
import { RECENT_ID, RECENT_SLOT } from "../support/recent-slot.ts";

/**
 * The stacks of infra/ on an emulated AWS, with the functions of functions/ and a real etcd of three members with TLS and auth: what a person who deployed it sees.
 * The tests build on each other. What the emulator only pretends is in docs/decisions/0014.
 */

let cluster: EtcdCluster;
let stack: MiniStack;
let folder: TemporaryFolder;
let lab: ServiceLab;
/** The way of the cluster `slow` to the same etcd: it stalls in the middle of a snapshot until it is mended. */
let way: Proxied;
let clientKey: string;
/** What the topic said so far. */
const notices: string[] = [];

const REF = `prod/${RECENT_ID}`;

beforeAll(async () => {
  [cluster, stack, folder] = await Promise.all([
    startCluster({ version: "3.6", members: 3, security: "certificate" }),
    startMiniStack(),
    temporaryFolder(),
  ]);
  for (const [name, value] of Object.entries(accountEnvironment(stack))) vi.stubEnv(name, value);
  await fill(cluster, 24);
  way = await proxied(cluster, { whom: "all", stallAfter: 18_000_000 });
  clientKey = await readFile(cluster.files.key ?? "", "utf8");
  const secret = { cert: await readFile(cluster.files.cert ?? "", "utf8"), key: clientKey, password: ROOT_PASSWORD };
  const clusters = [
    { name: "prod", endpoints: cluster.endpoints },
    { name: "slow", endpoints: way.endpoints },
  ];
  lab = await deployService(stack, cluster, {
    cwd: folder.path,
    clusters,
    secret,
    lock: "{ mode: governance, days: 14, keptDays: 40 }",
  });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await way[Symbol.asyncDispose]();
  await Promise.all([cluster.stop(), stack.stop()]);
  await folder.remove();
});

async function objects(prefix: string): Promise<readonly string[]> {
  const { Contents = [] } = await lab.clients.s3.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: prefix }));
  return Contents.map(({ Key = "" }) => Key);
}

async function heard(): Promise<{ readonly Subject: string; readonly message: Readonly<Record<string, unknown>> }> {
  const { Subject, Message } = await lab.heard();
  notices.push(Subject, Message);
  return { Subject, message: z.record(z.string(), z.unknown()).parse(JSON.parse(Message)) };
}

test("all of the service was deployed, but for conditions that the emulator cannot judge", () => {
  expect([...lab.conditionsLeftOut].toSorted()).toEqual(["kms:EncryptionContext:cluster", "kms:ViaService"]);
});

test("the schedule fires by itself, and a snapshot appears: proven, encrypted, signed, locked, and verified by the other role", async () => {
  const { scheduler, sfn, s3 } = lab.clients;
  const { Schedules = [] } = await scheduler.send(new ListSchedulesCommand({}));
  const of = Schedules.find(({ Target }) => Target?.Arn === lab.stateMachine("prod"));
  const { Target, ScheduleExpression } = await scheduler.send(new GetScheduleCommand({ Name: of?.Name, GroupName: of?.GroupName }));
  expect(ScheduleExpression).toBe("rate(1 hour)");
  expect(JSON.parse(Target?.Input ?? "")).toEqual({ cluster: "prod", slot: "<aws.scheduler.scheduled-time>" });
  // Nobody waits an hour, and the time that EventBridge Scheduler puts in the placeholder's place is not put there by the emulator.
  const soon = new Date(Date.now() + 1000).toISOString().slice(0, 19);
  await scheduler.send(
    new UpdateScheduleCommand({
      Name: of?.Name,
      GroupName: of?.GroupName,
      FlexibleTimeWindow: { Mode: "OFF" },
      ScheduleExpression: `at(${soon})`,
      Target: {
        ...Target,
        Arn: Target?.Arn,
        RoleArn: Target?.RoleArn,
        Input: Target?.Input?.replace("<aws.scheduler.scheduled-time>", RECENT_SLOT),
      },
    }),
  );
  const started = await until("the schedule fires", 30_000, async () => {
    const { executions = [] } = await sfn.send(new ListExecutionsCommand({ stateMachineArn: lab.stateMachine("prod") }));
    return executions[0]?.executionArn;
  });
  const { status, output } = await lab.ended(started);
  expect({ status, output }).toMatchObject({
    status: "SUCCEEDED",
    output: {
      backup: { cluster: "prod", id: RECENT_ID, existing: false, proof: "proven", quarantined: false, lineage: 1, findings: [] },
      verify: { countersignature: saying(`clusters/prod/verified/${RECENT_ID}-`), confirmed: "members" },
    },
  });
  const [data = ""] = await objects("clusters/prod/data/");
  const { Body, ObjectLockMode } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: data }));
  expect((await Body?.transformToString("latin1"))?.slice(0, 21)).toBe("age-encryption.org/v1");
  expect(ObjectLockMode).toBe("GOVERNANCE");
});

test("what is kept the keeper locks for longer than what is put, and removes nothing without an order", async () => {
  const command = new InvokeCommand({ FunctionName: "lifeboat-keeper", Payload: JSON.stringify({ cluster: "prod" }) });
  const keep = async (): Promise<unknown> => JSON.parse((await lab.clients.lambda.send(command)).Payload?.transformToString() ?? "");
  // The manifest, its countersignature, the data, the lineage, the three records of them in the log, and store.json.
  expect(await keep()).toMatchObject({ order: null, removed: 0, locksExtended: 8, needsAttention: false });
  expect(await keep()).toMatchObject({ locksExtended: 0 });
  const [data = ""] = await objects("clusters/prod/data/");
  const { ObjectLockRetainUntilDate } = await lab.clients.s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: data }));
  expect(((ObjectLockRetainUntilDate?.getTime() ?? 0) - Date.now()) / 86_400_000).toBeGreaterThan(39.9);
});

test("from a laptop it is read as any other: listed, verified, exported, and told by the log", async () => {
  expect(await lifeboatJsonHere(["ls", "prod"], lab.options)).toMatchObject({ snapshots: [{ id: RECENT_ID }] });
  expect(await lifeboatJsonHere(["verify", REF, "--deep"], lab.options)).toMatchObject({ good: true, level: "deep" });
  const out = join(folder.path, "snapshot.db");
  expect(await lifeboatHere(["export", REF, "--out", out], lab.options)).toMatchObject({ code: 0 });
  const { stdout } = await execa(cluster.programs.etcdutl, ["snapshot", "status", out, "-w", "json"]);
  const shown = z.object({ manifest: z.object({ content: z.object({ hash: z.number() }), snapshot: z.object({ sha256: z.string() }) }) });
  const { manifest } = shown.parse(await lifeboatJsonHere(["show", REF], lab.options));
  expect(JSON.parse(stdout)).toMatchObject({ hash: manifest.content.hash });
  expect(
    `sha256:${createHash("sha256")
      .update(await readFile(out))
      .digest("hex")}`,
  ).toBe(manifest.snapshot.sha256);
  await rm(out);

  expect(await lifeboatJsonHere(["custody", "prod", "--verify"], lab.options)).toMatchObject({
    records: ["lineage-opened", "backup", "verified", "verified"].map((event) => ({ event })),
    verification: { holds: true, findings: [] },
  });
});

test("a start of the same slot that comes twice makes no second snapshot", async () => {
  const twice = await Promise.all([lab.start({ cluster: "prod", slot: RECENT_SLOT }), lab.start({ cluster: "prod", slot: RECENT_SLOT })]);
  for (const each of twice) {
    expect(await lab.ended(each)).toMatchObject({
      status: "SUCCEEDED",
      output: { backup: { id: RECENT_ID, existing: true } },
    });
  }
  expect(await objects("clusters/prod/data/")).toHaveLength(1);
  expect(await objects("clusters/prod/snapshots/")).toHaveLength(1);
});

test("lifeboat invoke starts it and watches it to its end; Ctrl-C ends the watching only", async () => {
  const { code, stdout, stderr } = await lifeboatHere(["invoke", "backup", "prod", "--json"], lab.options);
  expect(`${code}: ${stderr}`).toMatch(/^0: /);
  expect(stderr).toMatch(/^lifeboat: started arn:aws:states:.*\nlifeboat: entered Backup\n[^]*lifeboat: entered Verify\n/);
  expect(JSON.parse(stdout)).toMatchObject({ backup: { cluster: "prod", existing: false, proof: "proven" }, verify: { cluster: "prod" } });

  const stop = new AbortController();
  const onStderr = (text: string): void => {
    if (text.includes("entered Backup")) stop.abort(new LifeboatError("interrupted", "interrupted by SIGINT"));
  };
  const watched = await lifeboatHere(["invoke", "backup", "prod"], { ...lab.options, onStderr, signal: stop.signal });
  expect(watched).toMatchObject({ code: 130, stdout: "" });
  const execution = /the execution goes on: (\S+)\n/.exec(watched.stderr)?.[1] ?? "";
  expect(watched.stderr).toContain(`hint: to stop it: aws stepfunctions stop-execution --execution-arn ${execution}\n`);
  expect(await lab.ended(execution)).toMatchObject({ status: "SUCCEEDED" });

  // Of another region than the configuration's.
  const elsewhere = lab.stateMachine("prod").replace("eu-central-1", "us-east-1");
  const other = await lifeboatHere(["invoke", "backup", "prod", "--state-machine", elsewhere], lab.options);
  expect(other).toMatchObject({ code: 2, stderr: saying(`state machine ${elsewhere} not found in Step Functions in us-east-1`) });
  expect((await lifeboatHere(["invoke", "backup", "staging"], lab.options)).stderr).toContain("has no cluster staging");
  vi.stubEnv("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
  const nowhere = await lifeboatHere(["invoke", "backup", "prod"], lab.options).finally(() =>
    vi.stubEnv("AWS_ENDPOINT_URL", stack.endpoint),
  );
  expect(nowhere).toMatchObject({ code: 5, stdout: "", stderr: saying("ListStateMachines failed in Step Functions in eu-central-1: ") });
});

/** The process of a function, which is the emulator's child. */
async function workerOf(name: string): Promise<number> {
  for (const entry of await readdir("/proc")) {
    const command = await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => "");
    const parent = /^PPid:\t(\d+)$/m.exec(await readFile(`/proc/${entry}/status`, "utf8").catch(() => ""))?.[1];
    if (command.includes(name) && Number(parent) === stack.pid) return Number(entry);
  }
  throw new Error(`no process runs ${name}`);
}

test("a function that is killed in the middle of its upload leaves nothing visible, is told of, and the next run works", async () => {
  const uploads = async (): Promise<number> =>
    (await lab.clients.s3.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))).Uploads?.length ?? 0;
  const execution = await lab.start({ cluster: "slow", slot: RECENT_SLOT });
  await way.struck;
  await until("an upload has begun", 10_000, async () => (await uploads()) === 1);
  process.kill(await workerOf("slowBackup"), "SIGKILL");
  expect(await lab.ended(execution)).toMatchObject({ status: "FAILED" });
  expect((await heard()).message).toMatchObject({ cluster: "slow", step: "backup", runbook: saying("docs/runbook.md#") });
  expect(await objects("clusters/slow/")).toEqual([]);
  expect((await lifeboatHere(["ls", "slow"], lab.options)).stdout).toBe("");

  way.mend();
  const again = await lab.ended(await lab.start({ cluster: "slow", slot: RECENT_SLOT }));
  expect(again).toMatchObject({ status: "SUCCEEDED", output: { backup: { existing: false, proof: "proven" } } });
  // What was begun and never finished is listed, and swept.
  expect(await uploads()).toBe(1);
  expect(await lifeboatHere(["orphans", "--older-than", "1ms", "--sweep"], lab.options)).toMatchObject({ code: 0 });
  expect(await uploads()).toBe(0);
  expect(await lifeboatHere(["custody", "slow", "--verify"], lab.options)).toMatchObject({ code: 0 });
});

test("where etcd does not answer, the topic says which cluster, why, what to do and where to read on", async () => {
  await Promise.all(cluster.members.map((member) => member.kill()));
  const { status, cause } = await lab.ended(await lab.start({ cluster: "prod" }));
  expect({ status, cause }).toMatchObject({ status: "FAILED", cause: saying("no endpoint of prod answers: ") });
  expect(await heard()).toMatchObject({
    Subject: "etcd-lifeboat: prod has no new verified backup",
    message: {
      cluster: "prod",
      step: "backup",
      message: expect.stringMatching(/^no endpoint of prod answers: .*\nhint: ./s) as unknown,
      runbook: saying("docs/runbook.md#"),
      execution: saying(lab.stateMachine("prod").replace("stateMachine", "execution")),
    },
  });
  const invoked = await lifeboatHere(["invoke", "backup", "prod"], lab.options);
  expect(invoked).toMatchObject({ stdout: "", stderr: saying("no endpoint of prod answers: ") });
  expect(invoked.code).not.toBe(0);
  await heard();
  await Promise.all(cluster.members.map((member) => member.start()));
  expect(await lab.ended(await lab.start({ cluster: "prod" }))).toMatchObject({ status: "SUCCEEDED" });
});

test("alarms speak on the topic too", async () => {
  const { MetricAlarms = [] } = await lab.clients.cloudWatch.send(new DescribeAlarmsCommand({}));
  const silent = MetricAlarms.find(({ AlarmName }) => AlarmName === "lifeboat-prod-silent");
  await lab.clients.cloudWatch.send(
    new SetAlarmStateCommand({ AlarmName: silent?.AlarmName, StateValue: "ALARM", StateReason: "tried by a person" }),
  );
  const { Subject, Message } = await lab.heard();
  expect(Subject).toContain("lifeboat-prod-silent");
  expect(Message).toContain("docs/runbook.md#");
});

test("no secret is in any log, notice or history", async () => {
  const logs = await lab.logs();
  const histories = await Promise.all(
    ["prod", "slow"].map(async (name) => {
      const { executions = [] } = await lab.clients.sfn.send(new ListExecutionsCommand({ stateMachineArn: lab.stateMachine(name) }));
      return Promise.all(
        executions.map(async ({ executionArn }) =>
          JSON.stringify(await lab.clients.sfn.send(new GetExecutionHistoryCommand({ executionArn }))),
        ),
      );
    }),
  );
  const lines = Object.values(logs).flat();
  // What is looked through is what was written: every function has told of its work. (Of its last lines the emulator may be late to hear.)
  for (const name of ["prod/backup", "prod/verify", "slow/backup", "slow/verify"])
    expect(logs[`/lifeboat/${name}`]?.some((line) => line.includes('"service":"etcd-lifeboat"'))).toBe(true);
  const all = [...lines, ...histories.flat(), ...notices, stack.logTail(100_000)].join("\n");
  expect(all.length).toBeGreaterThan(20_000);
  const keyLine = clientKey.split("\n")[1] ?? "";
  expect(keyLine.length).toBeGreaterThan(30);
  for (const secret of [ROOT_PASSWORD, keyLine, "PRIVATE KEY", "AGE-SECRET-KEY"]) expect(all).not.toContain(secret);
});
