import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DescribeAlarmsCommand, PutMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import { SignCommand } from "@aws-sdk/client-kms";
import type { KMSClient } from "@aws-sdk/client-kms";
import { InvokeCommand, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import {
  DeleteBucketPolicyCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import type { S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { loadConfig } from "../../shared/config/load.ts";
import type { Purpose } from "../../shared/keys/key-ring.ts";
import { ROOT_PASSWORD } from "../../tools/lab/cluster-security.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { startMiniStack } from "../../tools/lab/ministack.ts";
import type { MiniStack } from "../../tools/lab/ministack.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { answerTo } from "../support/answer-to.ts";
import { clientConfig } from "../support/iam-users.ts";
import { inRoleOf } from "../support/in-role-of.ts";
import { lifeboat } from "../support/lifeboat.ts";
import type { Outcome } from "../support/lifeboat.ts";
import { saying } from "../support/matchers.ts";
import { requireProgram } from "../support/programs.ts";
import { RECENT_ID, RECENT_SLOT } from "../support/recent-slot.ts";
import { accountEnvironment, BUCKET, clientsOf, deployService } from "../support/service-lab.ts";
import type { ServiceLab } from "../support/service-lab.ts";

/** The stacks of drills and of the audit, deployed to an emulator that enforces their roles: a drill restores what was backed up, the audit says where the service stands, and its alarms look at what both write. */

let cluster: EtcdCluster;
let stack: MiniStack;
let folder: TemporaryFolder;
let lab: ServiceLab;

/** The cluster whose data is going to be lost. */
const LOST = "lost";

/** The command as the account itself. */
function run(args: readonly string[]): Promise<Outcome> {
  return lifeboat(args, { cwd: folder.path, env: accountEnvironment(stack) });
}

beforeAll(async () => {
  [cluster, stack, folder] = await Promise.all([
    startCluster({ version: "3.6", security: "certificate" }),
    startMiniStack({ auth: true }),
    temporaryFolder(),
  ]);
  const { requestHandler } = await clientConfig(stack, { accessKeyId: "test", secretAccessKey: "test" });
  const [cert = "", key = ""] = await Promise.all([cluster.files.cert, cluster.files.key].map((file) => readFile(file ?? "", "utf8")));
  const etcd = requireProgram("etcd-3.6/etcd");
  lab = await deployService(stack, cluster, {
    cwd: folder.path,
    clusters: ["prod", LOST].map((name) => ({ name, endpoints: cluster.endpoints })),
    // What is locked cannot be lost.
    lock: undefined,
    secret: { cert, key, password: ROOT_PASSWORD },
    clients: clientsOf(stack, { requestHandler }),
    lifeboat: run,
    keysByArn: true,
    audit: true,
    drill: {
      every: "7d",
      path: etcd,
      sha256: createHash("sha256")
        .update(await readFile(etcd))
        .digest("hex"),
    },
  });
});
afterAll(async () => {
  await Promise.all([cluster.stop(), stack.stop()]);
  await folder.remove();
});

/** What a function of the service answers, or fails with. */
async function invoke(part: string, event: object): Promise<{ readonly failed: boolean; readonly value: unknown }> {
  const { Functions = [] } = await lab.clients.lambda.send(new ListFunctionsCommand({}));
  const FunctionName = Functions.find((each) => each.FunctionName?.includes(part))?.FunctionName;
  const { FunctionError, Payload } = await lab.clients.lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(event) }));
  return { failed: FunctionError !== undefined, value: JSON.parse(Payload?.transformToString() ?? "") as unknown };
}

async function keysBelow(Prefix: string): Promise<readonly string[]> {
  return ((await lab.clients.s3.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix }))).Contents ?? []).map(({ Key = "" }) => Key);
}

const embedded = z.looseObject({
  _aws: z.object({
    CloudWatchMetrics: z.array(
      z.object({
        Namespace: z.string(),
        Dimensions: z.tuple([z.array(z.string())]),
        Metrics: z.array(z.object({ Name: z.string() })),
      }),
    ),
  }),
});

/** Which metrics the alarms look at, in words that two equal ones have in common. */
const metricOf = (namespace: string, name: string, dimensions: readonly { readonly Name?: string; readonly Value?: string }[]): string =>
  JSON.stringify([namespace, name, dimensions.map(({ Name, Value }) => `${Name}=${Value}`).toSorted()]);

/** Does what CloudWatch does and the emulator does not: takes metrics out of a log, those that some alarm looks at. The values of the service as a whole. */
async function takeMetrics(log: string): Promise<Readonly<Record<string, number>>> {
  const { MetricAlarms = [] } = await lab.clients.cloudWatch.send(new DescribeAlarmsCommand({}));
  const looked = new Set(
    MetricAlarms.map(({ Namespace = "", MetricName = "", Dimensions = [] }) => metricOf(Namespace, MetricName, Dimensions)),
  );
  const lines = (await lab.logs())[log] ?? [];
  const ofService: Record<string, number> = {};
  for (const line of lines.flatMap((each) => each.split("\n")).filter((each) => each.includes('"_aws"'))) {
    const document = embedded.parse(JSON.parse(line.slice(line.indexOf("{"))));
    for (const { Namespace, Dimensions, Metrics } of document._aws.CloudWatchMetrics) {
      const dimensions = Dimensions[0].map((Name) => ({ Name, Value: String(document[Name]) }));
      for (const { Name } of Metrics) {
        const Value = Number(document[Name]);
        if (dimensions.length === 1) ofService[Name] = Value;
        // The emulator's alarms pass over dimensions.
        if (!looked.has(metricOf(Namespace, Name, dimensions))) continue;
        await lab.clients.cloudWatch.send(
          new PutMetricDataCommand({ Namespace, MetricData: [{ MetricName: Name, Dimensions: dimensions, Value }] }),
        );
      }
    }
  }
  return ofService;
}

/** The states of the service's alarms. */
async function alarms(...names: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const { MetricAlarms = [] } = await lab.clients.cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: [...names] }));
  return Object.fromEntries(MetricAlarms.map(({ AlarmName = "", StateValue = "" }) => [AlarmName.slice("lifeboat-".length), StateValue]));
}

/** Waits for the topic to tell of an alarm; others are told of too. */
async function hear(alarm: string): Promise<void> {
  for (;;) if ((await lab.heard()).Subject.includes(alarm)) return;
}

const AUDIT = ["lifeboat-audit-findings", "lifeboat-audit-not-ready", "lifeboat-audit-drills"];

test("the audit finds clusters of which nothing is stored, and its alarms speak on the topic", async () => {
  const { failed, value } = await invoke("lifeboat-audit", {});
  expect({ failed, value }).toMatchObject({
    failed: false,
    value: {
      clusters: [
        { cluster: LOST, verdict: "not ready" },
        { cluster: "prod", verdict: "not ready" },
      ],
      findings: expect.arrayContaining([saying("[cluster/not-stored]")]) as unknown,
      report: "report/report.html",
    },
  });
  expect(await takeMetrics("/lifeboat/audit")).toMatchObject({ NotReady: 2 });
  expect(await alarms(...AUDIT)).toMatchObject({ "audit-findings": "ALARM", "audit-not-ready": "ALARM" });
  await hear("lifeboat-audit-findings");
});

test("a drill restores what was backed up, by a bundle of its desk, each in its role", async () => {
  for (const name of ["prod", LOST])
    expect(await lab.ended(await lab.start({ cluster: name, slot: RECENT_SLOT }))).toMatchObject({ status: "SUCCEEDED" });
  const drilled = await invoke("lifeboat-drill-Drills", { clusters: ["prod"] });
  expect(drilled).toMatchObject({
    failed: false,
    value: { drilled: [{ cluster: "prod", id: RECENT_ID, notCompared: [] }], waiting: [] },
  });
  expect(await keysBelow("clusters/prod/drills/")).toHaveLength(1);
  const { records } = z
    .object({ records: z.array(z.object({ event: z.string(), actor: z.string() })) })
    .parse(JSON.parse((await run(["custody", "prod", "--verify", "--json"])).stdout));
  expect(records.slice(-2)).toEqual([
    { event: "bundle", actor: saying("DrillsDeskRole") },
    { event: "drill", actor: saying("DrillsRole") },
  ]);
  expect(await takeMetrics("/lifeboat/drill")).toMatchObject({ DrillPassed: 1, DrillFailed: 0 });
  expect(await alarms("lifeboat-drill-not-passed", "lifeboat-drill-errors")).toMatchObject({ "drill-not-passed": "OK" });
  // What is not due is not drilled.
  expect(await invoke("lifeboat-drill-Drills", { clusters: ["prod"] })).toMatchObject({ value: { drilled: [], waiting: [] } });
});

test("a drill of what lost its data fails, and that is loud", async () => {
  const [Key = ""] = await keysBelow(`clusters/${LOST}/data/`);
  const { VersionId } = await lab.clients.s3.send(new GetObjectCommand({ Bucket: BUCKET, Key }));
  await lab.clients.s3.send(new DeleteBucketPolicyCommand({ Bucket: BUCKET }));
  await lab.clients.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key, VersionId }));
  const failed = await invoke("lifeboat-drill-Drills", { clusters: [LOST] });
  // The desk says so. (The emulator has one name for whatever a function throws; by Lambda's, which is the error's own, the drill leaves evidence of it besides.)
  expect(failed).toMatchObject({ failed: true, value: { errorMessage: saying(`${Key} is not in s3://${BUCKET}/`) } });
  expect(await takeMetrics("/lifeboat/drill")).toMatchObject({ DrillFailed: 1 });
  expect(await alarms("lifeboat-drill-not-passed")).toEqual({ "drill-not-passed": "ALARM" });
  await hear("lifeboat-drill-not-passed");
});

test("the audit then tells of the loss, and the page that it wrote is fetched from the bucket", async () => {
  const { value } = await invoke("lifeboat-audit", {});
  expect(value).toMatchObject({
    clusters: [
      { cluster: LOST, verdict: "not ready" },
      { cluster: "prod", errors: 0 },
    ],
    findings: [saying("[data/missing]")],
  });
  const { code, stderr } = await run(["report", "--open", "--out", "fetched.html"]);
  expect(`${code}: ${stderr}`).toMatch(/^0: /);
  const page = await readFile(join(folder.path, "fetched.html"), "utf8");
  expect(page).toContain("data/missing");
  expect(await keysBelow("report/")).toEqual(["report/report.html"]);
});

test("the audit's role reads what is said of snapshots, puts its page, and can neither read data, put, remove, open nor sign", async () => {
  const { s3, kms, lambda } = await inRoleOf(stack, "lifeboat-audit");
  const Bucket = BUCKET;
  const [data = "", manifest = "", bundle = ""] = await Promise.all(
    ["clusters/prod/data/", "clusters/prod/snapshots/", "bundles/prod/"].map(async (prefix) => (await keysBelow(prefix))[0]),
  );
  const get = (Key: string): Promise<unknown> => answerTo(s3.send(new GetObjectCommand({ Bucket, Key })));
  const put = (Key: string): Promise<unknown> => answerTo(s3.send(new PutObjectCommand({ Bucket, Key, Body: "x" })));
  expect({
    "read a manifest": await get(manifest),
    "read data": await get(data),
    "read a bundle": await get(bundle),
    "put a manifest": await put("clusters/prod/snapshots/x.json"),
    "put a drill": await put("clusters/prod/drills/x.json"),
    "put another page": await put("report/other.html"),
    "remove a manifest": await answerTo(s3.send(new DeleteObjectCommand({ Bucket, Key: manifest }))),
    "call the desk": await answerTo(lambda.send(new InvokeCommand({ FunctionName: "lifeboat-drill-desk", Payload: "{}" }))),
  }).toEqual({
    "read a manifest": "allowed",
    "read data": "denied",
    "read a bundle": "denied",
    "put a manifest": "denied",
    "put a drill": "denied",
    "put another page": "denied",
    "remove a manifest": "denied",
    "call the desk": "denied",
  });
  expect(await signs(kms)).toEqual({ snapshot: "denied", audit: "denied", bundle: "denied" });
});

test("the drill's role signs evidence alone, and its desk bundles alone", async () => {
  const [drill, desk] = await Promise.all([inRoleOf(stack, "lifeboat-drill-Drills"), inRoleOf(stack, "lifeboat-drill-desk")]);
  expect(await signs(drill.kms)).toEqual({ snapshot: "denied", audit: "allowed", bundle: "denied" });
  expect(await signs(desk.kms)).toEqual({ snapshot: "denied", audit: "denied", bundle: "allowed" });
  const put = (s3: S3Client, Key: string): Promise<unknown> =>
    answerTo(s3.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: "x", IfNoneMatch: "*" })));
  expect(await put(drill.s3, "bundles/prod/x")).toBe("denied");
  expect(await put(drill.s3, "clusters/prod/verified/x.json")).toBe("denied");
  expect(await put(desk.s3, "clusters/prod/drills/x.json")).toBe("denied");
});

/** By which of the service's keys a role may sign. */
async function signs(kms: KMSClient): Promise<Readonly<Record<Purpose, unknown>>> {
  const { config } = await loadConfig(join(folder.path, "lifeboat.yaml"));
  if (config.keys.kind !== "kms") throw new Error("the lab's keys are in KMS");
  const { sign } = config.keys;
  const by = (KeyId: string): Promise<unknown> =>
    answerTo(kms.send(new SignCommand({ KeyId, Message: new Uint8Array(32), MessageType: "DIGEST", SigningAlgorithm: "ECDSA_SHA_256" })));
  return { snapshot: await by(sign.snapshot), audit: await by(sign.audit), bundle: await by(sign.bundle) };
}

test("no secret is in any log, and every log says whose it is", async () => {
  const logs = await lab.logs();
  for (const name of ["audit", "drill", "drill-desk"])
    expect(logs[`/lifeboat/${name}`]?.some((line) => line.includes('"service":"etcd-lifeboat"'))).toBe(true);
  const all = [...Object.values(logs).flat(), stack.logTail(100_000)].join("\n");
  for (const secret of [ROOT_PASSWORD, "PRIVATE KEY", "AGE-SECRET-KEY", "X-Amz-Signature"]) expect(all).not.toContain(secret);
});
