import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { dataKey, manifestKey } from "../../shared/documents/layout.ts";
import { digestOf } from "../../shared/documents/signed-document.ts";
import { verifyCustody } from "../../shared/jobs/audit/custody.ts";
import { findOrphans } from "../../shared/jobs/orphans/find.ts";
import { sweepOrphans } from "../../shared/jobs/orphans/sweep.ts";
import { verifyDeep } from "../../shared/jobs/verify/verify.ts";
import { appendRecord } from "../../shared/vault/custody/append.ts";
import type { Subjects } from "../../shared/vault/custody/append.ts";
import { once } from "../support/blobs.ts";
import { backUp, bytesAt, CLUSTER, custodyOf, makeTestKeys, newVault, sealedObject } from "../support/vaults.ts";
import type { TestKeys, TestVault } from "../support/vaults.ts";

/**
 * The thief may delete from the store, and has no key. The audit role once removed something, and said so; the thief removes something else at the same place. On the build before this test the record excused that,
 * whatever it was: `custody --verify` had no finding.
 */

const OTHER = digestOf(Buffer.from("something else"));

let keys: TestKeys;
let vault: TestVault;
let manifest: string;
let data: string;
beforeAll(async () => {
  keys = await makeTestKeys();
});
afterAll(() => keys.remove());
beforeEach(async () => {
  vault = newVault(keys, undefined, { versions: true });
  const taken = await backUp(vault);
  manifest = manifestKey(CLUSTER, taken.manifest.id);
  data = sealedObject(taken.manifest.stored).key;
  vault.clock.advance(1000);
  await verifyDeep(vault, "prod/latest");
});

const removed = (...subjects: Subjects): Promise<{ readonly sequence: number }> =>
  appendRecord(vault, CLUSTER, "audit", { event: "removed", subjects, details: { reason: "for this test" } });
const stolen = (key: string): void => expect(vault.blobs.objects.delete(key)).toBe(true);

async function findings(): Promise<readonly (readonly [string, string])[]> {
  const report = await verifyCustody(vault, CLUSTER, { onRecord: () => undefined });
  return report.findings.map(({ code, subject }) => [code, subject]);
}

test("a record of what was removed excuses exactly that", async () => {
  const named = { digest: digestOf(bytesAt(vault, manifest)), bytes: bytesAt(vault, manifest).length };
  await removed({ key: manifest, ...named }, { key: data, digest: digestOf(bytesAt(vault, data)) });
  stolen(manifest);
  stolen(data);
  expect(await findings()).toEqual([]);
});

test("a run that was killed, and whose slot another took since, is settled by the sweep of its data", async () => {
  vault.clock.advance(3_600_000);
  const put = vault.blobs.put.bind(vault.blobs);
  vault.blobs.put = async (key, ...rest) => {
    if (key.includes("/snapshots/") || custodyOf(vault).at(-1)?.event === "backup") throw new Error("killed");
    return put(key, ...rest);
  };
  await backUp(vault).catch(() => undefined);
  vault.blobs.put = put;
  const taken = await backUp(vault);
  await verifyDeep(vault, "prod/latest");
  const key = manifestKey(CLUSTER, taken.manifest.id);
  expect(await findings()).toEqual([["custody/announced-absence", key]]);
  vault.clock.advance(1000);
  const { orphans } = await findOrphans(vault, { olderThanMs: 0 });
  await sweepOrphans(vault, orphans, { swept: () => undefined, locked: () => undefined });
  expect([orphans.length, await findings()]).toEqual([1, []]);
});

describe("it does not excuse", () => {
  test("a manifest with other content at the same key", async () => {
    await removed({ key: manifest, digest: OTHER, version: "v0" });
    expect(await findings()).toEqual([]);
    stolen(manifest);
    expect(await findings()).toEqual([["custody/gone", manifest]]);
  });

  test("a manifest by the removal of its data", async () => {
    await removed({ key: data, digest: digestOf(bytesAt(vault, data)) });
    stolen(manifest);
    expect(await findings()).toEqual([["custody/gone", manifest]]);
  });

  test("other data at the same key", async () => {
    await removed({ key: data, digest: OTHER });
    stolen(data);
    expect(await findings()).toEqual([["custody/gone", data]]);
  });

  test("anything that was seen, where it names neither content nor version", async () => {
    await removed({ key: manifest }, { key: data });
    stolen(manifest);
    expect(await findings()).toEqual([["custody/gone", manifest]]);
  });

  test("what was seen there again since", async () => {
    await removed({ key: manifest, digest: digestOf(bytesAt(vault, manifest)) });
    await verifyDeep(vault, "prod/latest");
    stolen(manifest);
    expect(await findings()).toEqual([["custody/gone", manifest]]);
  });

  test("a backup that nobody saw, where the data that was removed is another's", async () => {
    vault.clock.advance(3_600_000);
    const second = await backUp(vault);
    const key = manifestKey(CLUSTER, second.manifest.id);
    const own = sealedObject(second.manifest.stored);
    stolen(key);
    await removed({ key: own.key, digest: OTHER });
    expect(await findings()).toEqual([["custody/announced-absence", key]]);
    await removed({ key: own.key, digest: own.sha256 });
    expect(await findings()).toEqual([]);
  });

  test("what a lock kept, once the log said so", async () => {
    const { sequence } = await removed({ key: manifest, digest: digestOf(bytesAt(vault, manifest)) });
    const subjects = [{ key: manifest, digest: digestOf(bytesAt(vault, manifest)) }];
    await appendRecord(vault, CLUSTER, "audit", { event: "failed", subjects, details: { code: "store/locked", of: sequence } });
    stolen(manifest);
    expect(await findings()).toEqual([["custody/gone", manifest]]);
  });
});

test("the writer's key takes nothing back that the audit role said", async () => {
  const digest = digestOf(bytesAt(vault, manifest));
  const { sequence } = await removed({ key: manifest, digest }, { key: data, digest: digestOf(bytesAt(vault, data)) });
  stolen(manifest);
  stolen(data);
  await appendRecord(vault, CLUSTER, "snapshot", { event: "failed", subjects: [{ key: manifest }], details: { of: sequence } });
  expect(await findings()).toEqual([]);
  // That it saw it again is told: either it lies, or somebody put it back and took it away again.
  await appendRecord(vault, CLUSTER, "snapshot", { event: "failed", subjects: [{ key: manifest, digest }] });
  expect(await findings()).toEqual([["custody/gone", manifest]]);
});

test("a sweep names what it removed by version, digest and size", async () => {
  const key = dataKey(CLUSTER, "20260101T000000Z", "0000000a");
  const { version } = await vault.blobs.put(key, once("left"));
  vault.clock.advance(1000);
  const { orphans } = await findOrphans(vault, { olderThanMs: 0 });
  await sweepOrphans(vault, orphans, { swept: () => undefined, locked: () => undefined });
  expect(custodyOf(vault).at(-1)?.subjects).toEqual([{ key, version, digest: digestOf(Buffer.from("left")), bytes: 4 }]);
});
