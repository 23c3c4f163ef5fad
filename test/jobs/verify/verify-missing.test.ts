import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { verifyEarlier } from "../../../functions/verify-earlier.ts";
import { LifeboatError } from "../../../shared/errors.ts";
import { verifyMissing, verifyWhereDue } from "../../../shared/jobs/verify/verify-missing.ts";
import type { MissingOutcome, MissingRequest } from "../../../shared/jobs/verify/verify-missing.ts";
import { verifyDeep } from "../../../shared/jobs/verify/verify.ts";
import { manifestKey, verifiedKey } from "../../../shared/documents/layout.ts";
import { ManualClock } from "../../doubles/manual-clock.ts";
import { failureOf } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";
import { flipped } from "../../support/snapshots.ts";
import { backUp, bytesAt, CLUSTER, makeTestKeys, newVault, plant, quarantine, sealedObject } from "../../support/vaults.ts";
import type { TestKeys, TestVault } from "../../support/vaults.ts";

const HOUR_MS = 3_600_000;
const IDS = ["20261121T100000Z", "20261121T110000Z", "20261121T120000Z", "20261121T130000Z"] as const;

let keys: TestKeys;
let vault: TestVault;
let data: string[];
let stored: TestVault["blobs"]["objects"];
beforeAll(async () => {
  keys = await makeTestKeys();
  vault = newVault(keys);
  data = [];
  for (const _ of IDS) {
    const { manifest } = await backUp(vault);
    data.push(sealedObject(manifest.stored).key);
    vault.clock.advance(HOUR_MS);
  }
  stored = new Map(vault.blobs.objects);
});
afterAll(() => keys.remove());
beforeEach(() => {
  vault = newVault(keys, "2026-11-21T14:00:00Z");
  for (const [key, kept] of stored) vault.blobs.objects.set(key, kept);
});

async function run(request?: MissingRequest): Promise<readonly string[]> {
  const told: MissingOutcome[] = [];
  for await (const each of verifyMissing(vault, CLUSTER, request)) told.push(each);
  return told.map((each) => `${each.id} ${wordFor(each)}`);
}

function wordFor(each: MissingOutcome): string {
  if ("looked" in each) return `looked at: ${each.looked.lacks.map(({ code }) => code).join()}`;
  return "verified" in each ? each.verified.lacks.map(({ code }) => code).join() || "good" : each.error.code;
}
const spoil = (index: number): void => plant(vault, data[index] ?? "", flipped(bytesAt(vault, data[index] ?? ""), 400));

test("verifies each one without a countersignature, newest first, and none again", async () => {
  await verifyDeep(vault, `prod/${IDS[2]}`);
  expect(await run()).toEqual([`${IDS[3]} good`, `${IDS[1]} good`, `${IDS[0]} good`]);
  expect(await run()).toEqual([]);
});

test("takes only those whose slot is within the time that was given", async () => {
  expect(await run({ withinMs: 2 * HOUR_MS })).toEqual([`${IDS[3]} good`, `${IDS[2]} good`]);
});

test("goes on behind one that fails, whatever it is, and countersigns one in quarantine without making it good", async () => {
  spoil(3);
  await quarantine(vault, IDS[2]);
  plant(vault, manifestKey(CLUSTER, IDS[1]), "{");
  expect(await run()).toEqual([`${IDS[3]} verify/checksum`, `${IDS[2]} quarantine`, `${IDS[1]} verify/format`, `${IDS[0]} good`]);
});

test("a countersignature that is not believed, or of another manifest, stands for nothing", async () => {
  plant(vault, verifiedKey(CLUSTER, IDS[3], "20261121T140000Z"), "{");
  await verifyDeep(vault, `prod/${IDS[2]}`);
  await quarantine(vault, IDS[2]);
  expect(await run()).toEqual([`${IDS[3]} good`, `${IDS[2]} quarantine`, `${IDS[1]} good`, `${IDS[0]} good`]);
});

test("an id in the future is not verified", async () => {
  await backUp({ ...vault, clock: new ManualClock("2030-01-01T00:00:00Z") });
  expect((await run())[0]).toBe(`${IDS[3]} good`);
});

test("an interruption ends it, between two and in the middle of one, which is then not countersigned", async () => {
  expect(await failureOf(run({ signal: AbortSignal.abort() }))).toMatchObject({ code: "interrupted" });
  const controller = new AbortController();
  vault.progress.advance = () => controller.abort();
  expect(await failureOf(run({ signal: controller.signal }))).toMatchObject({ code: "interrupted" });
  vault.progress.advance = () => undefined;
  expect(await run()).toHaveLength(IDS.length);
});

test("reads back only those that are so far from a good one, where that is asked for; the others are not good", async () => {
  const every = (hours: number): void => void Object.assign(vault, { deepEvery: () => hours * HOUR_MS });
  every(2);
  expect(await run()).toEqual([
    `${IDS[3]} good`,
    `${IDS[2]} looked at: not-countersigned`,
    `${IDS[1]} good`,
    `${IDS[0]} looked at: not-countersigned`,
  ]);
  // Those that were looked at are looked at again, and never read while their neighbours are good.
  expect(await run()).toEqual([`${IDS[2]} looked at: not-countersigned`, `${IDS[0]} looked at: not-countersigned`]);
  every(0);
  expect(await run()).toEqual([`${IDS[2]} good`, `${IDS[0]} good`]);
});

test("one that is damaged, or read back and not good, does not stand for its neighbours", async () => {
  Object.assign(vault, { deepEvery: () => 10 * HOUR_MS });
  spoil(3);
  await quarantine(vault, IDS[2]);
  expect(await run()).toEqual([
    `${IDS[3]} verify/checksum`,
    `${IDS[2]} quarantine`,
    `${IDS[1]} good`,
    `${IDS[0]} looked at: not-countersigned`,
  ]);
  expect(await run()).toEqual([`${IDS[3]} verify/checksum`, `${IDS[0]} looked at: not-countersigned`]);
});

test("one that is only looked at is still missed where its data is gone", async () => {
  await verifyDeep(vault, `prod/${IDS[3]}`);
  Object.assign(vault, { deepEvery: () => 10 * HOUR_MS });
  vault.blobs.objects.delete(data[1] ?? "");
  expect(await run()).toEqual([
    `${IDS[2]} looked at: not-countersigned`,
    `${IDS[1]} verify/missing`,
    `${IDS[0]} looked at: not-countersigned`,
  ]);
});

test("a run's own snapshot is read back where no good one is so near, and else looked at without its data", async () => {
  const verify = async (index: number): Promise<unknown> => {
    const verified = await verifyWhereDue(vault, CLUSTER, IDS[index] ?? "");
    return "countersignature" in verified ? "read" : verified.checks.join();
  };
  const looked = "signature,trust,times,presence,size,checksum";
  expect(await verify(0)).toBe("read");
  expect(await verify(0)).toBe("read");
  Object.assign(vault, { deepEvery: () => 2 * HOUR_MS });
  vault.progress.advance = () => expect.fail("the data was read");
  expect(await verify(1)).toBe(looked);
  expect(await verify(0)).toBe(looked);
  // Of what earlier runs left nothing is due.
  const leisure = { signal: new AbortController().signal, remainingMs: () => 600_000, tookMs: 1 };
  const { custody } = await verifyDeepOf(2);
  vault.progress.advance = () => expect.fail("the data was read");
  expect(await verifyEarlier(vault, CLUSTER, leisure)).toEqual({ verified: [], broken: 0, custody: undefined });
  expect(custody.sequence).toBeGreaterThan(0);
  // What was read back and is not good stands for none.
  await quarantine(vault, IDS[0]);
  await quarantine(vault, IDS[2]);
  vault.progress.advance = () => undefined;
  expect(await verify(1)).toBe("read");
  spoil(3);
  expect(await failureOf(verify(3))).toMatchObject({ code: "verify/checksum" });

  async function verifyDeepOf(index: number): ReturnType<typeof verifyDeep> {
    vault.progress.advance = () => undefined;
    return verifyDeep(vault, `prod/${IDS[index]}`);
  }
});

test("is not begun without a trusted audit key", async () => {
  const distrusting = { ...vault, trusted: { ...vault.trusted, audit: keys.trusted.snapshot } };
  const first = verifyMissing(distrusting, CLUSTER).next();
  expect(await failureOf(first)).toMatchObject({ code: "config/invalid" });
});

test("the function makes up what earlier runs missed, and tells of what is broken without failing", async () => {
  await verifyDeep(vault, `prod/${IDS[3]}`);
  spoil(1);
  const leisure = { signal: new AbortController().signal, remainingMs: () => 600_000, tookMs: 1000 };
  expect(await verifyEarlier(vault, CLUSTER, leisure)).toMatchObject({
    verified: [IDS[2], IDS[0]],
    broken: 1,
    custody: { sequence: expect.any(Number) as unknown },
  });
  expect(vault.progress.warnings).toEqual([saying(`prod/${IDS[1]}, which an earlier run did not verify: `)]);
});

test("the function begins none for which there is no time, and stops by its deadline without failing", async () => {
  const signal = new AbortController().signal;
  expect(await verifyEarlier(vault, CLUSTER, { signal, remainingMs: () => 30_000, tookMs: 20_000 })).toMatchObject({ verified: [] });
  const ended = AbortSignal.abort(new LifeboatError("interrupted", "the function's time was nearly up"));
  expect(await verifyEarlier(vault, CLUSTER, { signal: ended, remainingMs: () => 600_000, tookMs: 1 })).toMatchObject({
    verified: [],
    broken: 0,
  });
  expect(vault.progress.warnings).toEqual([saying("left for the next one")]);
});

test("a store that fails is left for the next run", async () => {
  vault.blobs.inject({ call: "list", key: /snapshots/, fault: { kind: "error" } });
  const leisure = { signal: new AbortController().signal, remainingMs: () => 600_000, tookMs: 1 };
  expect(await verifyEarlier(vault, CLUSTER, leisure)).toMatchObject({ verified: [], broken: 0 });
});
