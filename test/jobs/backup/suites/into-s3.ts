import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isLifeboatError } from "../../../../shared/errors.ts";
import { verifyDeep } from "../../../../shared/jobs/verify/verify.ts";
import type { BackupResult } from "../../../../shared/jobs/backup/backup.ts";
import { backup } from "../../../../shared/jobs/backup/backup.ts";
import { SealedStore } from "../../../../shared/store/sealed/sealed-store.ts";
import { systemClock } from "../../../../shared/system-clock.ts";
import { startVersityGateway, type VersityGateway } from "../../../../tools/lab/versitygw.ts";
import { RecordedProgress } from "../../../doubles/recorded-progress.ts";
import { ScriptedEtcd } from "../../../doubles/scripted-etcd.ts";
import { FAULTS, faultProxy, type Fault, type FaultProxy } from "../../../store/s3/fault-proxy.ts";
import { openStore, SMALL_PARTS, type OpenedStore } from "../../../store/s3/s3-under-test.ts";
import { collect, keys as keysIn } from "../../../support/blobs.ts";
import { RECENT_ID, RECENT_SLOT } from "../../../support/recent-slot.ts";
import { randomSnapshot } from "../../../support/snapshots.ts";
import { bothPorts, CLUSTER, LIMITS, makeTestKeys, newVault, POLICY, RPO_MS } from "../../../support/vaults.ts";
import type { TestKeys, TestVault } from "../../../support/vaults.ts";

/**
 * A whole backup into S3 with a fault at a request that it makes, taken from what it really makes in a run without faults. `npm test` lets each kind of request
 * meet a fault; `npm run test:exhaustive` each request.
 */

const IDLE_MS = 400;
const SLOT = new Date(RECENT_SLOT);

let gateway: VersityGateway;
let proxy: FaultProxy;
let bucket: string;
let keys: TestKeys;
let snapshot: Buffer;
beforeAll(async () => {
  [gateway, keys] = await Promise.all([startVersityGateway(), makeTestKeys()]);
  proxy = await faultProxy(gateway.endpoint, IDLE_MS / 2);
  bucket = await gateway.makeBucket();
  // Random bytes do not compress: a whole part and some more.
  snapshot = randomSnapshot(SMALL_PARTS.partBytes + 300_000);
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await Promise.all([gateway.stop(), keys.remove()]);
});

type S3Vault = Omit<TestVault, "blobs" | "clock"> & { readonly blobs: OpenedStore["store"]; readonly clock: typeof systemClock };

/** Two ways to one place that no other test uses: through the proxy, and behind its back. */
function place(): { readonly faulty: S3Vault; readonly sound: S3Vault; readonly close: () => void } {
  const prefix = `${randomBytes(6).toString("hex")}/`;
  proxy.mend();
  const vaultOn = (opened: OpenedStore): S3Vault => {
    const snapshots = new SealedStore({ blobs: opened.store, keys: keys.ring, breakGlass: [keys.breakGlass.recipient], randomBytes });
    return { ...newVault(keys), blobs: opened.store, ...bothPorts(snapshots), clock: systemClock, progress: new RecordedProgress() };
  };
  const ways = [
    openStore({ ...gateway, endpoint: proxy.url }, bucket, { prefix }, { idleMs: IDLE_MS, attempts: 4 }),
    openStore(gateway, bucket, { prefix }),
  ] as const;
  return { faulty: vaultOn(ways[0]), sound: vaultOn(ways[1]), close: () => ways.forEach((way) => way.close()) };
}

function backUpInto(vault: S3Vault): Promise<BackupResult> {
  const etcd = new ScriptedEtcd([{ number: 1, snapshots: [[{ send: snapshot }]] }]);
  return backup({ ...vault, etcd }, { cluster: CLUSTER, slot: SLOT, rpoMs: RPO_MS, limits: LIMITS, policy: POLICY });
}

/** No snapshot or a whole one; the slot can be run again; and after a sweep there is no upload that nobody finished. */
async function expectWhole(sound: S3Vault, isCommitted: boolean): Promise<void> {
  expect(await keysIn(sound.blobs, "clusters/prod/snapshots/")).toHaveLength(Number(isCommitted));
  expect(await backUpInto(sound)).toMatchObject({ existing: isCommitted });
  expect(await verifyDeep(sound, `${CLUSTER}/latest`)).toMatchObject({ manifest: { id: RECENT_ID } });
  for (const { id } of await collect(sound.blobs.listUnfinished())) await sound.blobs.removeUnfinished(id);
  expect(await collect(sound.blobs.listUnfinished())).toEqual([]);
}

/** How often a first backup asks for what: parts go side by side, so their order is left open. */
const CALLS: Readonly<Record<string, number>> = {
  CreateMultipartUpload: 1,
  UploadPart: 2,
  CompleteMultipartUpload: 1,
  PutObject: 5,
  HeadObject: 1,
  GetObject: 2,
  ListObjectsV2: 8,
};

test("the calls below are those that a first backup makes", async () => {
  const { faulty, sound, close } = place();
  expect(await backUpInto(faulty)).toMatchObject({ existing: false });
  const counts: Record<string, number> = {};
  for (const call of proxy.calls) counts[call] = (counts[call] ?? 0) + 1;
  expect(counts).toEqual(CALLS);
  await expectWhole(sound, true);
  close();
});

const EVERY = Object.entries(CALLS).flatMap(([operation, count]) =>
  Array.from({ length: count }, (_, index) => [operation, index + 1] as const),
);

/** The last of each kind. */
const SOME = Object.entries(CALLS);

const LASTING = ["cut", "lost answer", "503 SlowDown"] as const;

/** Each request with a fault; the faults take turns, and each comes up. */
function inTurns<F extends Fault>(requests: typeof EVERY, faults: readonly F[]): readonly (readonly [F, string, number])[] {
  return Array.from({ length: Math.max(requests.length, faults.length) }, (_, index) => {
    const [operation, ordinal] = requests[index % requests.length] as (typeof EVERY)[number];
    return [faults[index % faults.length] as F, operation, ordinal] as const;
  });
}

// test/store/s3/faults.exhaustive.test.ts tries every fault at every request of the store; here each request of the whole backup meets one kind, and every kind some requests.
export function intoS3Tests({ all }: { readonly all: boolean }): void {
  const requests = all ? EVERY : SOME;

  test.each(inTurns(requests, FAULTS))("%s at %s %i: the backup goes through", async (fault, operation, ordinal) => {
    const { faulty, sound, close } = place();
    proxy.inject(operation, ordinal, fault);
    expect(await backUpInto(faulty)).toMatchObject({ existing: false });
    expect(proxy.hits).toBe(1);
    await expectWhole(sound, true);
    close();
  });

  test.each(inTurns(requests, LASTING))(
    "%s from %s %i on: the backup fails as a whole or succeeds as one",
    async (fault, operation, ordinal) => {
      const { faulty, sound, close } = place();
      proxy.inject(operation, ordinal, fault, Infinity);
      const outcome = await backUpInto(faulty).catch((error: unknown) => error);
      expect(proxy.hits).toBeGreaterThan(0);
      const isFailure = outcome instanceof Error;
      if (isFailure) expect(isLifeboatError(outcome, "store/failed") && outcome.retryable).toBe(true);
      proxy.mend();
      // What took effect without an answer may stand, and is then the slot's.
      const stands = (await keysIn(sound.blobs, "clusters/prod/snapshots/")).length === 1;
      if (!isFailure || fault !== "lost answer") expect(stands).toBe(!isFailure);
      await expectWhole(sound, stands);
      close();
    },
  );
}
