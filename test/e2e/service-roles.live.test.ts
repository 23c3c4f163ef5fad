import { readFile } from "node:fs/promises";
import { IAMClient } from "@aws-sdk/client-iam";
import { DecryptCommand, KMSClient } from "@aws-sdk/client-kms";
import { InvokeCommand, ListFunctionsCommand, UpdateFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { ROOT_PASSWORD } from "../../tools/lab/cluster-security.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { startMiniStack } from "../../tools/lab/ministack.ts";
import type { MiniStack } from "../../tools/lab/ministack.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { answerTo } from "../support/answer-to.ts";
import { clientConfig, newUser } from "../support/iam-users.ts";
import { lifeboat } from "../support/lifeboat.ts";
import type { Outcome } from "../support/lifeboat.ts";
import { saying } from "../support/matchers.ts";
import { accountEnvironment, BUCKET, clientsOf, deployService } from "../support/service-lab.ts";
import type { ServiceLab } from "../support/service-lab.ts";
import { RECENT_ID, RECENT_SLOT } from "../support/recent-slot.ts";

/** The functions in the roles of the synthesized stacks, on an emulator that enforces them: each does its work, and neither the other's. */

let cluster: EtcdCluster;
let stack: MiniStack;
let folder: TemporaryFolder;
let lab: ServiceLab;

/** The command as the account itself, in a process of its own: which authority is trusted is read when a process starts. */
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
  lab = await deployService(stack, cluster, {
    cwd: folder.path,
    clusters: [{ name: "prod", endpoints: cluster.endpoints }],
    secret: { cert, key, password: ROOT_PASSWORD },
    clients: clientsOf(stack, { requestHandler }),
    lifeboat: run,
    keysByArn: true,
  });
});
afterAll(async () => {
  await Promise.all([cluster.stop(), stack.stop()]);
  await folder.remove();
});

test("each role does its work, and the log names them", async () => {
  const { status, output, cause } = await lab.ended(await lab.start({ cluster: "prod", slot: RECENT_SLOT }));
  expect({ status, cause, output }).toMatchObject({
    status: "SUCCEEDED",
    output: { backup: { proof: "proven" }, verify: { cluster: "prod", confirmed: "members" } },
  });
  const records = z.object({ records: z.array(z.object({ event: z.string(), actor: z.string() })) });
  const { stdout } = await run(["custody", "prod", "--verify", "--json"]);
  expect(records.parse(JSON.parse(stdout)).records).toEqual(
    [
      { event: "lineage-opened", actor: saying("prodBackupRole") },
      { event: "backup", actor: saying("prodBackupRole") },
      { event: "verified", actor: saying("prodVerifyRole") },
    ].map((each) => expect.objectContaining(each) as unknown),
  );
});

test("a person starts it with the four rights that the command names, and is told which one is missing", async () => {
  const { requestHandler } = await clientConfig(stack, { accessKeyId: "test", secretAccessKey: "test" });
  const iam = new IAMClient({
    endpoint: stack.endpoint,
    region: stack.region,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    requestHandler,
  });
  const policy = (...actions: readonly string[]): string =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: actions.map((each) => `states:${each}`), Resource: "*" }],
    });
  const as = async (name: string, text: string): Promise<Outcome> => {
    const { accessKeyId, secretAccessKey } = await newUser(iam, name, text);
    const env = { ...accountEnvironment(stack), AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
    return lifeboat(["invoke", "backup", "prod", "--json"], { cwd: folder.path, env });
  };
  const operator = await as("operator", policy("ListStateMachines", "StartExecution", "DescribeExecution", "GetExecutionHistory"));
  expect(`${operator.code}: ${operator.stderr}`).toMatch(/^0: /);
  expect(JSON.parse(operator.stdout)).toMatchObject({ backup: { proof: "proven" } });
  const viewer = await as("viewer", policy("ListStateMachines", "DescribeExecution"));
  expect(viewer).toMatchObject({ code: 5, stderr: saying("StartExecution is denied in Step Functions in eu-central-1") });
  expect(viewer.stderr).toContain("hint: give your role states:StartExecution on the cluster's state machine and its executions");
});

/** Calls a function whose role is now `role`: what it fails with. */
async function failureIn(role: string, name: string, event: object): Promise<string> {
  const { lambda } = lab.clients;
  // With a change that a warm process cannot take over: it would keep the credentials of its first role.
  await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: name, Role: role, MemorySize: 1024 }));
  const { FunctionError, Payload } = await lambda.send(new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(event) }));
  expect(FunctionError).toBe("Unhandled");
  return z.object({ errorMessage: z.string() }).parse(JSON.parse(Payload?.transformToString() ?? "")).errorMessage;
}

test("the writer's role may not read what it wrote, nor open it, nor remove it", async () => {
  const { s3, kms } = await inRoleOf("prodBackup");
  const { manifest } = z
    .object({
      manifest: z.object({
        stored: z.object({
          key: z.string(),
          encryption: z.object({ wrappings: z.array(z.object({ key: z.string(), ciphertext: z.string() })) }),
        }),
      }),
    })
    .parse(JSON.parse((await run(["show", `prod/${RECENT_ID}`, "--json"])).stdout));
  const { key: Key, encryption } = manifest.stored;
  const [wrapping] = encryption.wrappings;
  const decrypt = new DecryptCommand({
    KeyId: wrapping?.key,
    CiphertextBlob: Buffer.from(wrapping?.ciphertext ?? "", "base64"),
    EncryptionContext: { cluster: "prod", snapshot: RECENT_ID },
  });
  const manifestKey = `clusters/prod/snapshots/${RECENT_ID}.json`;
  const bucket = { Bucket: BUCKET };
  expect({
    "read a manifest": await answerTo(s3.send(new GetObjectCommand({ ...bucket, Key: manifestKey }))),
    "read data": await answerTo(s3.send(new GetObjectCommand({ ...bucket, Key }))),
    "unwrap its key": await answerTo(kms.send(decrypt)),
    "remove data": await answerTo(s3.send(new DeleteObjectCommand({ ...bucket, Key }))),
    "remove a manifest": await answerTo(s3.send(new DeleteObjectCommand({ ...bucket, Key: manifestKey }))),
    countersign: await answerTo(
      s3.send(new PutObjectCommand({ ...bucket, Key: "clusters/prod/verified/x.json", Body: "x", IfNoneMatch: "*" })),
    ),
    "back another cluster up": await answerTo(
      s3.send(new PutObjectCommand({ ...bucket, Key: "clusters/other/snapshots/x.json", Body: "x", IfNoneMatch: "*" })),
    ),
  }).toEqual({
    "read a manifest": "allowed",
    "read data": "denied",
    "unwrap its key": "denied",
    "remove data": "denied",
    "remove a manifest": "denied",
    countersign: "denied",
    "back another cluster up": "denied",
  });
  // All of it can be done: only the role is in the way.
  expect(await answerTo(lab.clients.kms.send(decrypt))).toBe("allowed");
  expect(await answerTo(lab.clients.s3.send(new GetObjectCommand({ ...bucket, Key })))).toBe("allowed");
});

/** Clients with credentials of the role of a function. */
async function inRoleOf(part: string): Promise<{ readonly s3: S3Client; readonly kms: KMSClient }> {
  const { Functions = [] } = await lab.clients.lambda.send(new ListFunctionsCommand({}));
  const RoleArn = Functions.find((each) => each.FunctionName?.includes(part))?.Role;
  const account = await clientConfig(stack, { accessKeyId: "test", secretAccessKey: "test" });
  const { Credentials } = await new STSClient(account).send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "test" }));
  const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = Credentials ?? {};
  const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
  const config = await clientConfig(stack, credentials);
  return { s3: new S3Client({ ...config, forcePathStyle: true }), kms: new KMSClient(config) };
}

test("the code that reads is refused what the writer wrote in the writer's role, and the code that writes in the reader's", async () => {
  const { Functions = [] } = await lab.clients.lambda.send(new ListFunctionsCommand({}));
  const find = (part: string): { name: string; role: string } => {
    const { FunctionName = "", Role = "" } = Functions.find((each) => each.FunctionName?.includes(part)) ?? {};
    return { name: FunctionName, role: Role };
  };
  const [writer, reader] = [find("prodBackup"), find("prodVerify")];
  expect(await failureIn(writer.role, reader.name, { cluster: "prod", id: RECENT_ID })).toMatch(
    /^GetPublicKey with the key \S+ \(keys\.sign\.audit\) is denied in KMS/,
  );
  expect(await failureIn(reader.role, writer.name, { cluster: "prod" })).toMatch(
    /^GetPublicKey with the key \S+ \(keys\.sign\.snapshot\) is denied in KMS/,
  );
  // It is the role: nothing of it was written, and each in its own place goes on.
  const { stdout } = await run(["ls", "prod", "--json"]);
  const ids = z.object({ snapshots: z.array(z.object({ id: z.string() })) });
  expect(ids.parse(JSON.parse(stdout)).snapshots).toHaveLength(2);
});
