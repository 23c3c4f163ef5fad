import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isLifeboatError } from "../../../../shared/errors.ts";
import type { BlobStore } from "../../../../shared/store/blob-store.ts";
import { startVersityGateway, type VersityGateway } from "../../../../tools/lab/versitygw.ts";
import { collect, failureOf, inChunks, keys, once, read, text } from "../../../support/blobs.ts";
import { FAULTS, faultProxy, type Fault, type FaultProxy } from "../fault-proxy.ts";
import { openStore, SMALL_PARTS, type OpenedStore } from "../s3-under-test.ts";

/**
 * Faults at the requests that the store makes, taken from what it really makes in a run without faults. `npm test` lets each request meet one fault, and each
 * fault some requests; `npm run test:exhaustive` lets every request meet every fault.
 */

const IDLE_MS = 400;
const FULL_PART = randomBytes(SMALL_PARTS.partBytes);
const LARGE = Buffer.concat([FULL_PART, randomBytes(100_000)]);

let gateway: VersityGateway;
let proxy: FaultProxy;
let bucket: string;
beforeAll(async () => {
  gateway = await startVersityGateway();
  proxy = await faultProxy(gateway.endpoint, IDLE_MS / 2);
  bucket = await gateway.makeBucket();
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await gateway.stop();
});

/** Two stores on one place that no other test uses: through the proxy, and behind its back. */
function place({ attempts = 4 } = {}): { readonly faulty: OpenedStore; readonly sound: OpenedStore } {
  const prefix = `${randomBytes(6).toString("hex")}/`;
  proxy.mend();
  return {
    faulty: openStore({ ...gateway, endpoint: proxy.url }, bucket, { prefix }, { idleMs: IDLE_MS, attempts }),
    sound: openStore(gateway, bucket, { prefix }),
  };
}

/** All that jobs do with a store. */
async function everything(store: BlobStore): Promise<void> {
  await store.put("m/small.json", once("small"), { ifAbsent: true });
  expect(await store.put("d/large.age", inChunks(LARGE, [1_000_003]), { ifAbsent: true })).toMatchObject({ bytes: LARGE.length });
  expect(await failureOf(store.put("m/small.json", once("other"), { ifAbsent: true }))).toMatchObject({ code: "store/exists" });
  expect(await store.head("d/large.age")).toMatchObject({ bytes: LARGE.length });
  expect(await store.checksum("d/large.age")).toBe(crc32(LARGE));
  expect((await read(store, "d/large.age")).equals(LARGE)).toBe(true);
  expect((await read(store, "d/large.age", { start: 5, end: 2_000_005 })).equals(LARGE.subarray(5, 2_000_005))).toBe(true);
  expect(await keys(store, "")).toEqual(["d/large.age", "m/small.json"]);
  await store.remove("m/small.json");
  const broken = (async function* () {
    yield FULL_PART;
    // Only a part that is on its way has to be called back.
    while (proxy.calls.filter((call) => call === "UploadPart").length < 3) await setImmediate();
    throw new Error("the member went away");
  })();
  await expect(store.put("d/broken.age", broken, { ifAbsent: true })).rejects.toThrow("the member went away");
  expect(await keys(store, "")).toEqual(["d/large.age"]);
}

/** Nothing that is half, and after a sweep nothing of what was not finished. */
async function expectWhole(sound: BlobStore): Promise<void> {
  for (const { key, bytes } of await collect(sound.list(""))) {
    if (key.startsWith("m/")) expect(await text(sound, key)).toBe("small");
    else expect({ key, bytes, crc: crc32(await read(sound, key)) }).toEqual({ key, bytes: LARGE.length, crc: crc32(LARGE) });
  }
  for (const { id } of await collect(sound.listUnfinished())) await sound.removeUnfinished(id);
  expect(await collect(sound.listUnfinished())).toEqual([]);
}

/** What a run without faults asks for, and how often at least: parts go side by side, so their order is left open. */
const CALLS: Readonly<Record<string, number>> = {
  PutObject: 3,
  CreateMultipartUpload: 2,
  UploadPart: 3,
  CompleteMultipartUpload: 1,
  AbortMultipartUpload: 1,
  HeadObject: 3,
  GetObject: 2,
  ListObjectsV2: 2,
  ListObjectVersions: 1,
  DeleteObject: 1,
};

test("the calls below are those that the store makes", async () => {
  const { faulty } = place();
  await everything(faulty.store);
  const counts: Record<string, number> = {};
  for (const call of proxy.calls) counts[call] = (counts[call] ?? 0) + 1;
  expect(counts).toEqual(CALLS);
});

const EVERY = Object.entries(CALLS).flatMap(([operation, count]) =>
  Array.from({ length: count }, (_, index) => [operation, index + 1] as const),
);

const LASTING = ["cut", "lost answer", "half an answer", "500", "503 SlowDown", "stall"] as const;

/** Each of `ones` with each of `others`; or, where not all are wanted, with one of them, so that each of both comes up. */
function pairs<One, Other>(ones: readonly One[], others: readonly Other[], all: boolean): readonly (readonly [One, Other])[] {
  const count = Math.max(ones.length, others.length);
  if (!all) return Array.from({ length: count }, (_, index) => [ones[index % ones.length] as One, others[index % others.length] as Other]);
  return ones.flatMap((one) => others.map((other) => [one, other] as const));
}

export function faultsTests({ all }: { readonly all: boolean }): void {
  describe.each(pairs(EVERY, FAULTS, all))("at %s", ([operation, ordinal], fault: Fault) => {
    test(`${fault}: all goes through`, async () => {
      const { faulty, sound } = place();
      proxy.inject(operation, ordinal, fault);
      await everything(faulty.store);
      expect(proxy.hits).toBe(1);
      await expectWhole(sound.store);
      expect(await keys(sound.store, "")).toEqual(["d/large.age"]);
      faulty.close();
      sound.close();
    });
  });

  describe.each(pairs(Object.keys(CALLS), LASTING, all))("at %s", (operation, fault) => {
    test(`${fault} again and again: fails with an error of the store, or all went through; nothing is half`, async () => {
      // Each try waits for the whole idle time.
      const { faulty, sound } = place({ attempts: fault === "stall" ? 2 : 4 });
      proxy.inject(operation, 1, fault, Infinity);
      const outcome = await everything(faulty.store).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(proxy.hits).toBeGreaterThan(0);
      if (outcome !== undefined) {
        expect(isLifeboatError(outcome, "store/failed")).toBe(true);
        expect(outcome).toMatchObject({ retryable: true, message: expect.stringMatching(/^cannot .* in s3:\/\/.*: .+/) as unknown });
      }
      proxy.mend();
      await expectWhole(sound.store);
      faulty.close();
      sound.close();
    });
  });
}
