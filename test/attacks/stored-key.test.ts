import { describe, expect, test } from "vitest";
import { readManifest } from "../../shared/vault/catalog.ts";
import { copySnapshot } from "../../shared/jobs/copy/snapshot.ts";
import { sweepOrphans } from "../../shared/jobs/orphans/sweep.ts";
import { verifyShallow } from "../../shared/jobs/verify/verify.ts";
import { custodyKey, dataKey, manifestKey, verifiedKey } from "../../shared/documents/layout.ts";
import { MemoryBlobStore } from "../doubles/memory-blob-store.ts";
import { failureOf } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";
import { useBuiltVault } from "../support/use-vault.ts";
import { backUp, bytesAt, CLUSTER, plant, rewrite, sealedObject } from "../support/vaults.ts";

/** A stolen writer signs a manifest whose data is an object that is not its own: another snapshot's, or one of the custody log. */

/** The victim, and the snapshot whose manifest the thief signs anew. */
const { vault, built } = useBuiltVault(async (first) => {
  await backUp(first, { cluster: "staging" });
  const victim = (await backUp(first)).manifest;
  first.clock.advance(1000);
  return { victim, own: (await backUp(first)).manifest };
});

const name = (key: string): Promise<void> =>
  rewrite(vault, "snapshot", manifestKey(CLUSTER, built.own.id), (each) => ({
    ...each,
    stored: { ...sealedObject(built.own.stored), key },
  }));

const others: readonly [string, () => string][] = [
  ["another snapshot's data", () => sealedObject(built.victim.stored).key],
  ["another cluster's data", () => [...vault.blobs.objects.keys()].find((key) => key.startsWith("clusters/staging/data/")) ?? ""],
  ["data of another ordinal of its own second", () => dataKey(CLUSTER, `${built.own.id}-2`, "0badcafe")],
  ["a record of the custody log", () => custodyKey(CLUSTER, 7)],
  ["a countersignature", () => verifiedKey(CLUSTER, built.own.id, built.own.id)],
  ["a manifest", () => manifestKey(CLUSTER, built.victim.id)],
  ["something outside of data", () => `clusters/prod/database/${built.own.id}-0badcafe.age`],
  ["something below another folder of data", () => `clusters/prod/data/x/${built.own.id}-0badcafe.age`],
];

describe("a manifest that names", () => {
  test.each(others)("%s is not believed, rightly signed though it is", async (_what, key) => {
    await name(key());
    const refusal = { code: "verify/format", message: saying("it is not the key of this snapshot's own data") };
    expect(await failureOf(readManifest(vault, CLUSTER, built.own.id))).toMatchObject(refusal);
    expect(await failureOf(verifyShallow(vault, `${CLUSTER}/${built.own.id}`))).toMatchObject(refusal);
  });
});

describe("what holds such a manifest all the same", () => {
  const refusal = { code: "verify/format", message: saying("nothing is written or removed there"), hint: saying("replace that key") };

  test.each(others)("does not remove %s", async (_what, key) => {
    const before = [...vault.blobs.objects.keys()];
    expect(await failureOf(vault.snapshots.remove(built.own, { ...sealedObject(built.own.stored), key: key() }))).toMatchObject(refusal);
    expect([...vault.blobs.objects.keys()]).toEqual(before);
  });

  test.each(others)("does not copy to the place of %s in a replica", async (_what, key) => {
    const forged = { ...built.own, stored: { ...sealedObject(built.own.stored), key: key() } };
    plant(vault, key(), bytesAt(vault, sealedObject(built.own.stored).key));
    const blobs = new MemoryBlobStore(vault.clock);
    const found = { manifest: forged, digest: (await readManifest(vault, CLUSTER, built.own.id)).digest };
    expect(await failureOf(copySnapshot(vault, found, { name: "far", blobs }, { purpose: "audit" }))).toMatchObject(refusal);
    expect([...blobs.objects.keys()]).toEqual([]);
  });
});

test("its own data is removed as ever", async () => {
  await vault.snapshots.remove(built.own, built.own.stored);
  expect(vault.blobs.objects.has(sealedObject(built.own.stored).key)).toBe(false);
});

test("a sweep removes nothing but data", async () => {
  const key = custodyKey(CLUSTER, 1);
  const left = { bytes: 1, modified: vault.clock.now(), reason: "said so" };
  const versions = await Array.fromAsync(vault.blobs.listVersions(key));
  const orphan = { kind: "data", cluster: CLUSTER, key, versions, lock: undefined, ...left } as const;
  await expect(sweepOrphans(vault, [orphan], { swept: () => undefined, locked: () => undefined })).rejects.toThrow(
    "is no data object of prod",
  );
  expect(vault.blobs.objects.has(key)).toBe(true);
});
