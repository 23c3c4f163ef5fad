import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { IAMClient } from "@aws-sdk/client-iam";
import { DecryptCommand, ListKeysCommand, SignCommand } from "@aws-sdk/client-kms";
import type { KMSClient } from "@aws-sdk/client-kms";
import { InvokeCommand, ListFunctionsCommand, UpdateFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import {
  DeleteBucketPolicyCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { loadConfig } from "../../shared/config/load.ts";
import { custodyKey } from "../../shared/documents/layout.ts";
import { digestOf } from "../../shared/documents/signed-document.ts";
import type { KeyRing, Purpose } from "../../shared/keys/key-ring.ts";
import { KmsKeyRing } from "../../shared/keys/kms/kms-key-ring.ts";
import { createLocalKeys } from "../../shared/keys/local/create-local-keys.ts";
import { LocalKeyRing } from "../../shared/keys/local/local-key-ring.ts";
import { ROOT_PASSWORD } from "../../tools/lab/cluster-security.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { startMiniStack } from "../../tools/lab/ministack.ts";
import type { MiniStack } from "../../tools/lab/ministack.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { answerTo } from "../support/answer-to.ts";
import { clientConfig, newUser } from "../support/iam-users.ts";
import { inRoleOf } from "../support/in-role-of.ts";
import { lifeboat } from "../support/lifeboat.ts";
import type { Outcome } from "../support/lifeboat.ts";
import { saying } from "../support/matchers.ts";
import { accountEnvironment, BUCKET, clientsOf, deployService } from "../support/service-lab.ts";
import type { ServiceLab } from "../support/service-lab.ts";
import { payloadOf, signedBy } from "../support/envelopes.ts";
import { RECENT_ID, RECENT_SLOT, slotBefore } from "../support/recent-slot.ts";

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
    clusters: [
      { name: "prod", endpoints: cluster.endpoints },
      {
        name: SMALL,
        endpoints: cluster.endpoints,
        retention: "{ latest: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0, annual: 0, minAge: 1m }",
      },
    ],
    desk: { "cp-1": await newNode("cp-1") },
    // What is locked cannot go: service.live.test.ts has a lock.
    lock: undefined,
    secret: { cert, key, password: ROOT_PASSWORD },
    clients: clientsOf(stack, { requestHandler }),
    lifeboat: run,
    keysByArn: true,
  });
});
/** An age identity in a file: its recipient. */
async function newNode(name: string): Promise<string> {
  const identity = await generateIdentity();
  await writeFile(join(folder.path, `${name}.key`), `${identity}\n`, { mode: 0o600 });
  return identityToRecipient(identity);
}

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
  const { s3, kms } = await inRoleOf(stack, "prodBackup");
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

const deskSchema = z.object({
  steps: z.array(z.object({ recipient: z.string(), lines: z.array(z.string()) })),
  bundleKey: z.string(),
  published: z.boolean(),
  urlsUntil: z.string(),
  controls: z.array(z.object({ file: z.string(), url: z.string() })),
});

test("a person has the desk make a bundle, fetches it by its addresses with what is printed, and it holds; the log has who asked, and no address", async () => {
  const made = await run(["invoke", "bundle", "prod", "--recipient", "cp-1", "--reason", "a drill", "--json"]);
  expect(`${made.code}: ${made.stderr}`).toMatch(/^0: /);
  const bundle = deskSchema.parse(JSON.parse(made.stdout));
  expect(bundle.published).toBe(true);
  const fetched = join(folder.path, "fetched");
  await mkdir(fetched);
  const curls = bundle.steps.flatMap(({ lines }) => lines).filter((line) => line.startsWith("curl "));
  expect(curls).toHaveLength(4);
  for (const line of curls) await execa("bash", ["-c", line], { cwd: fetched, env: { CURL_CA_BUNDLE: stack.caFile ?? "" } });
  const inspected = await run(["bundle", "--inspect", fetched, "--fingerprint", bundle.bundleKey, "--identity", "cp-1.key", "--json"]);
  expect(`${inspected.code}: ${inspected.stderr}`).toMatch(/^0: /);
  expect(JSON.parse(inspected.stdout)).toMatchObject({
    holds: true,
    faults: [],
    payload: { state: "whole" },
    controls: [{ recipient: "cp-1" }],
  });

  const custody = await run(["custody", "prod", "--verify", "--json"]);
  expect(custody.code).toBe(0);
  const { records } = z.object({ records: z.array(z.unknown()) }).parse(JSON.parse(custody.stdout));
  expect(records.at(-1)).toMatchObject({
    event: "bundle",
    actor: saying("DeskRole"),
    purpose: "bundle",
    details: {
      reason: "a drill",
      bundle: { requestedBy: saying("arn:aws:"), published: true, recipients: [{ name: "cp-1", enrolled: true }] },
    },
  });

  const logs = await lab.logs();
  expect(logs["/lifeboat/desk"]?.join("\n")).toContain("BundleMade");
  for (const lines of Object.values(logs)) expect(lines.join("\n")).not.toContain("X-Amz-Signature");
});

test("the desk refuses who is not enrolled, and nobody calls it without the right to", async () => {
  const stranger = identityToRecipient(await generateIdentity());
  const refused = await run(["invoke", "bundle", "prod", "--unenrolled", await stranger, "--reason", "a drill"]);
  // The emulator has one name for whatever a function throws, where Lambda has the error's own: so these are exit code 5 here, and 2 there.
  expect(refused).toMatchObject({ code: 5, stderr: saying("this desk makes bundles for enrolled recipients only") });
  const unknown = await run(["invoke", "bundle", "prod", "--recipient", "cp-9", "--reason", "a drill"]);
  expect(unknown).toMatchObject({ code: 5, stderr: saying("cp-9 is not under recipients") });
  const { requestHandler } = await clientConfig(stack, { accessKeyId: "test", secretAccessKey: "test" });
  const iam = new IAMClient({
    endpoint: stack.endpoint,
    region: stack.region,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    requestHandler,
  });
  const none = JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "states:*", Resource: "*" }] });
  const { accessKeyId, secretAccessKey } = await newUser(iam, "nobody", none);
  const env = { ...accountEnvironment(stack), AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  const args = ["invoke", "bundle", "prod", "--recipient", "cp-1", "--reason", "a drill"];
  expect(await lifeboat(args, { cwd: folder.path, env })).toMatchObject({
    code: 5,
    stderr: saying("lambda:InvokeFunction on lifeboat-desk is denied in Lambda in eu-central-1"),
  });
});

test("the desk deletes nothing, puts nothing elsewhere, and signs bundles alone; nobody else signs them", async () => {
  const { s3, kms } = await inRoleOf(stack, "lifeboat-desk");
  const Bucket = BUCKET;
  const list = async (Prefix: string): Promise<readonly string[]> =>
    ((await lab.clients.s3.send(new ListObjectsV2Command({ Bucket, Prefix }))).Contents ?? []).map(({ Key = "" }) => Key);
  const [data = "", tar = "", record = ""] = [
    (await list("clusters/prod/data/"))[0],
    (await list("bundles/prod/")).find((key) => key.endsWith(".tar")),
    (await list("clusters/prod/custody/"))[0],
  ];
  for (const Key of [data, tar, record, `clusters/prod/snapshots/${RECENT_ID}.json`]) {
    const { VersionId } = await lab.clients.s3.send(new GetObjectCommand({ Bucket, Key }));
    for (const target of [
      { Bucket, Key },
      { Bucket, Key, VersionId },
    ])
      expect({ Key, answer: await answerTo(s3.send(new DeleteObjectCommand(target))) }).toEqual({ Key, answer: "denied" });
  }
  const put = (Key: string): Promise<unknown> => answerTo(s3.send(new PutObjectCommand({ Bucket, Key, Body: "x", IfNoneMatch: "*" })));
  for (const Key of [
    "clusters/prod/snapshots/x.json",
    "clusters/prod/data/x",
    "clusters/prod/verified/x.json",
    "clusters/prod/pins/x.json",
    "clusters/other/custody/x.json",
    "bundles/other/x",
    "store.json",
  ])
    expect({ Key, answer: await put(Key) }).toEqual({ Key, answer: "denied" });

  const config = await signingKeys();
  const sign = (KeyId: string): SignCommand =>
    new SignCommand({ KeyId, Message: new Uint8Array(32), MessageType: "DIGEST", SigningAlgorithm: "ECDSA_SHA_256" });
  const answers = async (client: KMSClient): Promise<unknown> => ({
    snapshot: await answerTo(client.send(sign(config.sign.snapshot))),
    audit: await answerTo(client.send(sign(config.sign.audit))),
    bundle: await answerTo(client.send(sign(config.sign.bundle))),
  });
  expect(await answers(kms)).toEqual({ snapshot: "denied", audit: "denied", bundle: "allowed" });
  for (const part of ["prodBackup", "prodVerify", "prodCheck", "lifeboat-keeper"])
    expect({ part, answers: await answers((await inRoleOf(stack, part)).kms) }).toMatchObject({ part, answers: { bundle: "denied" } });
});

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

const SMALL = "pruned";
const [OLD, RECENT] = [slotBefore(90), slotBefore(60)];

/** Every version of every object of the pruned cluster, or of one of its snapshots. */
async function versionsOf(id = ""): Promise<readonly { readonly Key: string; readonly VersionId: string; readonly Size: number }[]> {
  const { Versions = [], DeleteMarkers = [] } = await lab.clients.s3.send(
    new ListObjectVersionsCommand({ Bucket: BUCKET, Prefix: `clusters/${SMALL}/` }),
  );
  return [...Versions, ...DeleteMarkers.map((each) => ({ ...each, Size: 0 }))]
    .map(({ Key = "", VersionId = "", Size = 0 }) => ({ Key, VersionId, Size }))
    .filter(({ Key }) => Key.includes(id === "" ? "" : `/${id}`));
}

test("what retention no longer keeps is ordered by the verifier and removed by the keeper, each in its role", async () => {
  const first = await lab.ended(await lab.start({ cluster: SMALL, slot: OLD.time }));
  expect(first).toMatchObject({ status: "SUCCEEDED", output: { verify: { order: { outcome: "nothing" } }, keeper: null } });
  expect((await versionsOf(OLD.id)).map(({ Key }) => Key.split("/")[2] ?? "").toSorted()).toEqual(["data", "snapshots", "verified"]);
  const before = await bytesOf();
  const second = await lab.ended(await lab.start({ cluster: SMALL, slot: RECENT.time }));
  expect({ cause: second.cause, output: second.output }).toMatchObject({
    output: {
      verify: { order: { outcome: "ordered", subjects: 3, brakes: [], message: null } },
      keeper: { cluster: SMALL, removed: 1, refused: 0, locked: 0, needsAttention: false, findings: [] },
      keeperFailure: null,
    },
  });
  // The bytes are gone, not hidden.
  expect(await versionsOf(OLD.id)).toEqual([]);
  const { keeper } = z
    .object({ keeper: z.object({ bytesBefore: z.number(), bytesAfter: z.number(), removedBytes: z.number() }) })
    .parse(second.output);
  expect(keeper.bytesBefore - keeper.bytesAfter).toBe(keeper.removedBytes);
  expect(keeper.removedBytes).toBeGreaterThan(0);
  expect(await bytesOf()).toBe(keeper.bytesAfter);
  expect(before).toBeGreaterThan(0);
  const { code, stdout } = await run(["custody", SMALL, "--verify", "--json"]);
  expect(code).toBe(0);
  const records = z.object({ records: z.array(z.object({ event: z.string(), actor: z.string() })) }).parse(JSON.parse(stdout)).records;
  expect(records.at(-1)).toEqual({ event: "removed", actor: saying("prunedVerifyRole") });
});

async function bytesOf(): Promise<number> {
  const { Versions = [] } = await lab.clients.s3.send(new ListObjectVersionsCommand({ Bucket: BUCKET, Prefix: `clusters/${SMALL}/` }));
  return Versions.reduce((sum, { Size = 0 }) => sum + Size, 0);
}

test("the keeper's role reads documents and deletes versions, and can neither read data, put, decrypt, sign nor hide; nobody else deletes", async () => {
  const own = (kind: string) => async (): Promise<{ Bucket: string; Key: string; VersionId: string }> => {
    const found = (await versionsOf()).find(({ Key }) => Key.includes(`/${kind}/`));
    return { Bucket: BUCKET, Key: found?.Key ?? "", VersionId: found?.VersionId ?? "" };
  };
  const [manifest, data, record] = await Promise.all([own("snapshots")(), own("data")(), own("custody")()]);
  const { Keys = [] } = await lab.clients.kms.send(new ListKeysCommand({}));
  const keeper = await inRoleOf(stack, "lifeboat-keeper");
  const Body = "x";
  const put = { Bucket: BUCKET, Body, IfNoneMatch: "*" };
  for (const [what, call, answer] of [
    ["read a manifest", () => keeper.s3.send(new GetObjectCommand(manifest)), "allowed"],
    ["read data", () => keeper.s3.send(new GetObjectCommand(data)), "denied"],
    ["put a countersignature", () => keeper.s3.send(new PutObjectCommand({ ...put, Key: `clusters/${SMALL}/verified/x.json` })), "denied"],
    ["put a record", () => keeper.s3.send(new PutObjectCommand({ ...put, Key: `clusters/${SMALL}/custody/x.json` })), "denied"],
    ["put data", () => keeper.s3.send(new PutObjectCommand({ ...put, Key: `clusters/${SMALL}/data/x.age` })), "denied"],
    ["hide data", () => keeper.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: data.Key })), "denied"],
    ["remove the log", () => keeper.s3.send(new DeleteObjectCommand(record)), "denied"],
  ] as const)
    expect({ what, answer: await answerTo(call()) }).toEqual({ what, answer });
  expect(Keys.length).toBeGreaterThan(4);
  for (const { KeyArn } of Keys) {
    const Message = new Uint8Array(32);
    const sign = new SignCommand({ KeyId: KeyArn, Message, MessageType: "DIGEST", SigningAlgorithm: "ECDSA_SHA_256" });
    expect(await answerTo(keeper.kms.send(sign))).toBe("denied");
  }
  const wrapping = await wrappingOf(RECENT.id);
  expect(await answerTo(keeper.kms.send(wrapping))).toBe("denied");
  expect(await answerTo(lab.clients.kms.send(wrapping))).toBe("allowed");

  const { requestHandler } = await clientConfig(stack, { accessKeyId: "test", secretAccessKey: "test" });
  const iam = new IAMClient({
    endpoint: stack.endpoint,
    region: stack.region,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    requestHandler,
  });
  const all = JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] });
  const administrator = new S3Client({ ...(await clientConfig(stack, await newUser(iam, "administrator", all))), forcePathStyle: true });
  const [writer, verifier] = await Promise.all([inRoleOf(stack, "prunedBackup"), inRoleOf(stack, "prunedVerify")]);
  for (const [who, s3] of [
    ["writer", writer.s3],
    ["verifier", verifier.s3],
    ["administrator", administrator],
  ] as const)
    for (const target of [manifest, data, record, { Bucket: BUCKET, Key: data.Key }])
      expect({ who, target, answer: await answerTo(s3.send(new DeleteObjectCommand(target))) }).toEqual({ who, target, answer: "denied" });
  expect(await answerTo(administrator.send(new GetObjectCommand(manifest)))).toBe("allowed");
});

/** What unwraps the key of a snapshot of the pruned cluster. */
async function wrappingOf(id: string): Promise<DecryptCommand> {
  const shown = z.object({
    manifest: z.object({
      stored: z.object({ encryption: z.object({ wrappings: z.array(z.object({ key: z.string(), ciphertext: z.string() })) }) }),
    }),
  });
  const { manifest } = shown.parse(JSON.parse((await run(["show", `${SMALL}/${id}`, "--json"])).stdout));
  const [wrapping] = manifest.stored.encryption.wrappings;
  return new DecryptCommand({
    KeyId: wrapping?.key,
    CiphertextBlob: Buffer.from(wrapping?.ciphertext ?? "", "base64"),
    EncryptionContext: { cluster: SMALL, snapshot: id },
  });
}

/** What the deployed keeper says. */
async function keep(): Promise<z.infer<typeof keptSchema>> {
  const { FunctionError, Payload } = await lab.clients.lambda.send(
    new InvokeCommand({ FunctionName: "lifeboat-keeper", Payload: JSON.stringify({ cluster: SMALL }) }),
  );
  const text = Payload?.transformToString() ?? "";
  expect({ FunctionError, text }).toMatchObject({ FunctionError: undefined });
  return keptSchema.parse(JSON.parse(text));
}
const keptSchema = z.object({ removed: z.number(), refused: z.number(), findings: z.array(z.string()) });

interface LogEnd {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

async function logEnd(): Promise<LogEnd> {
  const { Contents = [] } = await lab.clients.s3.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: `clusters/${SMALL}/custody/` }));
  const Key =
    Contents.map((each) => each.Key ?? "")
      .toSorted()
      .at(-1) ?? "";
  const { Body } = await lab.clients.s3.send(new GetObjectCommand({ Bucket: BUCKET, Key }));
  return { sequence: Number(/(\d{10})\.json$/.exec(Key)?.[1]), bytes: (await Body?.transformToByteArray()) ?? new Uint8Array() };
}

/** Puts a record at the end of the log, as whoever may put could. */
async function append(sequence: number, Body: Uint8Array): Promise<void> {
  const Key = custodyKey(SMALL, sequence);
  await lab.clients.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body, IfNoneMatch: "*" }));
}

test("a forged, a replayed and a day-old order are refused, and one of a stolen verifier against a rule; the same order from the verifier is followed", async () => {
  // The newest is made by hand, so that nothing has ordered yet what it displaces.
  const made = await run(["backup", SMALL, "--json"]);
  const newest = z.object({ id: z.string() }).parse(JSON.parse(made.stdout)).id;
  expect(await run(["verify", `${SMALL}/${newest}`, "--deep"])).toMatchObject({ code: 0 });
  const kms = new KmsKeyRing(await signingKeys(), () => lab.clients.kms);
  await createLocalKeys(join(folder.path, "forger"));
  const forger = new LocalKeyRing(join(folder.path, "forger"));
  // What an attack left is taken away again: a log that was tampered with is followed by nobody for a day.
  await lab.clients.s3.send(new DeleteBucketPolicyCommand({ Bucket: BUCKET }));
  const start = await logEnd();
  const orderOf = async (id: string): Promise<object> => {
    const subjects = (await versionsOf(id)).map(({ Key, VersionId, Size }) => ({
      key: Key,
      version: VersionId,
      bytes: Size,
      reason: "superseded",
    }));
    const inTurn = subjects.toSorted((one, other) => turnOf(one.key) - turnOf(other.key));
    expect(inTurn).toHaveLength(3);
    return {
      event: "removed",
      subjects: inTurn,
      details: { reason: "retention", order: { id: digestOf(start.bytes), part: 1, parts: 1 } },
    };
  };
  const record = async (
    keys: KeyRing,
    purpose: Purpose,
    body: object,
    { after = start, time = new Date() }: { readonly after?: LogEnd; readonly time?: Date } = {},
  ): Promise<LogEnd> => {
    const place = { sequence: after.sequence + 1, previous: digestOf(after.bytes), time: time.toISOString() };
    const bytes = await signedBy(keys, purpose, { ...(JSON.parse(payloadOf(start.bytes)) as object), ...body, ...place }, "custody");
    return { sequence: place.sequence, bytes };
  };
  const attacked = async (...records: readonly LogEnd[]): Promise<Awaited<ReturnType<typeof keep>>> => {
    for (const { sequence, bytes } of records) await append(sequence, bytes);
    const kept = await keep();
    for (const [snapshot, count] of [
      [RECENT.id, 3],
      [newest, 3],
    ] as const)
      expect(await versionsOf(snapshot)).toHaveLength(count);
    for (const { Key, VersionId } of await versionsOf())
      if (records.some(({ sequence }) => Key === custodyKey(SMALL, sequence)))
        await lab.clients.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key, VersionId }));
    return kept;
  };
  const going = await orderOf(RECENT.id);
  const forged = { removed: 0, refused: 1 };
  expect(await attacked(await record(forger, "audit", going))).toMatchObject({
    ...forged,
    findings: [saying("which is not trusted for purpose audit")],
  });
  expect(await attacked(await record(kms, "snapshot", going))).toMatchObject({ ...forged, findings: [saying("is not believed")] });
  const old = await record(kms, "audit", going, { time: new Date(Date.now() - 25 * 3_600_000) });
  expect(await attacked(old)).toMatchObject({ removed: 0, refused: 1, findings: [saying("more than a day ago")] });
  const stolen = await record(kms, "audit", await orderOf(newest));
  expect(await attacked(stolen)).toMatchObject({
    removed: 0,
    refused: 1,
    findings: [saying(`${SMALL}/${newest} was ordered to go, and is not removed: it is kept`)],
  });
  // An order, the one after it that names something else, and a copy of the first behind them.
  const before = await record(kms, "audit", going);
  const later = { ...(await orderOf(newest)), details: { reason: "retention", order: { id: digestOf(before.bytes), part: 1, parts: 1 } } };
  const superseding = await record(kms, "audit", later, { after: before });
  const replayed = { sequence: superseding.sequence + 1, bytes: before.bytes };
  expect(await attacked(before, superseding, replayed)).toMatchObject({ removed: 0, refused: 1, findings: [saying("is not believed")] });
  // Only what was wrong with each was in the way.
  await append(before.sequence, before.bytes);
  expect(await keep()).toMatchObject({ removed: 1, refused: 0, findings: [] });
  expect(await versionsOf(RECENT.id)).toEqual([]);
  expect(await versionsOf(newest)).toHaveLength(3);
});

function turnOf(key: string): number {
  return ["snapshots", "verified", "data"].indexOf(key.split("/")[2] ?? "");
}

async function signingKeys(): Promise<ConstructorParameters<typeof KmsKeyRing>[0]> {
  const { config } = await loadConfig(join(folder.path, "lifeboat.yaml"));
  if (config.keys.kind !== "kms") throw new Error("the lab's keys are in KMS");
  return config.keys;
}
