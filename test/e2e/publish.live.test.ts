import { mkdir, readdir } from "node:fs/promises";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { startVersityGateway } from "../../tools/lab/versitygw.ts";
import type { VersityGateway } from "../../tools/lab/versitygw.ts";
import { newIdentity } from "../../shared/seal/age.ts";
import { openStore } from "../store/s3/s3-under-test.ts";
import { newPlace } from "../support/place.ts";
import type { Place } from "../support/place.ts";
import { saying } from "../support/matchers.ts";

/** A bundle that is published in a bucket with versions and Object Lock, fetched as a node does: by curl alone. */

let cluster: EtcdCluster;
let gateway: VersityGateway;
let folder: TemporaryFolder;
let place: Place;
let bucket: string;
let id: string;
/** All that was printed on standard error, whatever the command. */
const told: string[] = [];

beforeAll(async () => {
  [cluster, gateway, folder] = await Promise.all([startCluster({ version: "3.6" }), startVersityGateway(), temporaryFolder()]);
  bucket = await gateway.makeBucket({ lock: true });
  const replica = await gateway.makeBucket({ versions: true });
  for (const [name, value] of Object.entries(gateway.environment)) vi.stubEnv(name, value);
  place = await newPlace(cluster, folder.path, "publish");
  const [one, two] = [await newIdentity(), await newIdentity()];
  const s3 = (name: string, more: string): string =>
    `{ kind: s3, bucket: ${name}, prefix: etcd, region: ${gateway.region}, endpoint: "${gateway.endpoint}", pathStyle: true${more} }`;
  await place.edit(
    "lifeboat.yaml",
    (text) =>
      `${text.replace(/^store:.*\n(?: .*\n|# .*\n|#   .*\n)*/m, `store: ${s3(bucket, ", lock: { mode: governance, days: 1 }")}\n`)}
recipients: { cp-1: "${one.recipient}", cp-2: "${two.recipient}" }
replicas: [ { name: offsite, store: ${s3(replica, "")} } ]
`,
  );
  expect(await place.here("backup", "prod")).toMatchObject({ code: 0 });
  expect(await place.here("verify", "prod/latest", "--deep")).toMatchObject({ code: 0 });
  expect(await place.here("copy", "prod/latest", "--to", "offsite")).toMatchObject({ code: 0 });
  const { stdout } = await place.here("ls", "--json");
  id = z.object({ snapshots: z.array(z.object({ id: z.string() })) }).parse(JSON.parse(stdout)).snapshots[0]?.id ?? "";
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await Promise.all([cluster.stop(), gateway.stop()]);
  await folder.remove();
});

const document = z.object({
  time: z.string(),
  published: z.literal(true),
  folder: z.null(),
  urlsUntil: z.string(),
  urlsMayEndSooner: z.literal(false),
  expiresAt: z.string(),
  keyUrl: z.string(),
  controls: z.array(z.object({ recipient: z.string(), file: z.string(), url: z.string(), signatureUrl: z.string() })),
  payload: z.object({ file: z.string(), key: z.string(), version: z.string(), location: z.string(), url: z.string() }),
  steps: z.array(z.object({ recipient: z.string(), lines: z.array(z.string()) })),
  warnings: z.array(z.string()),
});
type Document = z.infer<typeof document>;

async function bundle(...args: readonly string[]): Promise<Document> {
  const { code, stdout, stderr } = await place.here("bundle", ...args, "--json", "--verbose");
  told.push(stderr);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return document.parse(JSON.parse(stdout));
}

/** Types the curl lines of a recipient, as they are printed, into bash in a new folder; the folder. */
async function fetched({ steps }: Document, recipient: string, name: string): Promise<string> {
  const cwd = place.path(name);
  await mkdir(cwd);
  const lines = steps.find((each) => each.recipient === recipient)?.lines.filter((line) => line.startsWith("curl ")) ?? [];
  expect(lines).toHaveLength(4);
  await execa("bash", ["--norc", "-ec", lines.join("\n")], { cwd, env: { PATH: process.env["PATH"] }, extendEnv: false });
  return cwd;
}

const secretsOf = ({ keyUrl, controls, payload }: Document): readonly string[] =>
  [keyUrl, payload.url, ...controls.flatMap(({ url, signatureUrl }) => [url, signatureUrl])].map(
    (url) => new URL(url).searchParams.get("X-Amz-Signature") ?? url,
  );

let first: Document;

test("a node fetches it by the lines that are printed, and it is whole, whatever is put over it since", async () => {
  first = await bundle("prod", "--recipient", "cp-1", "--recipient", "cp-2", "--publish");
  expect(first.controls.map(({ file }) => file)).toEqual(["cp-1", "cp-2"].map((each) => `bundles/prod/${id}/${first.time}/${each}.tar`));
  expect(Math.abs(Date.parse(first.urlsUntil) - Date.parse(first.expiresAt))).toBeLessThan(2000);
  const owner = gateway.client();
  for (const key of [first.payload.key, ...first.controls.map(({ file }) => file)])
    await owner.send(new PutObjectCommand({ Bucket: bucket, Key: `etcd/${key}`, Body: "somebody's own" }));
  owner.destroy();
  const path = await fetched(first, "cp-1", "fetched");
  expect((await readdir(path)).toSorted()).toEqual([first.payload.file, "bundle.pub", "cp-1.tar", "cp-1.tar.sig"]);
  expect(await place.here("bundle", "--inspect", path)).toMatchObject({ code: 0 });
  const stolen = new URL(first.payload.url);
  stolen.searchParams.set("versionId", "another");
  expect((await fetch(stolen)).status).toBe(403);
});

test("what is published is locked as documents are, and the log and the inventory stay clean", async () => {
  const lines = await place.here("custody", "prod", "--verify");
  expect(lines).toMatchObject({ code: 0 });
  expect((await place.here("orphans", "--older-than", "0s")).stdout).not.toContain("bundles/");
  const planned = await place.here("prune", "prod", "--json");
  expect(planned.stdout).not.toContain('foreign":["bundles');
  const { store: blobs, close } = openStore(gateway, bucket, { prefix: "etcd/" });
  const { controls } = first;
  const locks: unknown[] = [];
  for await (const { key, version, isLatest } of blobs.listVersions(controls[0]?.file ?? ""))
    if (!isLatest || key.endsWith(".sig")) locks.push(await blobs.lockOf(key, { version }));
  close();
  expect(locks).toEqual([0, 1].map(() => ({ until: expect.any(Date) as unknown, legalHold: false })));
});

test("--renew prints new addresses for some recipients, and writes nothing", async () => {
  const before = (await place.here("custody", "prod", "--json")).stdout;
  const renewed = await bundle("prod", "--renew", "--recipient", "cp-2", "--valid", "2h");
  expect(renewed).toMatchObject({ time: first.time, warnings: [] });
  expect(renewed.controls.map(({ recipient }) => recipient)).toEqual(["cp-2"]);
  expect(Math.abs(Date.parse(renewed.urlsUntil) - Date.now() - 7_200_000)).toBeLessThan(60_000);
  const path = await fetched(renewed, "cp-2", "renewed");
  expect(await place.here("bundle", "--inspect", path)).toMatchObject({ code: 0 });
  expect((await place.here("custody", "prod", "--json")).stdout).toBe(before);
  const text = await place.here("bundle", `prod/${id}`, "--renew", "--time", first.time);
  expect(text).toMatchObject({ code: 0, stdout: expect.stringMatching(/^addresses: +last until \d{4}-/m) as unknown });
  expect(text.stdout).toMatch(/^ {2}curl -f --retry 3 -o cp-1\.tar 'http:/m);
});

test("a bundle of a replica is published there, with its versions", async () => {
  const there = await bundle("prod", "--recipient", "cp-1", "--publish", "--from", "offsite");
  expect(there.payload.location).not.toBe(first.payload.location);
  expect(there.payload.version).not.toBe(first.payload.version);
  const path = await fetched(there, "cp-1", "from-replica");
  expect(await place.here("bundle", "--inspect", path)).toMatchObject({ code: 0 });
  expect((await bundle("prod", "--renew", "--from", "offsite")).time).toBe(there.time);
});

test("no address is in what is told on standard error, also in the debug log", () => {
  expect(told.join("\n")).toMatch(/store: presign bundles\/\S+ version \S+ in .*: lasts until /);
  for (const each of secretsOf(first)) expect(told.join("\n")).not.toContain(each);
  expect(told.join("\n")).not.toContain("X-Amz-");
});

test.each([
  [["--renew", "--out", "x"], "--renew makes no bundle, and --out was given too"],
  [["--renew", "--publish"], "--renew makes no bundle, and --publish was given too"],
  [["--time", "20261121T100000Z", "--publish"], "--time goes with --renew"],
  [["--renew", "--time", "yesterday"], '--time "yesterday" is not a time such as'],
  [["--renew", "--valid", "8d"], "is not a duration from 1h to 7d"],
  [["--publish", "--out", "x", "--recipient", "cp-1"], "--publish and --out are two places for the files"],
  [["--publish", "--with-payload", "--recipient", "cp-1"], "--with-payload needs --out FOLDER"],
  [["--renew", "--recipient", "cp-9"], "was not made for cp-9"],
  [["--renew", "--time", "20200101T000000Z"], "no bundle 20200101T000000Z of prod/"],
  [["--recipient", "cp-1"], "nothing says where the bundle goes"],
])("%j is refused", async (args, message) => {
  expect(await place.here("bundle", "prod", ...args)).toMatchObject({ code: 2, stdout: "", stderr: saying(message) });
});
