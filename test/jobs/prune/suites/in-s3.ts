import { DeleteObjectCommand, PutObjectLegalHoldCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clusterPrefix, custodyPrefix, dataPrefix, manifestKey } from "../../../../shared/documents/layout.ts";
import { verifyCustody } from "../../../../shared/jobs/audit/custody.ts";
import { executeOrder } from "../../../../shared/jobs/prune/execute.ts";
import type { Execution, ExecuteOptions } from "../../../../shared/jobs/prune/execute.ts";
import { orderRemovals } from "../../../../shared/jobs/prune/order.ts";
import { planRemovals } from "../../../../shared/jobs/prune/plan.ts";
import type { RemovalPlan } from "../../../../shared/jobs/prune/plan.ts";
import { isLifeboatError } from "../../../../shared/errors.ts";
import type { BlobStore, BlobVersion } from "../../../../shared/store/blob-store.ts";
import { startMiniStack } from "../../../../tools/lab/ministack.ts";
import type { MiniStack } from "../../../../tools/lab/ministack.ts";
import { until } from "../../../../tools/lab/until.ts";
import { startVersityGateway } from "../../../../tools/lab/versitygw.ts";
import type { VersityGateway } from "../../../../tools/lab/versitygw.ts";
import { ManualClock } from "../../../doubles/manual-clock.ts";
import { faultProxy } from "../../../store/s3/fault-proxy.ts";
import type { Fault, FaultProxy } from "../../../store/s3/fault-proxy.ts";
import { makeBucket, openStore, ownerOf } from "../../../store/s3/s3-under-test.ts";
import type { OpenedStore, S3Server } from "../../../store/s3/s3-under-test.ts";
import { collect, once } from "../../../support/blobs.ts";
import { bytesAt, CLUSTER, makeTestKeys } from "../../../support/vaults.ts";
import type { TestKeys, TestVault } from "../../../support/vaults.ts";
import { DAY_MS, historyOf, keeping } from "../history.ts";

/** Prune on real stores: every version goes, locks hold, and a fault at any request leaves nothing that the next run does not end. */

const POLICY = { ...keeping(2), rpoMs: 1000 * DAY_MS };
const IDLE_MS = 400;

let keys: TestKeys;
let gateway: VersityGateway;
let ministack: MiniStack;
let proxy: FaultProxy;
beforeAll(async () => {
  [keys, gateway, ministack] = await Promise.all([makeTestKeys(), startVersityGateway(), startMiniStack()]);
  proxy = await faultProxy(gateway.endpoint, IDLE_MS / 2);
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await Promise.all([gateway.stop(), ministack.stop(), keys.remove()]);
});

/** MiniStack takes any credentials. */
const emulated = (): S3Server => ({
  endpoint: ministack.endpoint,
  region: ministack.region,
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
});

const four = historyOf(4);

interface Bucket {
  readonly name: string;
  readonly server: S3Server;
  readonly vault: TestVault;
  readonly store: BlobStore;
  /** Oldest first; the first two are to go. */
  readonly ids: readonly string[];
  close(): void;
}

/** Two of four snapshots are to go. Two days have passed since they were put, by the clock of the jobs. */
async function filled(server: S3Server, options: { readonly lock?: boolean } = {}): Promise<Bucket> {
  const { vault, ids } = await four(keys);
  const name = await makeBucket(server, options);
  const { store, close } = openStore(server, name);
  for (const key of vault.blobs.objects.keys()) await store.put(key, bytes(bytesAt(vault, key)));
  const clock = new ManualClock(new Date(Date.now() + 2 * DAY_MS).toISOString());
  return { name, server, vault: { ...vault, clock }, store, ids, close };
}

async function* bytes(all: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  await Promise.resolve();
  yield all;
}

const plan = ({ vault, store }: Bucket, blobs = store): Promise<RemovalPlan> =>
  planRemovals({ ...vault, blobs, replicas: [] }, CLUSTER, POLICY);
async function order(bucket: Bucket): Promise<void> {
  const ordered = await orderRemovals({ ...bucket.vault, blobs: bucket.store }, CLUSTER, await plan(bucket), { although: ["many"] });
  expect(ordered).toMatchObject({ outcome: "ordered" });
}
const execute = ({ vault, store }: Bucket, options: Partial<ExecuteOptions> = {}, blobs = store): Promise<Execution> =>
  executeOrder({ ...vault, blobs, replicas: [] }, CLUSTER, POLICY, { although: [], ...options });
const findings = async ({ vault, store }: Bucket): Promise<readonly string[]> =>
  (await verifyCustody({ ...vault, blobs: store }, CLUSTER, { onRecord: () => undefined })).findings.map(({ code }) => code);
const versions = (store: BlobStore): Promise<readonly BlobVersion[]> => collect(store.listVersions(clusterPrefix(CLUSTER)));
const sizeOf = (all: readonly BlobVersion[]): number => all.reduce((sum, each) => sum + each.bytes, 0);
const about = (all: readonly BlobVersion[], id: string): readonly BlobVersion[] =>
  all.filter(({ key }) => key.includes(`/${id}`) && !key.includes("/custody/"));

const SERVERS = [
  ["versitygw", () => gateway],
  ["MiniStack", emulated],
] as const;

export function pruneInS3Tests({ all }: { readonly all: boolean }): void {
  describe.each(SERVERS)("on %s, with versions and Object Lock", (_name, server) => {
    test("every version and delete marker of what was ordered is gone, and the bytes are those of the store's own listing", async () => {
      const bucket = await filled(server(), { lock: true });
      const { store, ids, name } = bucket;
      const [id = ""] = ids;
      const data = about(await versions(store), id).find(({ key }) => key.startsWith(dataPrefix(CLUSTER)))?.key ?? "";
      const sidecar = about(await versions(store), id).find(({ key }) => key.includes("/verified/"))?.key ?? "";
      // Written once more, and once hidden and brought back by another version.
      const owner = ownerOf(bucket.server);
      await store.put(sidecar, bytes(bytesAt(bucket.vault, sidecar)));
      await owner.send(new DeleteObjectCommand({ Bucket: name, Key: data }));
      await store.put(data, bytes(bytesAt(bucket.vault, data)));
      owner.destroy();
      const before = await versions(store);
      expect(about(before, id).length).toBeGreaterThanOrEqual(5);
      await order(bucket);
      const ordered = await versions(store);
      const done = await execute(bucket);
      const after = await versions(store);
      expect(done).toMatchObject({ refused: [], locked: [], orderRefused: undefined });
      expect(done.removed.map((each) => each.id)).toEqual(ids.slice(0, 2));
      for (const gone of ids.slice(0, 2)) expect(about(after, gone)).toEqual([]);
      expect([done.bytesBefore, done.bytesAfter]).toEqual([sizeOf(ordered), sizeOf(after)]);
      expect(done.bytesBefore - done.bytesAfter).toBe(sizeOf(ids.slice(0, 2).flatMap((each) => about(before, each))));
      expect(await findings(bucket)).toEqual([]);
      bucket.close();
    });

    test("what is locked stays whole with the time, and goes when that is past; a legal hold stays until it is lifted", async () => {
      const bucket = await filled(server(), { lock: true });
      const { store, ids, name } = bucket;
      await order(bucket);
      const [locked = "", held = ""] = ids;
      const end = new Date(Math.ceil(Date.now() / 1000) * 1000 + 4000);
      for (const each of about(await versions(store), locked)) await store.extendLock(each.key, each.version, end);
      const owner = ownerOf(bucket.server);
      const hold = async (Status: "ON" | "OFF"): Promise<void> => {
        for (const { key: Key, version: VersionId } of about(await versions(store), held))
          await owner.send(new PutObjectLegalHoldCommand({ Bucket: name, Key, VersionId, LegalHold: { Status } }));
      };
      await hold("ON");
      const before = await versions(store);
      const done = await execute(bucket);
      expect(done.removed).toEqual([]);
      expect(done.refused).toEqual([]);
      expect(done.locked.map(({ id }) => id)).toEqual([locked, held]);
      expect(done.locked[0]?.until).toEqual(end);
      expect(await versions(store)).toEqual(before);
      await hold("OFF");
      // A store that counts in whole seconds may end a lock one later.
      await until("the lock ends", 20_000, () => Date.now() > end.getTime() + 2000);
      expect((await execute(bucket)).removed.map(({ id }) => id)).toEqual([locked, held]);
      expect(await findings(bucket)).toEqual([]);
      owner.destroy();
      bucket.close();
    });

    test("locks of what is kept, and of the custody log, are renewed for all of it, and none is shortened", async () => {
      const bucket = await filled(server(), { lock: true });
      const { store, ids } = bucket;
      const [newest] = ids.slice(-1);
      const long = new Date(Math.floor(Date.now() / 1000) * 1000 + 400 * DAY_MS);
      await store.extendLock(manifestKey(CLUSTER, newest ?? ""), undefined, long);
      const done = await execute(bucket, { keptLockMs: 30 * DAY_MS });
      expect(done.locks).toEqual({ extended: 15, failed: [] });
      const least = bucket.vault.clock.now().getTime() + 30 * DAY_MS - 1000;
      for (const id of ids.slice(2))
        for (const { key, version } of about(await versions(store), id))
          expect((await store.lockOf(key, { version }))?.until?.getTime()).toBeGreaterThanOrEqual(least);
      for (const { key, version } of await collect(store.listVersions(custodyPrefix(CLUSTER))))
        expect((await store.lockOf(key, { version }))?.until?.getTime()).toBeGreaterThanOrEqual(least);
      expect((await store.lockOf(manifestKey(CLUSTER, newest ?? "")))?.until).toEqual(long);
      for (const id of ids.slice(0, 2))
        for (const { key } of about(await versions(store), id)) expect(await store.lockOf(key)).toBeUndefined();
      expect((await execute(bucket, { keptLockMs: 30 * DAY_MS })).locks.extended).toBe(0);
      bucket.close();
    });

    test("a manifest that was hidden or written once more keeps its snapshot", async () => {
      const bucket = await filled(server(), { lock: true });
      const { store, ids, name } = bucket;
      await order(bucket);
      const owner = ownerOf(bucket.server);
      await owner.send(new DeleteObjectCommand({ Bucket: name, Key: manifestKey(CLUSTER, ids[0] ?? "") }));
      owner.destroy();
      const key = manifestKey(CLUSTER, ids[1] ?? "");
      await store.put(key, once(bytesAt(bucket.vault, key).toString()));
      const before = await versions(store);
      const done = await execute(bucket);
      expect(done.removed).toEqual([]);
      expect(done.refused.map(({ reason }) => reason)).toEqual([
        expect.stringContaining("hidden behind a delete marker"),
        expect.stringContaining("written more than once"),
      ]);
      expect(await versions(store)).toEqual(before);
      bucket.close();
    });
  });

  describe.each(SERVERS)("on %s, without versions", (_name, server) => {
    test("what was ordered is gone, and its bytes with it; the log, which is kept, explains all", async () => {
      const bucket = await filled(server());
      const { store, ids } = bucket;
      const before = await versions(store);
      expect(before.map(({ version }) => version).filter((version) => version !== undefined && version !== "null")).toEqual([]);
      await order(bucket);
      const ordered = await versions(store);
      const done = await execute(bucket);
      const after = await versions(store);
      expect(done).toMatchObject({ refused: [], locked: [], orderRefused: undefined });
      expect(done.removed.map(({ id, objects }) => [id, objects.length])).toEqual(ids.slice(0, 2).map((id) => [id, 3]));
      for (const gone of ids.slice(0, 2)) expect(about(after, gone)).toEqual([]);
      for (const kept of ids.slice(2)) expect(about(after, kept)).toEqual(about(before, kept));
      expect([done.bytesBefore, done.bytesAfter]).toEqual([sizeOf(ordered), sizeOf(after)]);
      expect(await findings(bucket)).toEqual([]);
      expect(await execute(bucket)).toMatchObject({ order: undefined, removed: [], refused: [] });
      bucket.close();
    });

    test("what was replaced after the order is left alone, and named", async () => {
      const bucket = await filled(server());
      const { store, ids } = bucket;
      await order(bucket);
      const data = about(await versions(store), ids[0] ?? "").find(({ key }) => key.startsWith(dataPrefix(CLUSTER)))?.key ?? "";
      await store.put(data, once("something else"));
      const done = await execute(bucket);
      expect(done.refused).toEqual([
        { subject: `${CLUSTER}/${ids[0]}`, reason: expect.stringContaining("it was replaced since") as unknown },
      ]);
      expect(about(await versions(store), ids[0] ?? "")).toHaveLength(3);
      expect(done.removed.map(({ id, objects }) => [id, objects.length])).toEqual([[ids[1], 3]]);
      bucket.close();
    });

    test("that nothing in it can be locked is said, and what was ordered goes all the same", async () => {
      const bucket = await filled(server());
      await order(bucket);
      const done = await execute(bucket, { keptLockMs: 30 * DAY_MS });
      expect(done.removed).toHaveLength(2);
      expect(done.locks.extended).toBe(0);
      expect(new Set(done.locks.failed.map(({ message }) => message.replace(/^.* has/, "it has")))).toEqual(
        new Set(["it has no Object Lock: nothing in it can be locked"]),
      );
      bucket.close();
    });
  });

  describe("a fault at a request of the keeper, on versitygw", () => {
    /** Through the proxy; what it asks for in a run without faults is counted by the first test. */
    function faulty(bucket: Bucket, attempts = 4): OpenedStore {
      proxy.mend();
      return openStore({ ...gateway, endpoint: proxy.url }, bucket.name, {}, { idleMs: IDLE_MS, attempts });
    }

    const CALLS = { ListObjectVersions: 3, ListObjectsV2: 4, GetObject: 13, DeleteObject: 6, ListMultipartUploads: 1 } as const;
    const LASTING = [
      "cut",
      "lost answer",
      "half an answer",
      "500",
      "503 SlowDown",
      "stall",
      "slow first byte",
    ] as const satisfies readonly Fault[];

    test("the requests below are those that it makes", async () => {
      const bucket = await filled(gateway, { lock: true });
      await order(bucket);
      const { store, close } = faulty(bucket);
      await execute(bucket, {}, store);
      const asked = new Set(proxy.calls);
      for (const call of Object.keys(CALLS)) expect([...asked]).toContain(call);
      expect([...asked].filter((call) => !(call in CALLS) && call !== "HeadObject")).toEqual([]);
      expect(proxy.calls.filter((call) => call === "DeleteObject")).toHaveLength(CALLS.DeleteObject);
      close();
      bucket.close();
    });

    const DELETES = [1, 2, 3, 4, 5, 6] as const;
    const everyCase = [
      ...DELETES.flatMap((ordinal) => LASTING.map((fault) => ["DeleteObject", ordinal, fault] as const)),
      ...(["ListObjectVersions", "ListObjectsV2", "GetObject", "ListMultipartUploads"] as const).flatMap((call) =>
        LASTING.flatMap((fault) => [1, ...(CALLS[call] > 1 ? [2] : [])].map((ordinal) => [call, ordinal, fault] as const)),
      ),
    ];
    const someCases = [
      ["DeleteObject", 2, "lost answer"],
      ["DeleteObject", 5, "500"],
      ["GetObject", 1, "cut"],
    ] as const;
    test.each(all ? everyCase : someCases)(
      "%s %i, %s again and again: what stands is whole, and the next run ends it",
      async (call, ordinal, fault) => {
        const bucket = await filled(gateway, { lock: true });
        const { store: sound, ids } = bucket;
        await order(bucket);
        const { store, close } = faulty(bucket, 2);
        proxy.inject(call, ordinal, fault, Infinity);
        const outcome = await execute(bucket, {}, store).then(
          () => undefined,
          (error: unknown) => error,
        );
        expect(proxy.hits).toBeGreaterThan(0);
        if (outcome !== undefined) expect(isLifeboatError(outcome, "store/failed")).toBe(true);
        proxy.mend();
        close();
        // Whatever has a manifest has everything.
        const left = await versions(sound);
        for (const id of ids) {
          const of = about(left, id);
          if (of.some(({ key }) => key === manifestKey(CLUSTER, id))) expect([id, of.length]).toEqual([id, 3]);
          else expect(ids.indexOf(id)).toBeLessThan(2);
        }
        expect(await findings(bucket)).toEqual([]);
        const next = await execute(bucket);
        expect(next).toMatchObject({ refused: [], orderRefused: undefined, locked: [] });
        const after = await versions(sound);
        for (const id of ids.slice(0, 2)) expect(about(after, id)).toEqual([]);
        for (const id of ids.slice(2)) expect(about(after, id)).toHaveLength(3);
        expect(await findings(bucket)).toEqual([]);
        bucket.close();
      },
    );
  });
}
