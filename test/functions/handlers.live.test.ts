import { readFile, writeFile } from "node:fs/promises";
import { ListMultipartUploadsCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { handler as audit } from "../../functions/audit.ts";
import { handler as backup } from "../../functions/backup.ts";
import { forgetContainer } from "../../functions/container.ts";
import { handler as verify } from "../../functions/verify.ts";
import { METRIC_DIMENSIONS, METRIC_NAMESPACE } from "../../shared/contract/service.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { ROOT_PASSWORD } from "../../tools/lab/cluster-security.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { startVersityGateway } from "../../tools/lab/versitygw.ts";
import type { VersityGateway } from "../../tools/lab/versitygw.ts";
import { fill } from "../etcd/support/fill.ts";
import { tcpProxy } from "../etcd/support/tcp-proxy.ts";
import { functionPlace } from "../support/function-place.ts";
import { invoke } from "../support/invoke-function.ts";
import type { Invoked } from "../support/invoke-function.ts";
import { saying } from "../support/matchers.ts";
import type { Place } from "../support/place.ts";
import { RECENT_ID, RECENT_SLOT, slotBefore } from "../support/recent-slot.ts";

/** The handlers in this process, with an etcd that has auth on and a store in S3. The tests build on each other. */

const EXECUTION = "arn:aws:states:eu-central-1:111122223333:execution:etcd-prod:1";

let cluster: EtcdCluster;
let gateway: VersityGateway;
let folder: TemporaryFolder;
let place: Place;
let bucket: string;

beforeAll(async () => {
  [cluster, gateway, folder] = await Promise.all([
    startCluster({ version: "3.6", security: "password" }),
    startVersityGateway(),
    temporaryFolder(),
  ]);
  bucket = await gateway.makeBucket({ lock: true });
  place = await functionPlace(cluster, folder.path, gateway, bucket);
});
afterEach(() => forgetContainer());
afterAll(async () => {
  vi.unstubAllEnvs();
  await Promise.all([cluster.stop(), gateway.stop()]);
  await folder.remove();
});

/** What was written to the log holds no secret that the function had in its hands. */
async function expectNoSecret({ text, failure }: Invoked): Promise<void> {
  const told = `${text}${failure?.stack ?? ""}${failure?.message ?? ""}`;
  for (const secret of [ROOT_PASSWORD, "PRIVATE KEY", "AGE-SECRET-KEY", gateway.credentials.secretAccessKey])
    expect(told).not.toContain(secret);
  const key = (await readFile(place.path("keys/snapshot.key"), "utf8")).split("\n")[1] ?? "";
  expect(key.length).toBeGreaterThan(30);
  expect(told).not.toContain(key);
}

const asMetrics = (values: Readonly<Record<string, unknown>>): unknown => [
  expect.objectContaining({
    [METRIC_DIMENSIONS.service]: "etcd",
    [METRIC_DIMENSIONS.cluster]: "prod",
    ...values,
    _aws: {
      Timestamp: expect.any(Number) as unknown,
      CloudWatchMetrics: [
        { Namespace: METRIC_NAMESPACE, Dimensions: [Object.values(METRIC_DIMENSIONS)], Metrics: expect.any(Array) as unknown },
      ],
    },
  }),
];

test("a slot is backed up: outcome, metrics of its service and cluster, and a log in JSON without a secret", async () => {
  const invoked = await invoke(backup, { cluster: "prod", slot: RECENT_SLOT, execution: EXECUTION });
  expect(invoked.failure).toBeUndefined();
  expect(invoked.outcome).toEqual({
    cluster: "prod",
    id: RECENT_ID,
    existing: false,
    committedBy: "this-run",
    manifestDigest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as unknown,
    proof: "proven",
    quarantined: false,
    dissenters: [],
    lineage: 1,
    lineageAttention: null,
    databaseBytes: expect.any(Number) as unknown,
    storedBytes: expect.any(Number) as unknown,
    custody: expect.stringMatching(/^\d+:sha256:[0-9a-f]{64}$/) as unknown,
    needsAttention: false,
    findings: [],
  });
  const { metrics, lines } = invoked;
  expect(metrics).toEqual(
    asMetrics({
      BackupCommitted: 1,
      BackupProven: 1,
      BackupFailed: 0,
      BackupUnproven: 0,
      BackupQuarantined: 0,
      Dissent: 0,
      NewLineage: 0,
      KeyUnusable: 0,
    }),
  );
  const { CertificateDays, DurationMs, DatabaseBytes, StoredBytes } = z.record(z.string(), z.unknown()).parse(metrics[0]);
  for (const value of [CertificateDays, DurationMs, DatabaseBytes, StoredBytes]) expect(value).toBeGreaterThan(0);
  expect(lines.map(({ phase }) => phase)).toEqual(expect.arrayContaining(["lock", "preflight", "stream", "agreement", "manifest"]));
  for (const line of lines) expect(line).toMatchObject({ service: "etcd-lifeboat", cluster: "prod", function_request_id: saying("1111") });
  await expectNoSecret(invoked);
});

test("the same slot again gives the same snapshot, and takes none", async () => {
  const objects = async (): Promise<number> => {
    const owner = gateway.client();
    const { KeyCount = 0 } = await owner.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: "clusters/prod/data/" }));
    owner.destroy();
    return KeyCount;
  };
  expect(await objects()).toBe(1);
  const { outcome, metrics } = await invoke(backup, { cluster: "prod", slot: RECENT_SLOT, execution: "arn:another" });
  expect(outcome).toMatchObject({ id: RECENT_ID, existing: true, committedBy: "another-run", needsAttention: false, proof: "proven" });
  expect(metrics).toEqual(asMetrics({ BackupCommitted: 0, BackupProven: 0, BackupFailed: 0 }));
  const own = await invoke(backup, { cluster: "prod", slot: RECENT_SLOT, execution: EXECUTION });
  expect(own.outcome).toMatchObject({ existing: true, committedBy: "this-run" });
  expect(own.metrics).toEqual(asMetrics({ BackupCommitted: 1, BackupProven: 1 }));
  expect(await objects()).toBe(1);
});

test("what was backed up is read back and countersigned; the command line reads it as any other", async () => {
  const invoked = await invoke(verify, { cluster: "prod", id: RECENT_ID, proof: "proven" });
  expect(invoked.outcome).toEqual({
    cluster: "prod",
    id: RECENT_ID,
    countersignature: saying(`clusters/prod/verified/${RECENT_ID}-`),
    confirmed: "members",
    notConfirmed: null,
    custody: expect.stringMatching(/^\d+:sha256:[0-9a-f]{64}$/) as unknown,
    replicas: [],
    findings: [],
    order: { outcome: "nothing", subjects: 0, bytes: 0, brakes: [], message: null },
  });
  expect(invoked.metrics).toEqual(
    asMetrics({
      Verified: 1,
      ReplicaFailed: 0,
      VerifyFailed: 0,
      KeyUnusable: 0,
      RemovalWaits: 0,
      OrderFailed: 0,
      OrderUnfollowed: 0,
      UnaccountedBytes: 0,
    }),
  );
  await expectNoSecret(invoked);
  expect(await place.here("custody", "prod", "--verify")).toMatchObject({ code: 0 });
});

test("what need not be read back is looked at, and stands in the store as what it is", async () => {
  const config = place.path("lifeboat.yaml");
  const good = await readFile(config, "utf8");
  await writeFile(config, good.replace("deepVerify: always", "deepVerify: 23h").replace(/rpo: \S+/, "rpo: 2d"));
  await forgetContainer();
  const { outcome } = await invoke(backup, { cluster: "prod", slot: slotBefore(30).time });
  const { id } = z.object({ id: z.string() }).parse(outcome);
  const looked = await invoke(verify, { cluster: "prod", id });
  expect(looked.outcome).toMatchObject({
    id,
    countersignature: null,
    confirmed: "not asked",
    notConfirmed: saying("verify.deepVerify"),
    custody: null,
  });
  expect(looked.metrics).toEqual(asMetrics({ Verified: 0, VerifyFailed: 0 }));
  const { stdout } = await place.here("ls", "prod", "--json");
  const { snapshots } = z.object({ snapshots: z.array(z.object({ id: z.string(), good: z.boolean() })) }).parse(JSON.parse(stdout));
  expect(snapshots.map((each) => each.good)).toEqual([true, false]);
  await writeFile(config, good);
  await forgetContainer();
  expect((await invoke(verify, { cluster: "prod", id })).metrics).toEqual(asMetrics({ Verified: 1 }));
});

test("the audit's page is written over in the bucket each time, and report --open fetches it from there", async () => {
  for (const name of ["one.html", "two.html"]) {
    expect((await invoke(audit, {})).outcome).toMatchObject({ clusters: [{ cluster: "prod" }], report: "report/report.html" });
    expect(await place.here("report", "--open", "--out", name)).toMatchObject({ code: 0 });
    expect(await readFile(place.path(name), "utf8")).toContain(`s3://${bucket}/`);
  }
});

test("a slot of long ago that is run again ends no silence: nothing is newer than it was", async () => {
  const config = place.path("lifeboat.yaml");
  const good = await readFile(config, "utf8");
  await writeFile(config, good.replace(/rpo: \S+/, "rpo: 1ms"));
  await forgetContainer();
  const again = await invoke(backup, { cluster: "prod", slot: RECENT_SLOT });
  expect(again.outcome).toMatchObject({ id: RECENT_ID, existing: true });
  expect(again.metrics).toEqual(asMetrics({ BackupCommitted: 0, BackupProven: 0, BackupFailed: 0 }));
  expect((await invoke(verify, { cluster: "prod", id: RECENT_ID })).metrics).toEqual(asMetrics({ Verified: 0, VerifyFailed: 0 }));
  await writeFile(config, good);
});

test("who verifies fills the replicas; one that cannot be filled is told, and fails no verification", async () => {
  const [near, far] = [await gateway.makeBucket(), "no-such-bucket"];
  const replica = (name: string, at: string): string =>
    `  - { name: ${name}, store: { kind: s3, bucket: ${at}, region: ${gateway.region}, endpoint: "${gateway.endpoint}", pathStyle: true } }\n`;
  const config = place.path("lifeboat.yaml");
  const good = await readFile(config, "utf8");
  await writeFile(config, `${good}\nreplicas:\n${replica("near", near)}${replica("far", far)}`);
  // The container that served the test before keeps its own configuration.
  await forgetContainer();
  const invoked = await invoke(verify, { cluster: "prod", id: RECENT_ID });
  expect(invoked.failure).toBeUndefined();
  expect(invoked.outcome).toMatchObject({
    replicas: [
      { replica: "near", outcome: "copied" },
      { replica: "far", outcome: "failed" },
    ],
  });
  expect(invoked.metrics).toEqual(asMetrics({ Verified: 1, ReplicaFailed: 1, VerifyFailed: 0 }));
  expect(invoked.lines.map(({ message }) => message)).toEqual(
    expect.arrayContaining([`prod/${RECENT_ID} in the replica near: copied`, saying(`prod/${RECENT_ID} in the replica far: `)]),
  );
  await expectNoSecret(invoked);
  const listed = await place.here("ls", "prod", "--json");
  expect(listed.stdout).toContain('"near"');
  await writeFile(config, good);
});

test("failures are named by their codes, so that a state machine can tell which to try again", async () => {
  const missing = await invoke(verify, { cluster: "prod", id: "20260101T000000Z" });
  expect(missing.failure).toMatchObject({ name: "ref/not-found", message: saying("20260101T000000Z") });
  expect(missing.metrics).toEqual(asMetrics({ VerifyFailed: 1, KeyUnusable: 0 }));
  const strange = await invoke(backup, { cluster: "prod", slot: "tomorrow" });
  expect(strange.failure).toMatchObject({ name: "usage", message: saying('slot: "tomorrow" is not a UTC time') });
  expect(strange.metrics).toEqual(asMetrics({ BackupFailed: 1, KeyUnusable: 0 }));
  expect(await invoke(backup, { slot: RECENT_SLOT })).toMatchObject({ failure: { name: "usage" }, metrics: [] });
  expect((await invoke(backup, { cluster: "staging" })).failure).toMatchObject({
    name: "config/not-found",
    message: saying("no cluster staging"),
  });

  vi.stubEnv("ETCD_PASSWORD", "another-password");
  const refused = await invoke(backup, { cluster: "prod" });
  expect(refused.failure).toMatchObject({ name: "etcd/auth" });
  expect(refused.lines.at(-1)).toMatchObject({ level: "ERROR", message: "failed", code: "etcd/auth", retryable: false, hint: saying("") });
  expect(refused.metrics).toEqual(asMetrics({ BackupFailed: 1, KeyUnusable: 0 }));
  expect(refused.text).not.toContain("another-password");
  // The secret is read anew at each invocation.
  vi.stubEnv("ETCD_PASSWORD", ROOT_PASSWORD);
  expect((await invoke(backup, { cluster: "prod" })).failure).toBeUndefined();
});

test("a warm container keeps its configuration until an invocation fails", async () => {
  const config = place.path("lifeboat.yaml");
  const good = await readFile(config, "utf8");
  expect((await invoke(backup, { cluster: "prod", slot: RECENT_SLOT })).failure).toBeUndefined();
  await writeFile(config, good.replace(/^version: 1/m, "version: 2"));
  expect((await invoke(backup, { cluster: "prod", slot: RECENT_SLOT })).failure).toBeUndefined();
  expect((await invoke(backup, { cluster: "staging" })).failure).toMatchObject({ name: "config/not-found" });
  expect((await invoke(backup, { cluster: "prod", slot: RECENT_SLOT })).failure).toMatchObject({
    name: "config/invalid",
    message: saying("expected 1"),
  });
  await writeFile(config, good);
  expect((await invoke(backup, { cluster: "prod", slot: RECENT_SLOT })).failure).toBeUndefined();
});

test("a run whose time is up throws its upload away, tells the log, and the next one works", async () => {
  await fill(cluster, 30);
  const slot = slotBefore(10);
  const owner = gateway.client();
  const uploads = async (): Promise<number> => (await owner.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads?.length ?? 0;
  const stalled = Promise.withResolvers<void>();
  await using proxy = await tcpProxy(cluster.endpoints[0] ?? "", { stallAfter: 24_000_000, onFault: stalled.resolve });
  const config = place.path("lifeboat.yaml");
  const good = await readFile(config, "utf8");
  await writeFile(config, good.replace(cluster.endpoints[0] ?? "", proxy.url));
  const running = invoke(backup, { cluster: "prod", slot: slot.time }, 10_000);
  await stalled.promise;
  await vi.waitFor(async () => expect(await uploads()).toBe(1), 3000);
  const { failure, lines, metrics, ...invoked } = await running;
  expect(failure).toMatchObject({ name: "deadline", message: saying("time was nearly up after 5 s") });
  expect(lines.at(-1)).toMatchObject({ code: "deadline", retryable: false });
  expect(metrics).toEqual(asMetrics({ BackupFailed: 1 }));
  await expectNoSecret({ ...invoked, failure, lines, metrics });
  expect(await uploads()).toBe(0);
  owner.destroy();
  const listed = await place.here("ls", "prod");
  expect(listed.stdout).not.toContain(slot.id);
  await writeFile(config, good);
  expect((await place.here("custody", "prod")).stdout).toContain(`interrupted: put of clusters/prod/data/${slot.id}`);
  expect((await invoke(backup, { cluster: "prod", slot: slot.time })).outcome).toMatchObject({
    existing: false,
    proof: "proven",
  });
  expect(await place.here("custody", "prod", "--verify")).toMatchObject({ code: 0 });
});
