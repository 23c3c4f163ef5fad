import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CreateMultipartUploadCommand, ListMultipartUploadsCommand, PutObjectCommand, UploadPartCommand } from "@aws-sdk/client-s3";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { fillWithKubernetesData } from "../../tools/lab/kubernetes-data.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { startVersityGateway } from "../../tools/lab/versitygw.ts";
import type { VersityGateway } from "../../tools/lab/versitygw.ts";
import { initialise } from "../support/initialise.ts";
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
  await fillWithKubernetesData(cluster.connection, { megabytes: 40 });
  bucket = await gateway.makeBucket({ lock: true });
  const { cwd, env } = await initialise(cluster, folder.path);
  options = { cwd, env: { ...env, ...gateway.environment } };
  await useStore("lock: { mode: governance, days: 1 }");
});
afterAll(async () => {
  await Promise.all([cluster.stop(), gateway.stop()]);
  await folder.remove();
});

async function useStore(more: string): Promise<void> {
  const file = join(options.cwd, "lifeboat.yaml");
  const store = `store: { kind: s3, bucket: ${bucket}, prefix: etcd, region: ${gateway.region}, endpoint: "${gateway.endpoint}", pathStyle: true, ${more} }\n`;
  await writeFile(file, (await readFile(file, "utf8")).replace(/^store:.*\n(?: .*\n|# .*\n|#   .*\n)*/m, store));
}

const backedUp = z.object({ id: z.string() });
const shown = z.object({
  manifest: z.object({ stored: z.object({ key: z.string(), version: z.string() }), snapshot: z.object({ sha256: z.string() }) }),
});

test("backs up, lists, shows, verifies and exports; the manifest names the version of its data", async () => {
  const { id } = backedUp.parse(await lifeboatJson(["backup", "prod"], options));
  expect(await lifeboatJson(["ls"], options)).toMatchObject({ snapshots: [{ id }] });
  const { manifest } = shown.parse(await lifeboatJson(["show", `prod/${id}`], options));
  expect(await lifeboat(["verify", "prod/latest", "--deep"], options)).toMatchObject({ code: 0 });
  expect(await lifeboat(["export", "prod/latest", "--out", "snapshot.db"], options)).toMatchObject({ code: 0 });
  const exported = await readFile(join(options.cwd, "snapshot.db"));
  expect(`sha256:${createHash("sha256").update(exported).digest("hex")}`).toBe(manifest.snapshot.sha256);
  const status = await execa(cluster.programs.etcdutl, ["snapshot", "status", join(options.cwd, "snapshot.db"), "-w", "json"]);
  expect(JSON.parse(status.stdout)).toMatchObject({ hash: expect.any(Number) as unknown });

  // What somebody puts over it since is another version: what the manifest names is still read.
  const owner = gateway.client();
  await owner.send(new PutObjectCommand({ Bucket: bucket, Key: `etcd/${manifest.stored.key}`, Body: "something else" }));
  owner.destroy();
  expect(await lifeboat(["verify", `prod/${id}`, "--deep"], options)).toMatchObject({ code: 0 });
});

test("lists an upload that nobody finished, and sweeps it", async () => {
  const owner = gateway.client();
  const where = { Bucket: bucket, Key: "etcd/clusters/prod/data/20260101T000000Z-00000001.age" };
  const { UploadId } = await owner.send(new CreateMultipartUploadCommand(where));
  await owner.send(new UploadPartCommand({ ...where, UploadId, PartNumber: 1, Body: Buffer.alloc(1000) }));
  const found = await lifeboatJson(["orphans", "--older-than", "1ms"], options);
  const upload = { kind: "unfinished", id: `clusters/prod/data/20260101T000000Z-00000001.age?uploadId=${UploadId}`, bytes: 1000 };
  expect(found).toMatchObject({ orphans: expect.arrayContaining([expect.objectContaining({ ...upload, swept: false })]) as unknown });
  await lifeboatJson(["orphans", "--older-than", "1ms", "--sweep"], options);
  expect((await owner.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? []).toEqual([]);
  owner.destroy();
  expect(await lifeboatJson(["ls"], options)).toMatchObject({ snapshots: [{}] });
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
