import { randomBytes } from "node:crypto";
import {
  DeleteObjectCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectLockConfigurationCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startMiniStack, type MiniStack } from "../../../tools/lab/ministack.ts";
import { startVersityGateway, type VersityGateway } from "../../../tools/lab/versitygw.ts";
import { collect, failureOf, inChunks, keys, once, read, text } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";
import { faultProxy } from "./fault-proxy.ts";
import { makeBucket, openStore, ownerOf, SMALL_PARTS, type S3Server } from "./s3-under-test.ts";

/** What a store can do and cannot: versions, locks, encryption, conditions, owners. */

let gateway: VersityGateway;
let ministack: MiniStack;
let emulated: S3Server;
beforeAll(async () => {
  [gateway, ministack] = await Promise.all([startVersityGateway(), startMiniStack()]);
  // It takes any credentials.
  emulated = { endpoint: ministack.endpoint, region: ministack.region, credentials: { accessKeyId: "test", secretAccessKey: "test" } };
});
afterAll(() => Promise.all([gateway.stop(), ministack.stop()]));

async function asOwner<T>(server: S3Server, work: (client: S3Client) => Promise<T>): Promise<T> {
  const client = ownerOf(server);
  try {
    return await work(client);
  } finally {
    client.destroy();
  }
}

const LARGE = randomBytes(SMALL_PARTS.partBytes + 1000);

describe.each(["versitygw", "MiniStack"])("versions and locks on %s", (name) => {
  const server = (): S3Server => (name === "versitygw" ? gateway : emulated);

  test("a receipt names the version, which is read also once another stands under the key", async () => {
    const bucket = await makeBucket(server(), { lock: true });
    const { store } = openStore(server(), bucket);
    const first = await store.put("k", inChunks(LARGE, [700_001]));
    const second = await store.put("k", once("second"));
    expect(new Set([first.version, second.version, undefined]).size).toBe(3);
    expect((await store.head("k"))?.version).toBe(second.version);
    const { version } = first;
    expect(await store.head("k", { version })).toMatchObject({ bytes: LARGE.length, version });
    expect(Buffer.concat(await Array.fromAsync(store.get("k", { version }))).equals(LARGE)).toBe(true);
    expect(await text(store, "k")).toBe("second");
  });

  test.each([true, false])("a version that another store gave is not there, whatever its form (versions here: %s)", async (versions) => {
    const bucket = await makeBucket(server(), { lock: versions });
    const { store } = openStore(server(), bucket);
    const { version: ours } = await store.put("k", once("content"));
    for (const version of ["3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY", "01KAJ2F4T2X0C8W7H6YJ9Q5Z3E", "not a version", "0"])
      expect(await store.head("k", { version }), version).toBeUndefined();
    expect(await store.head("k")).toMatchObject({ bytes: 7, ...(ours === undefined ? {} : { version: ours }) });
  });

  test("what is put is locked for so many days, small or large, and cannot be removed for good", async () => {
    const bucket = await makeBucket(server(), { lock: true });
    const { store } = openStore(server(), bucket, { lock: { mode: "governance", days: 3 } });
    const receipts = [
      await store.put("small", once("x"), { ifAbsent: true }),
      await store.put("large", inChunks(LARGE, [700_001]), { ifAbsent: true }),
    ];
    for (const { key, version: VersionId } of receipts) {
      const { Retention } = await asOwner(server(), (owner) =>
        owner.send(new GetObjectRetentionCommand({ Bucket: bucket, Key: key, VersionId })),
      );
      expect(Retention?.Mode, key).toBe("GOVERNANCE");
      const days = ((Retention?.RetainUntilDate?.getTime() ?? 0) - Date.now()) / 86_400_000;
      expect(days, key).toBeGreaterThan(2.99);
      expect(days, key).toBeLessThanOrEqual(3);
      const removal = asOwner(server(), (owner) => owner.send(new DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId })));
      expect(await failureOf(removal), key).toMatchObject({ name: "AccessDenied" });
    }
    // Nor by the store itself, which does not hide it either.
    const refusal = { code: "store/locked", lock: { until: expect.any(Date) as unknown, legalHold: false } };
    for (const options of [{}, { version: receipts[1]?.version }])
      expect(await failureOf(store.remove("large", options))).toMatchObject(refusal);
    expect(await keys(store, "")).toEqual(["large", "small"]);
    expect(await collect(store.listVersions("large"))).toMatchObject([{ isLatest: true, isDeleteMarker: false }]);
  });

  test.each([true, false])("every object is listed once, on however many pages (versions: %s)", async (lock) => {
    const { store } = openStore(server(), await makeBucket(server(), { lock }), {}, {}, 2);
    const put = ["a/1", "a/2", "a/3", "a/4", "a/5"];
    for (const key of put) await store.put(key, once(key));
    expect((await collect(store.listVersions("a/"))).map(({ key }) => key)).toEqual(put);
  });

  test("a bucket without locks is asked for them once, and one that has them each time", async () => {
    for (const lock of [false, true]) {
      await using proxy = await faultProxy(server().endpoint, 0);
      const { store } = openStore({ ...server(), endpoint: proxy.url }, await makeBucket(server(), { lock }));
      const { version } = await store.put("k", once("x"));
      proxy.mend();
      for (let time = 1; time <= 3; time++) expect(await store.lockOf("k", { version })).toBeUndefined();
      expect(proxy.calls, String(lock)).toHaveLength(lock ? 6 : 2);
    }
  });

  test("what the bucket locks by itself is named as locked, also where the store shows no end of it", async () => {
    const bucket = await makeBucket(server(), { lock: true });
    const Rule = { DefaultRetention: { Mode: "GOVERNANCE" as const, Days: 1 } };
    await asOwner(server(), (owner) =>
      owner.send(
        new PutObjectLockConfigurationCommand({ Bucket: bucket, ObjectLockConfiguration: { ObjectLockEnabled: "Enabled", Rule } }),
      ),
    );
    const { store } = openStore(server(), bucket);
    await store.put("k", once("x"));
    expect(await failureOf(store.remove("k"))).toMatchObject({
      code: "store/locked",
      message: saying(name === "versitygw" ? "the store does not say until when" : "is locked until 20"),
      hint: saying("try again after that"),
    });
    expect(await keys(store, "")).toEqual(["k"]);
  });

  test("a bucket without Object Lock is refused where the configuration asks for it, before a byte is taken", async () => {
    const { store } = openStore(server(), await makeBucket(server()), { lock: { mode: "compliance", days: 1 } });
    await expect(store.put("k", once("x"))).rejects.toMatchObject({
      code: "store/failed",
      message: saying("has no Object Lock, which store.lock in the configuration asks for"),
      hint: saying("make a bucket with Object Lock"),
    });
    expect(await keys(store, "")).toEqual([]);
  });
});

test("a store that does not encrypt is refused where the configuration asks for it, and nothing is left of the question", async () => {
  const bucket = await makeBucket(gateway);
  const { store } = openStore(gateway, bucket, { sse: { kmsKey: "alias/bucket" } });
  await expect(store.put("k", once("x"))).rejects.toMatchObject({
    code: "store/failed",
    message: saying("does not encrypt by KMS, which store.sse in the configuration asks for"),
  });
  const { Uploads } = await asOwner(gateway, (owner) => owner.send(new ListMultipartUploadsCommand({ Bucket: bucket })));
  expect([Uploads ?? [], await keys(store, "")]).toEqual([[], []]);
});

test("what is put is encrypted under the key that the configuration names", async () => {
  const bucket = await makeBucket(emulated);
  const { store } = openStore(emulated, bucket, { sse: { kmsKey: "alias/bucket" } });
  await store.put("small", once("x"));
  await store.put("large", inChunks(LARGE, [700_001]));
  for (const Key of ["small", "large"]) {
    const head = await asOwner(emulated, (owner) => owner.send(new HeadObjectCommand({ Bucket: bucket, Key })));
    expect(head.ServerSideEncryption, Key).toBe("aws:kms");
    expect(head.SSEKMSKeyId, Key).toContain("bucket");
  }
  expect((await read(store, "large")).equals(LARGE)).toBe(true);
});

test("a store that ignores If-None-Match is refused at the first put that relies on it, and nothing is left", async () => {
  // The emulator checks no signature, so a header can be taken away on the way: what remains is a store without conditional writes.
  await using proxy = await faultProxy(emulated.endpoint, 0, ["if-none-match"]);
  const bucket = await makeBucket(emulated);
  const { store } = openStore({ ...emulated, endpoint: proxy.url }, bucket);
  for (const key of ["first", "second"])
    await expect(store.put(key, once("x"), { ifAbsent: true })).rejects.toMatchObject({
      code: "store/failed",
      message: saying("ignores If-None-Match: two backups could take one slot there"),
      hint: saying("use a store that has conditional writes"),
    });
  expect(await keys(store, "")).toEqual([]);
});

test("a store is asked once for what it can do, and what it showed by refusing is believed", async () => {
  await using proxy = await faultProxy(gateway.endpoint, 0);
  const bucket = await makeBucket(gateway);
  const server = { ...gateway, endpoint: proxy.url };
  const { store } = openStore(server, bucket);
  for (const key of ["a", "b", "c"]) await store.put(key, once("x"), { ifAbsent: true });
  expect(proxy.calls).toEqual(["PutObject", "PutObject", "PutObject", "PutObject"]);
  proxy.mend();
  const another = openStore(server, bucket).store;
  await expect(another.put("a", once("y"), { ifAbsent: true })).rejects.toMatchObject({ code: "store/exists" });
  await another.put("d", once("x"), { ifAbsent: true });
  expect(proxy.calls).toEqual(["PutObject", "HeadObject", "PutObject"]);
  expect(await text(store, "a")).toBe("x");
});

test("the bucket's expected owner is sent with every call", async () => {
  const owners = new Set<string | undefined>();
  await using proxy = await faultProxy(emulated.endpoint, 0, [], ({ headers }) => {
    const owner = headers["x-amz-expected-bucket-owner"];
    owners.add(Array.isArray(owner) ? owner.join() : owner);
  });
  const bucket = await makeBucket(emulated, { lock: true });
  const lock = { mode: "governance", days: 1 } as const;
  const { store } = openStore({ ...emulated, endpoint: proxy.url }, bucket, {
    expectedBucketOwner: "000000000000",
    lock,
    sse: { kmsKey: "k" },
  });
  await store.put("small", once("x"), { ifAbsent: true });
  await store.put("large", inChunks(LARGE, [700_001]), { ifAbsent: true });
  await store.checksum("large");
  await read(store, "large");
  await keys(store, "");
  const broken = (async function* () {
    yield LARGE;
    for await (const { id } of store.listUnfinished()) await store.removeUnfinished(id);
    throw new Error("over");
  })();
  await expect(store.put("broken", broken)).rejects.toThrow("over");
  expect(await failureOf(store.remove("small"))).toMatchObject({ code: "store/locked" });
  expect(await collect(store.listFolders(""))).toEqual([]);
  await store.extendLock("small", undefined, new Date(Date.now() + 3 * 86_400_000));
  expect(owners).toEqual(new Set(["000000000000"]));
  expect(new Set(proxy.calls).size).toBeGreaterThanOrEqual(11);
});

test("an object that is replaced while it is read is never spliced", async () => {
  await using proxy = await faultProxy(gateway.endpoint, 0);
  const bucket = await makeBucket(gateway);
  const { store } = openStore({ ...gateway, endpoint: proxy.url }, bucket);
  await store.put("k", once("a".repeat(1000)));
  proxy.inject("GetObject", 1, "half an answer");
  const seen: Buffer[] = [];
  const reading = (async () => {
    for await (const chunk of store.get("k")) {
      seen.push(Buffer.from(chunk));
      await asOwner(gateway, (owner) => owner.send(new PutObjectCommand({ Bucket: bucket, Key: "k", Body: "b".repeat(1000) })));
    }
  })();
  expect(await failureOf(reading)).toMatchObject({
    code: "store/failed",
    message: saying("was replaced or removed while it was read, at byte 500"),
  });
  expect(Buffer.concat(seen).toString()).toBe("a".repeat(500));
});

test("a put whose answer was lost makes one version where it waits for absence", async () => {
  await using proxy = await faultProxy(gateway.endpoint, 0);
  const bucket = await makeBucket(gateway, { lock: true });
  const { store } = openStore({ ...gateway, endpoint: proxy.url }, bucket);
  proxy.inject("PutObject", 1, "lost answer");
  const receipt = await store.put("k", once("x"), { ifAbsent: true });
  expect(proxy.hits).toBe(1);
  const { Versions } = await asOwner(gateway, (owner) => owner.send(new ListObjectVersionsCommand({ Bucket: bucket })));
  expect(Versions?.map(({ VersionId }) => VersionId)).toEqual([receipt.version]);
});
