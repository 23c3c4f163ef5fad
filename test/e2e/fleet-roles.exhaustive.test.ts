import { readFile } from "node:fs/promises";
import { ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { StartExecutionCommand } from "@aws-sdk/client-sfn";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ROOT_PASSWORD } from "../../tools/lab/cluster-security.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { startMiniStack } from "../../tools/lab/ministack.ts";
import type { MiniStack } from "../../tools/lab/ministack.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { clientConfig } from "../support/iam-users.ts";
import type { Credentials } from "../support/iam-users.ts";
import { lifeboat } from "../support/lifeboat.ts";
import { accountEnvironment, BUCKET, clientsOf, deployService } from "../support/service-lab.ts";
import type { ServiceLab } from "../support/service-lab.ts";
import { RECENT_ID, RECENT_SLOT } from "../support/recent-slot.ts";

/**
 * The roles of a fleet on an emulator that enforces them, with the tag of the session written out in the policies of two clusters (test/support/tag-variables.ts): each run does its work for its cluster, and what it holds opens nothing of the other.
 */

const LONG = 600_000;

let cluster: EtcdCluster;
let stack: MiniStack;
let folder: TemporaryFolder;
let lab: ServiceLab;

beforeAll(async () => {
  [cluster, stack, folder] = await Promise.all([
    startCluster({ version: "3.6", security: "certificate" }),
    startMiniStack({ auth: true }),
    temporaryFolder(),
  ]);
  const { requestHandler } = await clientConfig(stack, { accessKeyId: "test", secretAccessKey: "test" });
  const [cert = "", key = ""] = await Promise.all([cluster.files.cert, cluster.files.key].map((file) => readFile(file ?? "", "utf8")));
  lab = await deployService(stack, cluster, {
    cwd: folder.path,
    clusters: ["prod", "other"].map((name) => ({ name, endpoints: cluster.endpoints })),
    secret: { cert, key, password: ROOT_PASSWORD },
    fleet: { concurrency: 2 },
    lock: undefined,
    clients: clientsOf(stack, { requestHandler }),
    lifeboat: (args) => lifeboat(args, { cwd: folder.path, env: accountEnvironment(stack) }),
    keysByArn: true,
  });
}, LONG);
afterAll(async () => {
  await Promise.all([cluster.stop(), stack.stop()]);
  await folder.remove();
});

test(
  "both clusters are backed up and verified in roles that were assumed for them",
  async () => {
    const input = JSON.stringify({ network: "default", clusters: ["prod", "other"], slot: RECENT_SLOT });
    const { executionArn = "" } = await lab.clients.sfn.send(
      new StartExecutionCommand({ stateMachineArn: lab.stateMachine("fleet-default"), input }),
    );
    expect(await lab.ended(executionArn)).toMatchObject({ status: "SUCCEEDED" });
    const { Contents = [] } = await lab.clients.s3.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: "clusters/" }));
    const keys = Contents.map(({ Key = "" }) => Key);
    for (const name of ["prod", "other"]) {
      expect(keys).toContain(`clusters/${name}/snapshots/${RECENT_ID}.json`);
      expect(keys.filter((key) => key.startsWith(`clusters/${name}/verified/`))).not.toEqual([]);
    }
    const { stdout } = await lifeboat(["custody", "prod", "--verify", "--json"], { cwd: folder.path, env: accountEnvironment(stack) });
    // The session is named after the cluster.
    expect(stdout).toMatch(/assumed-role\/[^"]*WriterRole[^"]*\/prod"/);
    expect(stdout).toMatch(/assumed-role\/[^"]*VerifierRole[^"]*\/prod"/);
  },
  LONG,
);

/** Who the function in whose name `part` is runs as, and what it assumes. */
async function rolesOf(part: string): Promise<{ readonly own: string; readonly assumed: string }> {
  const { Functions = [] } = await lab.clients.lambda.send(new ListFunctionsCommand({}));
  const found = Functions.find(({ FunctionName }) => FunctionName?.includes(part));
  return { own: found?.Role ?? "", assumed: found?.Environment?.Variables?.["LIFEBOAT_ROLE"] ?? "" };
}

async function assume(who: Credentials, RoleArn: string, tags: Readonly<Record<string, string>>): Promise<Credentials> {
  const sts = new STSClient(await clientConfig(stack, who));
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  const { Credentials: given } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "test", Tags }));
  return { accessKeyId: given?.AccessKeyId ?? "", secretAccessKey: given?.SecretAccessKey ?? "", sessionToken: given?.SessionToken ?? "" };
}

test("what a run holds for one cluster opens nothing of another, and nothing is assumed without the tag", async () => {
  const { own, assumed } = await rolesOf("defaultbackup");
  const runner = await assume({ accessKeyId: "test", secretAccessKey: "test" }, own, {});
  const refusals: readonly Readonly<Record<string, string>>[] = [{}, { team: "a" }, { cluster: "prod", team: "a" }];
  for (const tags of refusals) await expect(assume(runner, assumed, tags)).rejects.toThrow(/not authorized to perform: sts:/);
  await expect(assume(runner, (await rolesOf("defaultverify")).assumed, { cluster: "prod" })).rejects.toThrow(/not authorized/);

  const config = await clientConfig(stack, await assume(runner, assumed, { cluster: "prod" }));
  const s3 = new S3Client({ ...config, forcePathStyle: true });
  const secrets = new SecretsManagerClient(config);
  const get = (name: string): Promise<unknown> =>
    s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: `clusters/${name}/snapshots/${RECENT_ID}.json` }));
  const put = (name: string): Promise<unknown> =>
    s3.send(
      new PutObjectCommand({ Bucket: BUCKET, Key: `clusters/${name}/data/20200101T000000Z-00000000.age`, Body: "x", IfNoneMatch: "*" }),
    );
  const secret = (name: string): Promise<unknown> => secrets.send(new GetSecretValueCommand({ SecretId: `lifeboat/${name}/lab` }));
  for (const may of [get, put, secret]) {
    await may("prod");
    await expect(may("other")).rejects.toThrow(/not authorized|Access ?Denied/i);
  }
  // The function itself has no right of its own to any of it.
  const mine = new S3Client({ ...(await clientConfig(stack, runner)), forcePathStyle: true });
  await expect(mine.send(new GetObjectCommand({ Bucket: BUCKET, Key: `clusters/prod/snapshots/${RECENT_ID}.json` }))).rejects.toThrow(
    /not authorized|Access ?Denied/i,
  );
});
