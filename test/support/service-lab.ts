import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CloudFormationClient } from "@aws-sdk/client-cloudformation";
import { CloudWatchClient } from "@aws-sdk/client-cloudwatch";
import { CloudWatchLogsClient, DescribeLogGroupsCommand, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { KMSClient, ListAliasesCommand } from "@aws-sdk/client-kms";
import { LambdaClient } from "@aws-sdk/client-lambda";
import {
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
  PutObjectLockConfigurationCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { SchedulerClient } from "@aws-sdk/client-scheduler";
import { CreateSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from "@aws-sdk/client-sfn";
import { ListTopicsCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import { CreateQueueCommand, DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { SSMClient } from "@aws-sdk/client-ssm";
import { z } from "zod";
import type { BackupEvent } from "../../shared/contract/events.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import type { MiniStack } from "../../tools/lab/ministack.ts";
import { until } from "../../tools/lab/until.ts";
import { bootstrap, deploy, synthesize } from "./deploy.ts";
import type { LifeboatOptions, Outcome } from "./lifeboat.ts";
import { lifeboatHere } from "./lifeboat-here.ts";

/** The service, deployed to MiniStack as a person would: the vault, the fingerprints of its keys into lifeboat.yaml, the functions. */

export const BUCKET = "lab-etcd-backups";
const ACCOUNT = "000000000000";

export type Clients = ReturnType<typeof clientsOf>;

/** Clients of the account itself. */
export function clientsOf({ endpoint, region }: Pick<MiniStack, "endpoint" | "region">, more: { readonly requestHandler?: object } = {}) {
  const config = { endpoint, region, credentials: { accessKeyId: "test", secretAccessKey: "test" }, ...more };
  return {
    account: ACCOUNT,
    endpoint,
    region,
    cloudFormation: new CloudFormationClient(config),
    cloudWatch: new CloudWatchClient(config),
    kms: new KMSClient(config),
    lambda: new LambdaClient(config),
    logs: new CloudWatchLogsClient(config),
    s3: new S3Client({ ...config, forcePathStyle: true }),
    scheduler: new SchedulerClient(config),
    secrets: new SecretsManagerClient(config),
    sfn: new SFNClient(config),
    sns: new SNSClient(config),
    sqs: new SQSClient(config),
    ssm: new SSMClient(config),
  };
}

/** For a command that runs as the account. */
export function accountEnvironment({ endpoint, environment }: Pick<MiniStack, "endpoint" | "environment">): Record<string, string> {
  return { ...environment, AWS_ENDPOINT_URL: endpoint };
}

/** A cluster of the lab under a name of its own. */
export interface NamedCluster {
  readonly name: string;
  readonly endpoints: readonly string[];
  /** How its snapshots are kept, in YAML; by default as a configuration that does not say. */
  readonly retention?: string;
}

export interface ServiceLab {
  readonly clients: Clients;
  /** Where lifeboat.yaml is. */
  readonly options: Pick<LifeboatOptions, "cwd">;
  /** Keys of conditions in policies that the emulator does not know. */
  readonly conditionsLeftOut: ReadonlySet<string>;
  stateMachine(cluster: string): string;
  start(event: BackupEvent): Promise<string>;
  /** The end of an execution. */
  ended(execution: string): Promise<{ readonly status: string; readonly output: unknown; readonly error: string; readonly cause: string }>;
  /** The next message that the topic gave, which nobody sees again. */
  heard(): Promise<{ readonly Subject: string; readonly Message: string }>;
  /** Every line of every log in CloudWatch, by group. */
  logs(): Promise<Readonly<Record<string, readonly string[]>>>;
}

export interface ServiceOptions {
  /** Where lifeboat.yaml is to be. */
  readonly cwd: string;
  readonly clusters: readonly NamedCluster[];
  /** PEM text of etcd's client certificate and key, and root's password; left out for a cluster that asks for none. */
  readonly secret?: Readonly<Record<"cert" | "key" | "password", string>>;
  /** Deploys a fleet in place of a service for each cluster, and applies their list; so many are backed up at once. Its functions have eight minutes, and a stream may rest as long: what is slow stays slow until it is mended. */
  readonly fleet?: { readonly concurrency: number };
  /** In place of those of the account at an emulator that enforces nothing. */
  readonly clients?: Clients;
  /** Runs the command as the account; by default in this process, whose environment must be the account's (`accountEnvironment`). */
  readonly lifeboat?: (args: readonly string[]) => Promise<Outcome>;
  /** Object Lock, in YAML, or none. */
  readonly lock?: string | undefined;
  /** Deploys a desk for nodes like this machine, which makes bundles for these recipients alone: age recipients by name. */
  readonly desk?: Readonly<Record<string, string>>;
  /** Deploys drills of every cluster so often, in this machine's etcd: the program's file, of 3.6, and its SHA-256. */
  readonly drill?: { readonly every: string; readonly path: string; readonly sha256: string };
  /** Deploys the audit. */
  readonly audit?: boolean;
  /** Name keys by their ARNs: an emulator that enforces policies does not find the key of an alias. */
  readonly keysByArn?: boolean;
}

export async function deployService(stack: MiniStack, cluster: EtcdCluster, service: ServiceOptions): Promise<ServiceLab> {
  const { cwd, clusters, secret, clients = clientsOf(stack), keysByArn = false, desk, drill, audit = false, fleet } = service;
  const store = "lock" in service && service.lock === undefined ? "" : `, lock: ${service.lock ?? LOCK}`;
  const configured = (trustedKeys: string): string =>
    configuration({ region: stack.region, clusters, trustedKeys, lock: store, desk, drill, fleet, isOpen: secret === undefined });
  const options = { cwd };
  const { lifeboat = (args) => lifeboatHere(args, options) } = service;
  if (secret !== undefined) {
    for (const Name of fleet === undefined ? ["etcd/lab"] : clusters.map(({ name }) => `lifeboat/${name}/lab`))
      await clients.secrets.send(new CreateSecretCommand({ Name, SecretString: JSON.stringify(secret) }));
    await copyFile(cluster.files.ca ?? "", join(cwd, "ca.pem"));
  }
  const file = join(cwd, "lifeboat.yaml");
  await writeFile(file, configured("{}"));
  await bootstrap(clients);
  const first = join(cwd, "cdk.out.vault");
  await deploy(clients, first, (await synthesize(file, first)).vault);
  await finishVault(clients, store !== "");
  const text = configured(await fingerprints(lifeboat));
  await writeFile(file, keysByArn ? await withArns(clients, text) : text);
  const second = join(cwd, "cdk.out");
  const stacks = await synthesize(file, second, { audit });
  const tagged = fleet !== undefined && keysByArn ? clusters.map(({ name }) => name) : [];
  const conditionsLeftOut = new Set<string>();
  for (const each of [stacks.service, stacks.keeper, stacks.audit, stacks.desk, stacks.drill])
    for (const key of each === undefined ? [] : await deploy(clients, second, each, tagged)) conditionsLeftOut.add(key);
  if (fleet !== undefined) {
    const { code, stderr } = await lifeboat(["fleet", "apply"]);
    if (code !== 0) throw new Error(`lifeboat fleet apply: ${stderr}`);
  }
  const queue = await listen(clients);
  const stateMachine = (name: string): string => `arn:aws:states:${stack.region}:${ACCOUNT}:stateMachine:lifeboat-${name}`;
  return {
    clients,
    options,
    conditionsLeftOut,
    stateMachine,
    async start(event) {
      const command = new StartExecutionCommand({ stateMachineArn: stateMachine(event.cluster), input: JSON.stringify(event) });
      return (await clients.sfn.send(command)).executionArn ?? "";
    },
    ended: (execution) => ended(clients, execution),
    heard: () => heard(clients, queue),
    logs: () => logs(clients),
  };
}

const LOCK = "{ mode: governance, days: 14 }";

function configuration({
  region,
  clusters,
  trustedKeys,
  lock,
  desk,
  drill,
  fleet,
  isOpen,
}: Pick<ServiceOptions, "clusters" | "desk" | "drill" | "fleet"> & {
  readonly isOpen: boolean;
} & Readonly<Record<"region" | "trustedKeys" | "lock", string>>): string {
  const access = (name: string): string => {
    const secret = `secretsmanager:${fleet === undefined ? "etcd" : `lifeboat/${name}`}/lab`;
    return isOpen
      ? ""
      : `
    tls: { ca: file:ca.pem, cert: "${secret}#cert", key: "${secret}#key" }
    auth: { username: root, password: "${secret}#password" }`;
  };
  const each = clusters.map(
    ({ name, endpoints, retention = "{}" }) => `
  ${name}:
    endpoints: [${endpoints.map((url) => JSON.stringify(url)).join(", ")}]${access(name)}
    timeouts: { idle: ${fleet === undefined ? "100s" : "480s"} }
    schedule: { rate: 1h }
    retention: ${retention}
    service: { databaseSize: 500MB }${drill === undefined ? "" : `\n    drill: { every: ${drill.every} }`}`,
  );
  return `version: 1
store: { kind: s3, bucket: ${BUCKET}, region: ${region}, pathStyle: true${lock} }
keys:
  kind: kms
  region: ${region}
  wrap: alias/lab-wrap
  sign: { snapshot: alias/lab-snapshot, audit: alias/lab-audit, bundle: alias/lab-bundle }
trustedKeys: ${trustedKeys}
${desk === undefined ? "" : `recipients: ${JSON.stringify(desk)}\ndesk: { unenrolled: refuse }\n`}service:${serviceSettings({ desk, drill, fleet })}
clusters:${each.join("")}
`;
}

function serviceSettings({ desk, drill, fleet }: Pick<ServiceOptions, "desk" | "drill" | "fleet">): string {
  const architecture = process.arch === "arm64" ? "arm64" : "amd64";
  const etcd = drill === undefined ? undefined : { "3.6": { path: drill.path, sha256: drill.sha256 } };
  return ` ${JSON.stringify({
    ...(desk === undefined ? {} : { desk: { enabled: true, architectures: [architecture] } }),
    ...(etcd === undefined ? {} : { drill: { architecture, etcd } }),
    ...(fleet === undefined ? {} : { fleet: { ...fleet, databaseSize: "8GiB" } }),
  })}`;
}

/** What CloudFormation makes of a bucket, and MiniStack's does not. */
async function finishVault({ s3 }: Clients, isLocked: boolean): Promise<void> {
  const Bucket = BUCKET;
  await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
  const Rule = { DefaultRetention: { Mode: "GOVERNANCE" as const, Days: 14 } };
  if (isLocked)
    await s3.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration: { ObjectLockEnabled: "Enabled", Rule } }));
  const unfinished = {
    ID: "unfinished-uploads",
    Status: "Enabled" as const,
    Filter: { Prefix: "" },
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 },
  };
  await s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: [unfinished] } }));
}

const keysSchema = z.object({ signing: z.array(z.object({ purpose: z.string(), fingerprint: z.string() })) });

async function withArns({ kms, region }: Clients, text: string): Promise<string> {
  const { Aliases = [] } = await kms.send(new ListAliasesCommand({}));
  return Aliases.reduce(
    (changed, { AliasName = "", TargetKeyId = "" }) =>
      changed.replaceAll(new RegExp(`${AliasName}(?=[ ,\\n])`, "g"), `"arn:aws:kms:${region}:${ACCOUNT}:key/${TargetKeyId}"`),
    text,
  );
}

async function fingerprints(lifeboat: (args: readonly string[]) => Promise<Outcome>): Promise<string> {
  // Its exit code says that none of the keys is trusted yet.
  const { stdout, stderr } = await lifeboat(["keys", "--json"]);
  if (stdout === "") throw new Error(`lifeboat keys: ${stderr}`);
  const { signing } = keysSchema.parse(JSON.parse(stdout));
  return JSON.stringify(Object.fromEntries(signing.map(({ purpose, fingerprint }) => [purpose, [fingerprint]])));
}

/** A queue that hears what the topic says. */
async function listen({ sns, sqs }: Clients): Promise<string> {
  const Endpoint = `arn:aws:sqs:eu-central-1:${ACCOUNT}:heard`;
  const [Principal, Action] = [{ Service: "sns.amazonaws.com" }, "sqs:SendMessage"];
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Principal, Action, Resource: Endpoint }] });
  const { QueueUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: "heard", Attributes: { Policy } }));
  const { Topics: [topic] = [] } = await sns.send(new ListTopicsCommand({}));
  await sns.send(new SubscribeCommand({ TopicArn: topic?.TopicArn, Protocol: "sqs", Endpoint }));
  return QueueUrl;
}

const noticeSchema = z.object({ Subject: z.string(), Message: z.string() });

async function heard({ sqs }: Clients, QueueUrl: string): Promise<z.infer<typeof noticeSchema>> {
  return until("a message of the topic", 20_000, async () => {
    const { Messages: [message] = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 1 }));
    if (message?.Body === undefined) return undefined;
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message.ReceiptHandle }));
    return noticeSchema.parse(JSON.parse(message.Body));
  });
}

async function ended({ sfn }: Clients, executionArn: string): Promise<Awaited<ReturnType<ServiceLab["ended"]>>> {
  return until(`the end of ${executionArn}`, 60_000, async () => {
    const { status = "", output, error = "", cause = "" } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    if (status === "RUNNING") return undefined;
    const parsed: unknown = output === undefined ? undefined : JSON.parse(output);
    return { status, output: parsed, error, cause };
  });
}

async function logs({ logs: client }: Clients): Promise<Readonly<Record<string, readonly string[]>>> {
  const { logGroups = [] } = await client.send(new DescribeLogGroupsCommand({}));
  const all: Record<string, readonly string[]> = {};
  for (const { logGroupName = "" } of logGroups) {
    const { events = [] } = await client.send(new FilterLogEventsCommand({ logGroupName, limit: 10_000 }));
    all[logGroupName] = events.map(({ message = "" }) => message);
  }
  return all;
}
