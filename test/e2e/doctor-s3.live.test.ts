import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { DisableKeyCommand, GetPublicKeyCommand, ScheduleKeyDeletionCommand, type KMSClient } from "@aws-sdk/client-kms";
import {
  type BucketLifecycleConfiguration,
  DeleteBucketLifecycleCommand,
  DeletePublicAccessBlockCommand,
  GetBucketPolicyCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  type ObjectLockConfiguration,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectLockConfigurationCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { LifeboatError } from "../../shared/errors.ts";
import { checkClocks } from "../../shared/jobs/doctor/check-clock.ts";
import { checkKeys } from "../../shared/jobs/doctor/check-keys.ts";
import { checkStores } from "../../shared/jobs/doctor/check-store.ts";
import type { DoctorFinding } from "../../shared/jobs/doctor/finding.ts";
import { KmsInspector, usedKeys } from "../../shared/keys/kms/kms-inspector.ts";
import { publicKeyOf } from "../../shared/keys/public-key.ts";
import type { TrustedKeys } from "../../shared/documents/signed-document.ts";
import { openClient } from "../../shared/store/s3/client.ts";
import { S3Inspector } from "../../shared/store/s3/s3-inspector.ts";
import { DEFAULT_PACE, type S3Settings } from "../../shared/store/s3/settings.ts";
import { systemClock } from "../../shared/system-clock.ts";
import { startMiniStack, type MiniStack } from "../../tools/lab/ministack.ts";
import { temporaryFolder, type TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { startVersityGateway, type VersityGateway } from "../../tools/lab/versitygw.ts";
import { createKmsKeys, kmsClient, newKey, pointAlias, SIGNING_KEY, WRAPPING_KEY, type KmsKeys } from "../support/kms-keys.ts";
import { lifeboatHere } from "../support/lifeboat-here.ts";
import { saying } from "../support/matchers.ts";
import { makeBucket, ownerOf, type S3Server } from "../store/s3/s3-under-test.ts";

/** `lifeboat doctor` on buckets and keys of emulators: what is well, and each thing broken in turn. */

const { signal } = new AbortController();
let stack: MiniStack;
let gateway: VersityGateway;
let folder: TemporaryFolder;
let emulated: S3Server;
let owner: S3Client;
let admin: KMSClient;
beforeAll(async () => {
  [stack, gateway, folder] = await Promise.all([startMiniStack(), startVersityGateway(), temporaryFolder()]);
  emulated = { endpoint: stack.endpoint, region: stack.region, credentials: { accessKeyId: "test", secretAccessKey: "test" } };
  owner = ownerOf(emulated);
  admin = kmsClient(stack, "test");
  // The command finds its credentials as the AWS SDK does, in this process's environment.
  for (const [name, value] of Object.entries(stack.environment)) vi.stubEnv(name, value);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await Promise.all([stack.stop(), gateway.stop()]);
  await folder.remove();
});

function inspectorOf(server: S3Server, bucket: string, more: Partial<S3Settings> = {}): S3Inspector {
  const settings: S3Settings = { bucket, prefix: "etcd/", region: server.region, endpoint: server.endpoint, pathStyle: true, ...more };
  const client = openClient(settings, DEFAULT_PACE, () => Promise.resolve(server.credentials));
  return new S3Inspector(settings, systemClock, (bytes) => randomBytes(bytes), client);
}

/** What is found of a bucket, but that the emulator speaks no TLS. */
async function findingsOf(server: S3Server, bucket: string, more: Partial<S3Settings> = {}): Promise<readonly DoctorFinding[]> {
  const reports = await checkStores([{ name: "store", inspector: inspectorOf(server, bucket, more) }], signal);
  return reports.flatMap(({ findings }) => findings).filter(({ code }) => code !== "store-plain-http");
}

const codesOf = (findings: readonly DoctorFinding[]): readonly string[] => findings.map(({ severity, code }) => `${severity} ${code}`);

/** Does what the fix says, with the very values in it. */
async function mend(Bucket: string, { fix }: DoctorFinding): Promise<void> {
  // What follows the command's name is JSON in quotes, or the short form of the AWS command line.
  const [, call = "", rest = ""] =
    /aws s3api (put-[a-z-]+|get-bucket-policy) --bucket \S+ --region \S+ --endpoint-url [^\s,]+(.*)$/.exec(fix) ?? [];
  const json = /'(\{.*\})'/.exec(rest)?.[1] ?? "{}";
  switch (call) {
    case "put-bucket-versioning":
      expect(rest).toBe(" --versioning-configuration Status=Enabled");
      await owner.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
      return;
    case "put-object-lock-configuration":
      await owner.send(
        new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration: JSON.parse(json) as ObjectLockConfiguration }),
      );
      return;
    case "put-public-access-block": {
      const flags = /--public-access-block-configuration (\S+)$/.exec(rest)?.[1]?.split(",") ?? [];
      const on = Object.fromEntries(flags.map((each) => [each.split("=")[0] ?? "", each.endsWith("=true")]));
      await owner.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: on }));
      return;
    }
    case "put-bucket-lifecycle-configuration":
      await owner.send(
        new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: JSON.parse(json) as BucketLifecycleConfiguration }),
      );
      return;
    case "put-bucket-ownership-controls":
      expect(rest).toContain("'Rules=[{ObjectOwnership=BucketOwnerEnforced}]'");
      await owner.send(
        new PutBucketOwnershipControlsCommand({ Bucket, OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] } }),
      );
      return;
    case "get-bucket-policy": {
      const statement: unknown = JSON.parse(rest.slice(rest.indexOf("): ") + 3));
      await owner.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify({ Version: "2012-10-17", Statement: [statement] }) }));
      return;
    }
    default:
      throw new Error(`no command in ${fix}`);
  }
}

async function mendedBucket(): Promise<string> {
  const bucket = await makeBucket(emulated);
  // A lock needs versions, which come first among the findings.
  for (const finding of await findingsOf(emulated, bucket)) await mend(bucket, finding);
  expect(await findingsOf(emulated, bucket)).toEqual([]);
  return bucket;
}

describe("a bucket", () => {
  test("as it comes lacks all, and every fix does what it says", async () => {
    const bucket = await makeBucket(emulated);
    expect(codesOf(await findingsOf(emulated, bucket))).toEqual([
      "problem versioning-off",
      "problem public-access",
      "warning lock-off",
      "warning policy-conditional-writes",
      "warning uploads-kept",
    ]);
    await mendedBucket();
  });

  test("is told of each thing that is broken afterwards", async () => {
    const Bucket = await mendedBucket();
    const broken: readonly (readonly [string, Promise<unknown>])[] = [
      ["problem versioning-off", owner.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Suspended" } }))],
      ["problem public-access", owner.send(new DeletePublicAccessBlockCommand({ Bucket }))],
      [
        "warning acls-enabled",
        owner.send(new PutBucketOwnershipControlsCommand({ Bucket, OwnershipControls: { Rules: [{ ObjectOwnership: "ObjectWriter" }] } })),
      ],
      ["warning uploads-kept", owner.send(new DeleteBucketLifecycleCommand({ Bucket }))],
    ];
    await Promise.all(broken.map(([, done]) => done));
    const findings = await findingsOf(emulated, Bucket);
    expect(codesOf(findings)).toEqual(broken.map(([code]) => code));
    for (const finding of findings) await mend(Bucket, finding);
    expect(await findingsOf(emulated, Bucket)).toEqual([]);

    const rules = [
      { ID: "clean-up", Status: "Enabled", Filter: { Prefix: "" }, Expiration: { Days: 30 } },
      { ID: "sleep", Status: "Enabled", Filter: { Prefix: "etcd/" }, Transitions: [{ Days: 1, StorageClass: "GLACIER" }] },
      { ID: "off", Status: "Disabled", Filter: { Prefix: "" }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } },
    ] satisfies BucketLifecycleConfiguration["Rules"];
    await owner.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: rules } }));
    expect((await findingsOf(emulated, Bucket)).map(({ code, message }) => [code, message.split(" ").slice(0, 4).join(" ")])).toEqual([
      ["lifecycle-removes", "its lifecycle rule clean-up"],
      ["lifecycle-moves", "its lifecycle rule sleep"],
      ["uploads-kept", "no lifecycle rule removes"],
    ]);
  });

  test("of another region, or that is not there, or that nobody answers for, is told with what to set", async () => {
    const bucket = await makeBucket(emulated);
    expect(await findingsOf(emulated, bucket, { region: "eu-west-1" })).toEqual([
      {
        code: "not-checked",
        severity: "problem",
        subject: "store",
        message: `the bucket ${bucket} is in eu-central-1, and store.region is eu-west-1`,
        fix: "set store.region: eu-central-1",
      },
    ]);
    expect(await findingsOf(emulated, "nobodys-bucket")).toMatchObject([
      { code: "not-checked", message: saying("bucket nobodys-bucket not found") },
    ]);
    expect(await findingsOf({ ...emulated, endpoint: "http://127.0.0.1:1" }, bucket)).toMatchObject([
      { code: "not-checked", severity: "problem", message: saying("ECONNREFUSED"), fix: saying("store.endpoint") },
    ]);
  });

  test("of a store that has no such questions is not called fine", async () => {
    const bucket = await gateway.makeBucket({ lock: true });
    const findings = await findingsOf(gateway, bucket);
    expect(codesOf(findings)).toEqual(["warning lock-without-retention", "warning policy-conditional-writes", "warning not-seen"]);
    expect(findings.at(-1)?.message).toMatch(
      /^the store does not say anything of the public access block, the lifecycle, encryption at rest \(NotImplemented\)$/,
    );
    expect(codesOf(await findingsOf(gateway, bucket, { lock: { mode: "governance", days: 1 } }))).not.toContain(
      "warning lock-without-retention",
    );
  });

  test("with wrong credentials is one problem, not many things unseen", async () => {
    const bucket = await gateway.makeBucket();
    const credentials = { ...gateway.credentials, secretAccessKey: "wrong" };
    expect(await findingsOf({ ...gateway, credentials }, bucket)).toMatchObject([
      { code: "not-checked", severity: "problem", message: saying("SignatureDoesNotMatch"), fix: saying("secret key") },
    ]);
  });
});

test.each(["versitygw", "MiniStack"])("trying what may be done on %s leaves nothing, with versions and without", async (name) => {
  const server = name === "MiniStack" ? emulated : gateway;
  const client = ownerOf(server);
  for (const lock of [true, false]) {
    const bucket = await makeBucket(server, { lock });
    const inspector = inspectorOf(server, bucket, lock ? { lock: { mode: "governance", days: 1 } } : {});
    const allowed = { is: "allowed" };
    for (const what of ["objects", "versions", "uploads"] as const)
      expect(await inspector.mayList("clusters/prod/", what, signal)).toEqual(allowed);
    expect(await inspector.mayLock("clusters/prod/snapshots/", signal)).toEqual(lock ? allowed : undefined);
    expect(await inspector.access("clusters/prod/data/", signal)).toEqual({ read: allowed, put: allowed, remove: allowed });
    const { Versions, DeleteMarkers } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    expect([Versions, DeleteMarkers, Uploads]).toEqual([undefined, undefined, undefined]);
  }
  client.destroy();
});

test("the clock of a store is read from its answer, a refusal too", async () => {
  const bucket = await makeBucket(emulated);
  const there = inspectorOf(emulated, bucket);
  const refused = inspectorOf({ ...gateway, credentials: { ...gateway.credentials, secretAccessKey: "wrong" } }, bucket);
  const reports = await checkClocks(
    [there, refused].map((inspector) => ({ name: "store", inspector })),
    signal,
  );
  for (const { reading, findings } of reports) {
    expect(Math.abs(reading?.skewMs ?? Infinity)).toBeLessThanOrEqual((reading?.uncertaintyMs ?? 0) + 50);
    expect(findings).toEqual([]);
  }
  const late = { ...systemClock, now: () => new Date(Date.now() - 600_000) };
  const settings: S3Settings = { bucket, prefix: "", region: emulated.region, endpoint: emulated.endpoint, pathStyle: true };
  const inspector = new S3Inspector(settings, late, (bytes) => randomBytes(bytes), ownerOf(emulated));
  const [report] = await checkClocks([{ name: "store", inspector }], signal);
  expect(report?.findings).toMatchObject([{ code: "clock-skew", severity: "problem" }]);
  // Of the store's seconds, and those of the machine while it is busy.
  expect(report?.findings[0]?.message).toMatch(/^this machine's clock is (599|60\d) s behind/);
});

describe("keys in KMS", () => {
  let made = 0;
  const newKeys = (): Promise<KmsKeys> => createKmsKeys(admin, stack, `doctor-${made++}`);

  async function trustIn({ sign }: KmsKeys): Promise<TrustedKeys> {
    const fingerprint = async (KeyId: string): Promise<readonly string[]> => {
      const { PublicKey } = await admin.send(new GetPublicKeyCommand({ KeyId }));
      return [publicKeyOf(PublicKey ?? new Uint8Array()).fingerprint];
    };
    return { snapshot: await fingerprint(sign.snapshot), audit: await fingerprint(sign.audit), bundle: await fingerprint(sign.bundle) };
  }

  async function look({ settings }: KmsKeys, trusted: TrustedKeys, bucket?: string, sse?: string): Promise<readonly DoctorFinding[]> {
    const inspector = new KmsInspector(settings, usedKeys(settings), kmsClient(stack, "test"));
    const more = sse === undefined ? {} : { sse: { kmsKey: sse } };
    const stores = bucket === undefined ? [] : [{ name: "store", inspector: inspectorOf(emulated, bucket, more) }];
    const reports = await checkKeys({ keys: [{ name: "keys", inspector }], trusted, stores }, signal);
    return reports.flatMap(({ findings }) => findings);
  }

  test("that are well are told of their yearly rotation alone", async () => {
    const keys = await newKeys();
    expect(await look(keys, await trustIn(keys))).toMatchObject([
      {
        code: "key-not-rotated",
        severity: "info",
        subject: "keys.wrap",
        fix: saying(`enable-key-rotation --region eu-central-1 --key-id ${keys.wrap}`),
      },
    ]);
  });

  test("each broken in its way, all in one look", async () => {
    const keys = await newKeys();
    const trusted = await trustIn(keys);
    await admin.send(new DisableKeyCommand({ KeyId: keys.sign.snapshot }));
    await admin.send(new ScheduleKeyDeletionCommand({ KeyId: keys.wrap, PendingWindowInDays: 7 }));
    await pointAlias(admin, keys.settings.sign.audit, await newKey(admin, SIGNING_KEY), false);
    const missing = { ...keys, settings: { ...keys.settings, sign: { ...keys.settings.sign, bundle: "alias/nowhere" } } };
    const problems = (await look(missing, trusted)).filter(({ severity }) => severity === "problem");
    expect(problems.map(({ code, subject }) => [code, subject])).toEqual([
      ["key-state", "keys.wrap"],
      ["key-state", "keys.sign.snapshot"],
      ["key-untrusted", "keys.sign.audit"],
      ["key-missing", "keys.sign.bundle"],
    ]);
    expect(problems[0]?.fix).toContain("cancel-key-deletion");
  });

  test("of another kind, or the same behind two names", async () => {
    const keys = await newKeys();
    const { wrap, sign } = keys.settings;
    const mixed = { ...keys, settings: { ...keys.settings, wrap: sign.audit, sign: { ...sign, bundle: keys.sign.snapshot, audit: wrap } } };
    expect((await look(mixed, await trustIn(keys))).map(({ code, subject }) => [code, subject])).toEqual([
      ["key-kind", "keys.wrap"],
      ["key-kind", "keys.sign.audit"],
      ["key-untrusted", "keys.sign.bundle"],
      ["key-untrusted", "keys.sign.bundle"],
      ["key-shared", "keys.sign.snapshot, keys.sign.bundle"],
    ]);
  });

  test("a bucket that is encrypted by the wrapping key, by its own default or by store.sse", async () => {
    const keys = await newKeys();
    const trusted = await trustIn(keys);
    const Bucket = await makeBucket(emulated);
    const shared = async (sse?: string) =>
      (await look(keys, trusted, Bucket, sse)).filter(({ code }) => code === "key-shared").map(({ subject }) => subject);
    expect(await shared()).toEqual([]);
    expect(await shared(keys.settings.wrap)).toEqual(["store.sse.kmsKey, keys.wrap"]);
    const byDefault = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms" as const, KMSMasterKeyID: keys.wrap } };
    await owner.send(new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: { Rules: [byDefault] } }));
    expect(await shared()).toEqual([`the default of bucket ${Bucket}, keys.wrap`]);
  });

  test("what the account may do, by dry runs or what passes for them", async () => {
    const { settings } = await newKeys();
    const powers = await new KmsInspector(settings, usedKeys(settings), kmsClient(stack, "test")).powers(
      { cluster: "prod", snapshot: "x" },
      signal,
    );
    const all = ["wrap", "unwrap", "sign snapshot", "sign audit", "sign bundle"] as const;
    expect([...powers]).toEqual(all.map((power) => [power, { is: "allowed" }]));
  });

  test("the command with all of it in AWS: one document, the caller by ARN, a table for people", async () => {
    const keys = await newKeys();
    const bucket = await mendedBucket();
    const cwd = folder.path;
    expect(await lifeboatHere(["init"], { cwd })).toMatchObject({ code: 0 });
    const config = join(cwd, "lifeboat.yaml");
    const store = `store: { kind: s3, bucket: ${bucket}, prefix: etcd, region: ${stack.region}, endpoint: "${stack.endpoint}", pathStyle: true }`;
    const kms = `keys: { kind: kms, wrap: ${keys.settings.wrap}, sign: ${JSON.stringify(keys.settings.sign)}, region: ${stack.region}, endpoint: "${stack.endpoint}" }`;
    const text = (await readFile(config, "utf8"))
      .replace(/^store:\n(?: {2}.*\n)+/m, `${store}\n`)
      .replace(/^keys:\n(?: {2}.*\n)+/m, `${kms}\n`)
      .replace(/^trustedKeys:\n(?: {2}.*\n)+/m, `trustedKeys: ${JSON.stringify(await trustIn(keys))}\n`);
    // A replica whose bucket is encrypted by the key that wraps for it.
    const away = await newKey(admin, WRAPPING_KEY);
    const awayStore = `{ kind: s3, bucket: ${await makeBucket(emulated)}, region: ${stack.region}, endpoint: "${stack.endpoint}", pathStyle: true, sse: { kmsKey: "${away}" } }`;
    const awayKey = `{ kind: kms, key: "${away}", region: ${stack.region}, endpoint: "${stack.endpoint}" }`;
    await writeFile(
      config,
      `${text.replace(/^replicas:.*\n/m, "")}\nreplicas:\n  - { name: away, store: ${awayStore}, wrap: ${awayKey} }\n`,
    );

    const flags = ["--store", "--keys", "--permissions", "--clock", "--etcd"];
    const { code, stdout } = await lifeboatHere(["doctor", ...flags, "--json"], { cwd });
    const document = z
      .looseObject({
        permissions: z.looseObject({ caller: z.string() }),
        findings: z.array(z.object({ code: z.string(), severity: z.string(), subject: z.string() })),
      })
      .parse(JSON.parse(stdout));
    expect(document.permissions.caller).toBe("arn:aws:iam::000000000000:root");
    expect(document).toMatchObject({
      store: [
        { name: "store", facts: { kind: "bucket", versioning: "enabled", policy: saying("s3:if-none-match"), ownLock: null } },
        { name: "replica away" },
      ],
      keys: [
        { name: "keys", facts: { kind: "kms", keys: [{ use: "wrap", state: "Enabled", arn: keys.wrap }, {}, {}, {}] } },
        {
          name: "replica away",
          facts: { kind: "kms", keys: [{ use: "wrap", setting: "replicas.away.wrap", state: "Enabled", arn: away }] },
        },
      ],
      permissions: {
        roles: [
          { role: "writer", fits: true },
          { role: "verifier", fits: true },
          { role: "desk", fits: true },
          { role: "keeper", fits: true },
          { role: "reader", fits: true },
        ],
      },
      clock: [{ name: "store" }, { name: "replica away" }],
      etcd: [],
    });
    const found = document.findings.map(({ severity, code: what, subject }) => `${severity} ${what} ${subject}`);
    expect(found.filter((each) => each.startsWith("problem"))).toEqual([
      "problem versioning-off replica away",
      "problem public-access replica away",
      "problem key-shared replica away: store.sse.kmsKey, replicas.away.wrap",
    ]);
    expect(found.filter((each) => !each.includes("away"))).toEqual([
      "info store-unmarked store",
      "info store-plain-http store",
      "info key-not-rotated keys.wrap",
      "info beyond-its-role arn:aws:iam::000000000000:root",
      "info no-clusters clusters",
    ]);
    expect(code).toBe(6);

    await admin.send(new DisableKeyCommand({ KeyId: keys.wrap }));
    await owner.send(new DeletePublicAccessBlockCommand({ Bucket: bucket }));
    const told = await lifeboatHere(["doctor", ...flags], { cwd });
    expect(told.code).toBe(6);
    expect(told.stdout).toMatch(/^caller: +arn:aws:iam::000000000000:root\ncan act as: +keeper, reader\n/m);
    expect(told.stdout).toMatch(/^writer +backup +no +wrap$/m);
    expect(told.stdout).toContain(`problem: keys.wrap: ${keys.settings.wrap} is disabled\n  fix: find out who disabled it`);
    expect(told.stdout).toContain("problem: store: public access is not fully blocked");
    expect((await owner.send(new GetBucketPolicyCommand({ Bucket: bucket }))).Policy).toContain("WriteOnce");
  });
});

test("an interruption ends it while nobody answers, and is not told as a finding", async () => {
  const cwd = join(folder.path, "stalled");
  await mkdir(cwd);
  const interruption = new AbortController();
  let asked = 0;
  const silent = createServer(() => {
    asked += 1;
    interruption.abort(new LifeboatError("interrupted", "interrupted by SIGINT"));
  });
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = z.object({ port: z.number() }).parse(silent.address());
  const place = `region: ${stack.region}, endpoint: "http://127.0.0.1:${port}"`;
  const sign = "{ snapshot: alias/s, audit: alias/a, bundle: alias/b }";
  const store = `store: { kind: s3, bucket: vault, pathStyle: true, ${place} }`;
  await writeFile(
    join(cwd, "lifeboat.yaml"),
    `version: 1\n${store}\nkeys: { kind: kms, wrap: alias/w, sign: ${sign}, ${place} }\nclusters: {}\n`,
  );
  try {
    const { code, stdout, stderr } = await lifeboatHere(["doctor", "--store", "--keys", "--clock"], { cwd, signal: interruption.signal });
    expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
    expect(stderr).toContain("interrupted by SIGINT");
    expect(asked).toBeGreaterThan(0);
  } finally {
    silent.closeAllConnections();
    silent.close();
    await once(silent, "close");
  }
});
