import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { startVersityGateway } from "../../tools/lab/versitygw.ts";
import type { VersityGateway } from "../../tools/lab/versitygw.ts";
import { fill } from "../etcd/support/fill.ts";
import { initialise } from "../support/initialise.ts";
import { lifeboatHere, lifeboatJsonHere } from "../support/lifeboat-here.ts";
import { lifeboat, lifeboatJson } from "../support/lifeboat.ts";
import type { LifeboatOptions } from "../support/lifeboat.ts";

/** The command with a store in S3, on versitygw: only lifeboat.yaml is another. */

let cluster: EtcdCluster;
let gateway: VersityGateway;
let folder: TemporaryFolder;
let options: LifeboatOptions;
let bucket: string;

beforeAll(async () => {
  [cluster, gateway, folder] = await Promise.all([startCluster({ version: "3.6" }), startVersityGateway(), temporaryFolder()]);
  // Two parts of an upload, and few puts.
  await fill(cluster, 8);
  bucket = await gateway.makeBucket({ lock: true });
  const { cwd, env } = await initialise(cluster, folder.path);
  options = { cwd, env: { ...env, ...gateway.environment } };
  // The AWS SDK looks for credentials in the process's own environment.
  for (const [name, value] of Object.entries(gateway.environment)) vi.stubEnv(name, value);
  await useStore("lock: { mode: governance, days: 1 }");
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await Promise.all([cluster.stop(), gateway.stop()]);
  await folder.remove();
});

async function useStore(more: string, { prefix = "etcd", endpoint = gateway.endpoint, in: inBucket = bucket } = {}): Promise<void> {
  const file = join(options.cwd, "lifeboat.yaml");
  const store = `store: { kind: s3, bucket: ${inBucket}, prefix: ${prefix}, region: ${gateway.region}, endpoint: "${endpoint}", pathStyle: true, ${more} }\n`;
  await writeFile(file, (await readFile(file, "utf8")).replace(/^store:.*\n(?: .*\n|# .*\n|#   .*\n)*/m, store));
}

const backedUp = z.object({ id: z.string() });
const shown = z.object({
  manifest: z.object({ stored: z.object({ key: z.string(), version: z.string() }), snapshot: z.object({ sha256: z.string() }) }),
});

test("backs up, lists, shows, verifies and exports; the manifest names the version of its data", async () => {
  const { id } = backedUp.parse(await lifeboatJson(["backup", "prod"], options));
  expect(await lifeboatJsonHere(["ls"], options)).toMatchObject({ snapshots: [{ id }] });
  const { manifest } = shown.parse(await lifeboatJsonHere(["show", `prod/${id}`], options));
  expect(await lifeboatHere(["verify", "prod/latest", "--deep"], options)).toMatchObject({ code: 0 });
  expect(await lifeboatHere(["export", "prod/latest", "--out", "snapshot.db"], options)).toMatchObject({ code: 0 });
  const exported = await readFile(join(options.cwd, "snapshot.db"));
  expect(`sha256:${createHash("sha256").update(exported).digest("hex")}`).toBe(manifest.snapshot.sha256);
  const status = await execa(cluster.programs.etcdutl, ["snapshot", "status", join(options.cwd, "snapshot.db"), "-w", "json"]);
  expect(JSON.parse(status.stdout)).toMatchObject({ hash: expect.any(Number) as unknown });

  // What somebody puts over it since is another version: what the manifest names is still read.
  const owner = gateway.client();
  await owner.send(new PutObjectCommand({ Bucket: bucket, Key: `etcd/${manifest.stored.key}`, Body: "something else" }));
  owner.destroy();
  expect(await lifeboatHere(["verify", `prod/${id}`, "--deep"], options)).toMatchObject({ code: 0 });
});

test("lists an upload that nobody finished, and sweeps it", async () => {
  const owner = gateway.client();
  const where = { Bucket: bucket, Key: "etcd/clusters/prod/data/20260101T000000Z-00000001.age" };
  const { UploadId } = await owner.send(new CreateMultipartUploadCommand(where));
  await owner.send(new UploadPartCommand({ ...where, UploadId, PartNumber: 1, Body: Buffer.alloc(1000) }));
  const found = await lifeboatJsonHere(["orphans", "--older-than", "1ms"], options);
  const upload = { kind: "unfinished", id: `clusters/prod/data/20260101T000000Z-00000001.age?uploadId=${UploadId}`, bytes: 1000 };
  expect(found).toMatchObject({ orphans: expect.arrayContaining([expect.objectContaining({ ...upload, swept: false })]) as unknown });
  await lifeboatJsonHere(["orphans", "--older-than", "1ms", "--sweep"], options);
  expect((await owner.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? []).toEqual([]);
  owner.destroy();
  expect(await lifeboatJsonHere(["ls"], options)).toMatchObject({ snapshots: [{}] });
});

test("sweeps all versions of data that nothing needs, and names what is locked with its end: exit code 6", async () => {
  const owner = gateway.client();
  const objects = ["00000002", "00000003"].map((run) => `clusters/prod/data/20260101T000000Z-${run}.age`);
  const [free = "", locked = ""] = objects;
  const put = async (key: string): Promise<string | undefined> =>
    (await owner.send(new PutObjectCommand({ Bucket: bucket, Key: `etcd/${key}`, Body: "left" }))).VersionId;
  for (const key of [free, free, locked]) await put(key);
  const VersionId = await put(locked);
  const RetainUntilDate = new Date("2099-01-01T00:00:00Z");
  await owner.send(
    new PutObjectRetentionCommand({ Bucket: bucket, Key: `etcd/${locked}`, VersionId, Retention: { Mode: "GOVERNANCE", RetainUntilDate } }),
  );
  // As an older lifeboat swept: gone from the list, and nothing is freed.
  for (const key of objects) await owner.send(new DeleteObjectCommand({ Bucket: bucket, Key: `etcd/${key}` }));
  const swept = await lifeboatHere(["orphans", "--older-than", "1ms", "--sweep", "--json"], options);
  expect(swept.code).toBe(6);
  expect(JSON.parse(swept.stdout)).toMatchObject({
    orphans: [
      { key: free, bytes: 8, versions: 3, swept: true, locked: false, lockedUntil: null, legalHold: false },
      { key: locked, bytes: 8, versions: 3, swept: false, locked: true, lockedUntil: "2099-01-01T00:00:00.000Z", legalHold: false },
    ],
  });
  expect(swept.stderr).toContain(`${locked} was not removed: it is locked until 2099-01-01`);
  const left = await owner.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: "etcd/clusters/prod/data/20260101" }));
  expect(new Set([...(left.Versions ?? []), ...(left.DeleteMarkers ?? [])].map(({ Key }) => Key))).toEqual(new Set([`etcd/${locked}`]));
  expect((await lifeboatHere(["orphans", "--older-than", "1ms"], options)).stdout).toContain("locked until 2099-01-01");
  const { records } = loggedRemovals.parse(await lifeboatJsonHere(["custody", "prod"], options));
  const removals = records.filter(({ event }) => event === "removed").flatMap(({ subjects }) => subjects.map(({ key }) => key));
  expect(removals).toEqual([free, free]);
  owner.destroy();
});

const loggedRemovals = z.object({
  records: z.array(z.object({ event: z.string().nullable(), subjects: z.array(z.object({ key: z.string() })) })),
});

test("says what is wrong with credentials, bucket and address, and names no secret", async () => {
  const secret = "wrong-secret-0123456789";
  const denied = await lifeboat(["ls"], { ...options, env: { ...options.env, AWS_SECRET_ACCESS_KEY: secret } });
  expect(denied.stderr).toMatch(/cannot list clusters\/ in s3:\/\/.*SignatureDoesNotMatch, HTTP 403/);
  expect(denied.stderr).toContain("check the secret key that the AWS SDK finds");
  expect(denied.stderr).not.toContain(secret);
  const none = await lifeboat(["ls"], { ...options, env: { HOME: options.cwd, AWS_EC2_METADATA_DISABLED: "true" } });
  expect(none.stderr).toContain("CredentialsProviderError");
  expect([denied.code, none.code]).toEqual([5, 5]);
});

test("over TLS, where payloads are not hashed for the signature, the server takes them all the same", async () => {
  await using secure = await startVersityGateway({ tls: true });
  const there = await secure.makeBucket();
  const trusted = { ...options, env: { ...options.env, ...secure.environment } };
  await useStore("", { endpoint: secure.endpoint, in: there });
  const { id } = backedUp.parse(await lifeboatJson(["backup", "prod"], trusted));
  expect(await lifeboatJson(["verify", `prod/${id}`, "--deep"], trusted)).toMatchObject({ good: true });
  // A stranger on the way is not believed.
  const { code, stderr } = await lifeboat(["ls"], { ...trusted, env: { ...trusted.env, NODE_EXTRA_CA_CERTS: "/dev/null" } });
  expect(code).toBe(5);
  expect(stderr).toMatch(/certificate/);
});
