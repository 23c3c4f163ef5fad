import { custodyKey } from "../../shared/documents/layout.ts";
import { createHash, randomBytes } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { IAMClient } from "@aws-sdk/client-iam";
import {
  CreateAliasCommand,
  CreateGrantCommand,
  DecryptCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EncryptCommand,
  GetPublicKeyCommand,
  KMSClient,
  PutKeyPolicyCommand,
  ScheduleKeyDeletionCommand,
  SignCommand,
} from "@aws-sdk/client-kms";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { checkPermissions } from "../../shared/jobs/doctor/check-permissions.ts";
import { KmsKeyRing } from "../../shared/keys/kms/kms-key-ring.ts";
import { KmsInspector, usedKeys } from "../../shared/keys/kms/kms-inspector.ts";
import { S3Inspector } from "../../shared/store/s3/s3-inspector.ts";
import { DOCUMENTS } from "../../shared/contract/documents.ts";
import { systemClock } from "../../shared/system-clock.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { startMiniStack } from "../../tools/lab/ministack.ts";
import type { MiniStack } from "../../tools/lab/ministack.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { answerTo } from "../support/answer-to.ts";
import { clientConfig, newUser, policyInDocs, together } from "../support/iam-users.ts";
import type { Credentials } from "../support/iam-users.ts";
import { initialise } from "../support/initialise.ts";
import { createKmsKeys, newKey, WRAPPING_KEY } from "../support/kms-keys.ts";
import type { KmsKeys } from "../support/kms-keys.ts";
import { lifeboat, lifeboatJson } from "../support/lifeboat.ts";
import type { LifeboatOptions } from "../support/lifeboat.ts";
import { saying } from "../support/matchers.ts";
import { RECENT_ID, RECENT_SLOT } from "../support/recent-slot.ts";

/** The policies of docs/threat-model.md, given to users of an emulator that enforces them: each role can do its work, and nothing else. */

const Bucket = "vault";
const REF = `prod/${RECENT_ID}`;
const CONTEXT = { cluster: "prod", snapshot: RECENT_ID };
const MANIFEST = `clusters/prod/snapshots/${RECENT_ID}.json`;

let cluster: EtcdCluster;
let stack: MiniStack;
let folder: TemporaryFolder;
let keys: KmsKeys;
let cwd: string;
let account: Clients;
let writer: Clients;
let verifier: Clients;
let desk: Clients;
let reader: Clients;
let keeper: Clients;
let sweeper: Clients;
let dataKey: string;

interface Clients {
  readonly kms: KMSClient;
  readonly s3: S3Client;
  readonly options: LifeboatOptions;
}

async function clientsOf(credentials: Credentials): Promise<Clients> {
  const config = await clientConfig(stack, credentials);
  const env = { ...stack.environment, AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey };
  return { kms: new KMSClient(config), s3: new S3Client({ ...config, forcePathStyle: true }), options: { cwd, env } };
}

beforeAll(async () => {
  [cluster, stack, folder] = await Promise.all([startCluster({ version: "3.6" }), startMiniStack({ auth: true }), temporaryFolder()]);
  ({ cwd } = await initialise(cluster, folder.path));
  const root = { accessKeyId: "test", secretAccessKey: "test" };
  account = await clientsOf(root);
  keys = await createKmsKeys(account.kms, stack, "lifeboat");
  await account.s3.send(new CreateBucketCommand({ Bucket }));
  const iam = new IAMClient(await clientConfig(stack, root));
  const places = {
    BUCKET: Bucket,
    CLUSTER: "prod",
    WRAPPING_KEY: keys.wrap,
    SNAPSHOT_KEY: keys.sign.snapshot,
    AUDIT_KEY: keys.sign.audit,
    BUNDLE_KEY: keys.sign.bundle,
  };
  desk = await clientsOf(await newUser(iam, "desk", await policyInDocs("desk", places)));
  writer = await clientsOf(await newUser(iam, "writer", await policyInDocs("writer", places)));
  verifier = await clientsOf(await newUser(iam, "verifier", await policyInDocs("verifier", places)));
  reader = await clientsOf(await newUser(iam, "reader", await policyInDocs("reader", places)));
  // As the document says of a bucket that never had versions.
  const keeps = (await policyInDocs("keeper", places))
    .replaceAll("s3:DeleteObjectVersion", "s3:DeleteObject")
    .replace('"s3:ListBucketVersions"', '"s3:ListBucketVersions","s3:GetBucketVersioning"');
  keeper = await clientsOf(await newUser(iam, "keeper", keeps));
  const sweeps = together(await policyInDocs("verifier", places), await policyInDocs("sweeper", places));
  sweeper = await clientsOf(await newUser(iam, "sweeper", sweeps));
  await rm(join(cwd, "keys"), { recursive: true });
  await rm(join(cwd, "vault"), { recursive: true });
  const store = `store: { kind: s3, bucket: ${Bucket}, region: ${stack.region}, endpoint: "${stack.endpoint}", pathStyle: true }`;
  const kms = `keys: { kind: kms, wrap: "${keys.wrap}", sign: ${JSON.stringify(keys.sign)}, region: ${stack.region}, endpoint: "${stack.endpoint}" }`;
  const config = join(cwd, "lifeboat.yaml");
  const text = await readFile(config, "utf8");
  const fingerprints = await fingerprintsOf(account);
  await writeFile(
    config,
    text
      .replace(/^store:\n(?: {2}.*\n)+/m, `${store}\n`)
      .replace(/^keys:\n(?: {2}.*\n)+/m, `${kms}\n`)
      .replace(/^trustedKeys:\n(?: {2}.*\n)+/m, `trustedKeys: ${JSON.stringify(fingerprints)}\n`),
  );
});
afterAll(async () => {
  await Promise.all([cluster.stop(), stack.stop()]);
  await folder.remove();
});

async function fingerprintsOf({ kms }: Clients): Promise<Record<string, readonly string[]>> {
  const found = await Promise.all(
    Object.entries(keys.sign).map(async ([purpose, KeyId]) => {
      const { PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId }));
      return [
        purpose,
        [
          `sha256:${createHash("sha256")
            .update(PublicKey ?? "")
            .digest("hex")}`,
        ],
      ] as const;
    }),
  );
  return Object.fromEntries(found);
}

const sign = (KeyId: string) =>
  new SignCommand({ KeyId, Message: createHash("sha256").update("x").digest(), MessageType: "DIGEST", SigningAlgorithm: "ECDSA_SHA_256" });
const encrypt = (KeyId: string) => new EncryptCommand({ KeyId, Plaintext: Buffer.from("x"), EncryptionContext: CONTEXT });
const put = (Key: string) => new PutObjectCommand({ Bucket, Key, Body: "x", ContentLength: 1 });
const get = (Key: string) => new GetObjectCommand({ Bucket, Key });

/** Above every role: nobody who runs lifeboat needs it. */
const above = ({ kms, s3 }: Clients): Readonly<Record<string, () => Promise<unknown>>> => ({
  DisableKey: () => kms.send(new DisableKeyCommand({ KeyId: keys.wrap })),
  ScheduleKeyDeletion: () => kms.send(new ScheduleKeyDeletionCommand({ KeyId: keys.wrap, PendingWindowInDays: 7 })),
  PutKeyPolicy: () =>
    kms.send(new PutKeyPolicyCommand({ KeyId: keys.wrap, PolicyName: "default", Policy: '{"Version":"2012-10-17","Statement":[]}' })),
  CreateGrant: () =>
    kms.send(
      new CreateGrantCommand({ KeyId: keys.wrap, GranteePrincipal: "arn:aws:iam::000000000000:user/writer", Operations: ["Decrypt"] }),
    ),
  CreateAlias: () => kms.send(new CreateAliasCommand({ AliasName: "alias/mine", TargetKeyId: keys.wrap })),
  "delete a manifest": () => s3.send(new DeleteObjectCommand({ Bucket, Key: MANIFEST })),
  "delete data": () => s3.send(new DeleteObjectCommand({ Bucket, Key: dataKey })),
  "delete custody": () => s3.send(new DeleteObjectCommand({ Bucket, Key: "clusters/prod/custody/0000000/0000000001.json" })),
  DeleteBucket: () => s3.send(new DeleteBucketCommand({ Bucket })),
  PutBucketPolicy: () => s3.send(new PutBucketPolicyCommand({ Bucket, Policy: '{"Version":"2012-10-17","Statement":[]}' })),
  "sign a bundle": () => kms.send(sign(keys.sign.bundle)),
});

async function answersTo(calls: Readonly<Record<string, () => Promise<unknown>>>): Promise<Record<string, string>> {
  const answers: Record<string, string> = {};
  for (const [name, call] of Object.entries(calls)) answers[name] = await answerTo(call());
  return answers;
}

/** What doctor says that this caller can be, and what there is to say of it. */
async function rolesOf({ kms, s3 }: Clients): Promise<unknown> {
  const { region, endpoint } = stack;
  const inspector = new S3Inspector(
    { bucket: Bucket, prefix: "", region, endpoint, pathStyle: true },
    systemClock,
    (bytes) => randomBytes(bytes),
    s3,
  );
  const settings = { wrap: keys.wrap, sign: keys.sign, region, endpoint };
  const ring = new KmsInspector(settings, usedKeys(settings), kms);
  const check = {
    keys: ring,
    store: inspector,
    actor: () => Promise.resolve("someone"),
    cluster: "prod",
    work: { renewsLocks: false, removesBundles: false },
  };
  const { roles, findings } = await checkPermissions(check, new AbortController().signal);
  return {
    can: roles.filter(({ fits }) => fits).map(({ role }) => role.name),
    findings: findings.map(({ code, message }) => [code, message]),
  };
}

const every = (names: readonly string[], answer: string): Record<string, string> => Object.fromEntries(names.map((name) => [name, answer]));
describe("the writer", () => {
  test("backs up and sees what is there", async () => {
    const backedUp = await lifeboatJson(["backup", "prod", "--slot", RECENT_SLOT], writer.options);
    expect(backedUp).toMatchObject({ id: RECENT_ID });
    // The lineage is there already at the second one.
    await lifeboatJson(["backup", "prod"], writer.options);
    const listed = z.object({ snapshots: z.array(z.object({ id: z.string() })) }).parse(await lifeboatJson(["ls"], writer.options));
    expect(listed.snapshots.map(({ id }) => id)).toContain(RECENT_ID);
    const { Contents = [] } = await account.s3.send(new ListObjectsV2Command({ Bucket, Prefix: `clusters/prod/data/${RECENT_ID}` }));
    dataKey = Contents[0]?.Key ?? "";
    expect(dataKey).not.toBe("");
  });

  test("is named by its ARN in the custody log", async () => {
    const { Body } = await account.s3.send(get("clusters/prod/custody/0000000/0000000001.json"));
    const { payload } = z.object({ payload: z.base64() }).parse(JSON.parse((await Body?.transformToString()) ?? ""));
    expect(JSON.parse(Buffer.from(payload, "base64").toString())).toMatchObject({ actor: "arn:aws:iam::000000000000:user/writer" });
  });

  test("is told by doctor that it is one, and nothing else; what it may not see is no fault", async () => {
    expect(await rolesOf(writer)).toEqual({ can: ["writer"], findings: [] });
    const { code, stdout } = await lifeboat(["doctor", "--store", "--keys", "--permissions", "--clock", "--etcd"], writer.options);
    expect(stdout).toMatch(/^caller: +arn:aws:iam::000000000000:user\/writer\ncan act as: +writer\n/m);
    expect(stdout).toMatch(/^verifier .* no +unwrap; sign audit; read data, rewraps, pins, drills; put verified$/m);
    expect(stdout).toContain(
      "info: store: could not be seen by this caller: versioning, Object Lock, the public access block, the policy, the lifecycle, encryption at rest, object ownership (AccessDenied)",
    );
    expect(stdout).toContain(
      `info: keys: could not be seen by this caller: keys.wrap (its state), keys.sign.snapshot (its state), keys.sign.audit (its state, its public key)`,
    );
    expect(stdout).toMatch(/^clock of store: +as here$/m);
    expect(stdout).toMatch(/^cluster prod: +1 of 1 endpoints answer, no problems$/m);
    expect(stdout).toContain(`warning: prod: ${cluster.endpoints[0] ?? ""}: snapshots and passwords cross the network unencrypted`);
    expect(stdout).not.toContain("problem:");
    expect(code).toBe(0);
  });

  test("sees its own key, and which are not for it", async () => {
    const { code, stdout, stderr } = await lifeboat(["keys"], writer.options);
    expect(code).toBe(0);
    expect(stdout).toMatch(/snapshot +sha256:[0-9a-f]{64} +trusted\n/);
    for (const purpose of ["audit", "bundle", "wrapping"]) expect(stdout).toMatch(new RegExp(`${purpose} +keys/denied`));
    expect(stderr).toContain(`GetPublicKey with the key ${keys.sign.audit} (keys.sign.audit) is denied`);
  });

  test("can neither open nor countersign, and is told which permission that takes", async () => {
    const opened = await lifeboat(["export", REF, "--unverified", "--out", "stolen.db"], writer.options);
    expect(opened).toMatchObject({ code: 5, stdout: "" });
    expect(opened.stderr).toContain(`Decrypt with the key ${keys.wrap} (keys.wrap) is denied`);
    const verified = await lifeboat(["verify", REF, "--deep"], writer.options);
    expect(verified.code).toBe(5);
    expect(verified.stderr).toContain(`the key ${keys.sign.audit} (keys.sign.audit) is denied`);
  });

  test("does not fill a replica, and says which role can", async () => {
    const text = await readFile(join(cwd, "lifeboat.yaml"), "utf8");
    await writeFile(join(cwd, "replica.yaml"), `${text}\nreplicas: [{ name: shelf, store: { kind: directory, path: ./shelf } }]\n`);
    const { code, stderr } = await lifeboat(["backup", "prod", "--slot", RECENT_SLOT, "--config", "replica.yaml"], writer.options);
    expect(code).toBe(6);
    expect(stderr).toContain(
      `${REF} is stored, and is not in the replica shelf: this role may not read the data of ${REF} in s3://${Bucket}/`,
    );
    expect(stderr).toContain(`hint: let the role that verifies fill the replica: lifeboat copy ${REF} --to shelf\n`);
  });

  test("may do what its policy says and nothing else", async () => {
    const { kms, s3 } = writer;
    const allowed = {
      Encrypt: () => kms.send(encrypt(keys.wrap)),
      "sign a manifest": () => kms.send(sign(keys.sign.snapshot)),
      list: () => s3.send(new ListObjectsV2Command({ Bucket })),
      "read a manifest": () => s3.send(get(MANIFEST)),
      "put data": () => s3.send(put("clusters/prod/data/x.age")),
    };
    expect(await answersTo(allowed)).toEqual(every(Object.keys(allowed), "allowed"));
    const { CiphertextBlob } = await account.kms.send(encrypt(keys.wrap));
    const other = await newKey(account.kms, WRAPPING_KEY);
    const denied = {
      Decrypt: () => kms.send(new DecryptCommand({ KeyId: keys.wrap, CiphertextBlob, EncryptionContext: CONTEXT })),
      "Decrypt without naming the key": () => kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext: CONTEXT })),
      "Encrypt with another key": () => kms.send(encrypt(other)),
      "put data of another cluster": () => s3.send(put("clusters/other/data/x.age")),
      "put a manifest of another cluster": () => s3.send(put("clusters/other/snapshots/x.json")),
      "sign a verification": () => kms.send(sign(keys.sign.audit)),
      "read data": () => s3.send(get(dataKey)),
      "look at data": () => s3.send(new HeadObjectCommand({ Bucket, Key: dataKey })),
      "put a countersignature": () => s3.send(put("clusters/prod/verified/x.json")),
      "put a rewrap": () => s3.send(put("clusters/prod/rewraps/x.json")),
      "put a pin": () => s3.send(put("clusters/prod/pins/x.json")),
      "put elsewhere": () => s3.send(put("elsewhere")),
      ...above(writer),
    };
    expect(await answersTo(denied)).toEqual(every(Object.keys(denied), "denied"));
    // All of it is possible: only the role is in the way.
    expect(await answerTo(account.kms.send(new DecryptCommand({ KeyId: keys.wrap, CiphertextBlob, EncryptionContext: CONTEXT })))).toBe(
      "allowed",
    );
    expect(await answerTo(account.s3.send(get(dataKey)))).toBe("allowed");
  });
});

describe("the verifier", () => {
  test("verifies and countersigns, opens, and rewraps", async () => {
    expect(await lifeboatJson(["verify", REF, "--deep"], verifier.options)).toMatchObject({ good: true, level: "deep" });
    await lifeboatJson(["export", REF, "--out", "opened.db"], verifier.options);
    expect(await lifeboatJson(["rewrap"], verifier.options)).toMatchObject({ wrappingKey: keys.wrap });
  });

  test("fills the replica that the writer could not, and its audit key tells of it", async () => {
    const copied = await lifeboatJson(["copy", REF, "--to", "shelf", "--config", "replica.yaml"], verifier.options);
    expect(copied).toMatchObject({ ref: REF, replica: "shelf", outcome: "copied", conflicts: [] });
    const { custody } = z.object({ custody: z.object({ sequence: z.number() }) }).parse(copied);
    const { Body } = await account.s3.send(get(custodyKey("prod", custody.sequence)));
    const { payload } = z.object({ payload: z.base64() }).parse(JSON.parse((await Body?.transformToString()) ?? ""));
    expect(JSON.parse(Buffer.from(payload, "base64").toString())).toMatchObject({ event: "copied", signer: { purpose: "audit" } });
    expect((await readFile(join(cwd, "shelf", MANIFEST))).length).toBeGreaterThan(1000);
  });

  test("pins, which the reader sees and the writer is not stopped by", async () => {
    const pinned = await lifeboatJson(["pin", REF, "--reason", "before the upgrade"], verifier.options);
    expect(pinned).toMatchObject({ ref: REF, outcome: "pinned", pin: { by: "arn:aws:iam::000000000000:user/verifier" } });
    const { snapshots } = DOCUMENTS.ls.parse(await lifeboatJson(["ls", "prod"], reader.options));
    expect(snapshots.filter(({ pinned: is }) => is !== false)).toMatchObject([{ ref: REF, pinned: true }]);
    const listed = await lifeboat(["ls", "prod", "--json"], writer.options);
    expect(listed).toMatchObject({ code: 0, stderr: saying("pins/") });
    const seen = DOCUMENTS.ls.parse(JSON.parse(listed.stdout));
    expect(seen.badPins).toMatchObject([{ key: `clusters/prod/pins/${RECENT_ID}-1.json`, code: "store/denied" }]);
    expect(seen.snapshots.find(({ ref }) => ref === REF)).toMatchObject({ pinned: null, pin: null });
    const denied = await lifeboat(["pin", REF, "--reason", "mine"], writer.options);
    expect(denied).toMatchObject({ code: 5, stdout: "" });
    expect(await lifeboatJson(["unpin", REF, "--reason", "done"], verifier.options)).toMatchObject({ outcome: "unpinned" });
  });

  test("cannot commit a snapshot", async () => {
    const backedUp = await lifeboat(["backup", "prod"], verifier.options);
    expect(backedUp.code).toBe(5);
    expect(backedUp.stderr).toContain(`the key ${keys.sign.snapshot} (keys.sign.snapshot) is denied`);
  });

  test("may do what its policy says and nothing else", async () => {
    const { kms, s3 } = verifier;
    const allowed = {
      "describe the wrapping key": () => kms.send(new DescribeKeyCommand({ KeyId: keys.wrap })),
      "sign a verification": () => kms.send(sign(keys.sign.audit)),
      "read data": () => s3.send(get(dataKey)),
      "put a rewrap": () => s3.send(put("clusters/prod/rewraps/x.json")),
    };
    expect(await answersTo(allowed)).toEqual(every(Object.keys(allowed), "allowed"));
    // It is no rewrap, which the reader would find.
    await account.s3.send(new DeleteObjectCommand({ Bucket, Key: "clusters/prod/rewraps/x.json" }));
    const denied = {
      "sign a manifest": () => kms.send(sign(keys.sign.snapshot)),
      "put a manifest": () => s3.send(put("clusters/prod/snapshots/x.json")),
      "put data": () => s3.send(put("clusters/prod/data/x.age")),
      "put a lineage": () => s3.send(put("clusters/prod/lineage/9.json")),
      ...above(verifier),
    };
    expect(await answersTo(denied)).toEqual(every(Object.keys(denied), "denied"));
  });
});

describe("the desk", () => {
  test("opens a snapshot, and signs bundles by the key ring", async () => {
    await lifeboatJson(["export", REF, "--out", "handed-out.db"], desk.options);
    const ring = new KmsKeyRing({ wrap: keys.wrap, sign: keys.sign, region: stack.region, endpoint: stack.endpoint }, () => desk.kms);
    expect((await ring.sign("bundle", Buffer.from("a bundle"))).publicKey.fingerprint).toBe((await fingerprintsOf(account))["bundle"]?.[0]);
  });

  test("may do what its policy says and nothing else", async () => {
    const { kms, s3 } = desk;
    const allowed = {
      "read data": () => s3.send(get(dataKey)),
      "put a bundle": () => s3.send(put(`bundles/prod/${RECENT_ID}/x/control.tar`)),
    };
    expect(await answersTo(allowed)).toEqual(every(Object.keys(allowed), "allowed"));
    const { "sign a bundle": _, ...others } = above(desk);
    const denied = {
      Encrypt: () => kms.send(encrypt(keys.wrap)),
      "sign a manifest": () => kms.send(sign(keys.sign.snapshot)),
      "sign a verification": () => kms.send(sign(keys.sign.audit)),
      "put a manifest": () => s3.send(put("clusters/prod/snapshots/x.json")),
      "put data": () => s3.send(put("clusters/prod/data/x.age")),
      "put a countersignature": () => s3.send(put("clusters/prod/verified/x.json")),
      ...others,
    };
    expect(await answersTo(denied)).toEqual(every(Object.keys(denied), "denied"));
  });
});

describe("the reader", () => {
  test("lists, and verifies the custody log", async () => {
    const listed = z.object({ snapshots: z.array(z.object({ id: z.string() })) }).parse(await lifeboatJson(["ls"], reader.options));
    expect(listed.snapshots.map(({ id }) => id)).toContain(RECENT_ID);
    expect(await lifeboatJson(["custody", "prod", "--verify"], reader.options)).toMatchObject({ verification: { holds: true } });
  });

  test("audits all that is stored, and reads no data for it", async () => {
    const { counts, findings } = DOCUMENTS.audit.parse(await lifeboatJson(["audit", "--full"], reader.options));
    expect(counts.error).toBe(0);
    expect(findings.map(({ code }) => code)).not.toContain("audit/unknown");
  });

  test("may do what its policy says and nothing else", async () => {
    const { kms, s3 } = reader;
    const allowed = {
      list: () => s3.send(new ListObjectsV2Command({ Bucket })),
      "read a manifest": () => s3.send(get(MANIFEST)),
    };
    expect(await answersTo(allowed)).toEqual(every(Object.keys(allowed), "allowed"));
    const { CiphertextBlob } = await account.kms.send(encrypt(keys.wrap));
    const denied = {
      Decrypt: () => kms.send(new DecryptCommand({ KeyId: keys.wrap, CiphertextBlob, EncryptionContext: CONTEXT })),
      Encrypt: () => kms.send(encrypt(keys.wrap)),
      "sign a manifest": () => kms.send(sign(keys.sign.snapshot)),
      "sign a verification": () => kms.send(sign(keys.sign.audit)),
      "read data": () => s3.send(get(dataKey)),
      "put a manifest": () => s3.send(put("clusters/prod/snapshots/x.json")),
      "put a record": () => s3.send(put("clusters/prod/custody/0000000/0000000099.json")),
      ...above(reader),
    };
    expect(await answersTo(denied)).toEqual(every(Object.keys(denied), "denied"));
  });
});

describe("the keeper", () => {
  test("executes, and is told by doctor that it is one and nothing else", async () => {
    expect(await lifeboatJson(["prune", "prod", "--execute"], keeper.options)).toMatchObject({ execution: { order: null, removed: [] } });
    expect(await rolesOf(keeper)).toEqual({ can: ["keeper", "reader"], findings: [] });
    const { stdout } = await lifeboat(["doctor", "--permissions"], keeper.options);
    expect(stdout).toMatch(/^keeper .* yes$/m);
    expect((await lifeboat(["doctor", "--permissions"], reader.options)).stdout).toMatch(
      /^keeper .* no +list versions, uploads; remove snapshots, data, verified, rewraps, pins, drills$/m,
    );
  });

  test("may do what its policy says and nothing else", async () => {
    const { kms, s3 } = keeper;
    const remove = (Key: string): DeleteObjectCommand => new DeleteObjectCommand({ Bucket, Key });
    const allowed = {
      "read a manifest": () => s3.send(get(MANIFEST)),
      "remove data": () => s3.send(remove("clusters/prod/data/not-there.age")),
      "remove a manifest": () => s3.send(remove("clusters/prod/snapshots/not-there.json")),
    };
    expect(await answersTo(allowed)).toEqual(every(Object.keys(allowed), "allowed"));
    const { CiphertextBlob } = await account.kms.send(encrypt(keys.wrap));
    const denied = {
      "read data": () => s3.send(get(dataKey)),
      "put a manifest": () => s3.send(put("clusters/prod/snapshots/x.json")),
      "put an order": () => s3.send(put("clusters/prod/custody/0000000/0000000099.json")),
      "remove a record": () => s3.send(remove("clusters/prod/custody/0000000/0000000001.json")),
      "remove a lineage": () => s3.send(remove("clusters/prod/lineage/1.json")),
      "remove of another cluster": () => s3.send(remove("clusters/other/data/x.age")),
      Decrypt: () => kms.send(new DecryptCommand({ KeyId: keys.wrap, CiphertextBlob, EncryptionContext: CONTEXT })),
      Encrypt: () => kms.send(encrypt(keys.wrap)),
      "sign an order": () => kms.send(sign(keys.sign.audit)),
      "sign a manifest": () => kms.send(sign(keys.sign.snapshot)),
    };
    expect(await answersTo(denied)).toEqual(every(Object.keys(denied), "denied"));
  });
});

describe("who sweeps", () => {
  const left = "clusters/prod/data/20260101T000000Z-0000000a.age";
  const sweep = ["orphans", "prod", "--older-than", "1ms", "--sweep"];

  test("removes data that nothing needs; the others do not", async () => {
    await account.s3.send(put(left));
    for (const { options } of [reader, verifier]) expect((await lifeboat(sweep, options)).code).toBe(5);
    expect(await answerTo(account.s3.send(get(left)))).toBe("allowed");
    expect(await lifeboat(sweep, sweeper.options)).toMatchObject({ code: 0, stderr: "", stdout: saying("swept") });
    expect(await answerTo(account.s3.send(get(left)))).toBe("NoSuchKey");
  });

  test("removes nothing else", async () => {
    const { "delete data": _, ...denied } = above(sweeper);
    expect(await answersTo(denied)).toEqual(every(Object.keys(denied), "denied"));
  });
});

describe("doctor", () => {
  test("knows each role by what it may do, also that the account may do more than any", async () => {
    expect(await rolesOf(verifier)).toEqual({ can: ["verifier", "reader"], findings: [] });
    expect(await rolesOf(desk)).toEqual({ can: ["desk", "reader"], findings: [] });
    expect(await rolesOf(reader)).toEqual({ can: ["reader"], findings: [] });
    const all = "what backs up can then open what is stored and countersign it; what orders a removal can then execute it";
    expect(await rolesOf(account)).toEqual({
      can: ["writer", "verifier", "desk", "keeper", "reader"],
      findings: [
        [
          "beyond-its-role",
          `this caller can act as writer, verifier, desk and keeper at once: ${all}; it also may remove lineage, acceptances, custody, verdicts`,
        ],
      ],
    });
  });

  test("names what a role lacks and what it should not have", async () => {
    const iam = new IAMClient(await clientConfig(stack, { accessKeyId: "test", secretAccessKey: "test" }));
    const places = {
      BUCKET: Bucket,
      CLUSTER: "prod",
      WRAPPING_KEY: keys.wrap,
      SNAPSHOT_KEY: keys.sign.snapshot,
      AUDIT_KEY: keys.sign.audit,
    };
    const policy = await policyInDocs("writer", places);
    const lame = await clientsOf(await newUser(iam, "lame", policy.replace('"kms:Encrypt"', '"kms:GenerateDataKey"')));
    expect(await rolesOf(lame)).toMatchObject({
      can: [],
      findings: [["no-role", saying("as none of writer, verifier, desk, keeper, reader")]],
    });
    const greedy = await clientsOf(
      await newUser(
        iam,
        "greedy",
        policy
          .replace('"kms:Encrypt"', '["kms:Encrypt", "kms:Decrypt"]')
          .replace('["s3:PutObject",', '["s3:PutObject","s3:DeleteObjectVersion",'),
      ),
    );
    expect(await rolesOf(greedy)).toEqual({
      can: ["writer"],
      findings: [["beyond-its-role", "beyond the work of a writer this caller may unwrap; remove snapshots, data, lineage, custody"]],
    });
  });
});
