import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { objectsOf } from "../../shared/documents/stored.ts";
import { copySnapshot } from "../../shared/jobs/copy/snapshot.ts";
import type { Copied } from "../../shared/jobs/copy/snapshot.ts";
import type { RepositoryMirror } from "../../shared/store/replica.ts";
import { KopiaKeys } from "../../shared/store/kopia/kopia-keys.ts";
import { KopiaStore } from "../../shared/store/kopia/kopia-store.ts";
import { newPassword, openPassword } from "../../shared/store/kopia/password.ts";
import type { WrappedPassword } from "../../shared/documents/repository.ts";
import { readManifest } from "../../shared/vault/catalog.ts";
import type { FoundManifest } from "../../shared/vault/catalog.ts";
import { putRepositoryPassword } from "../../shared/vault/repository-password.ts";
import { MemoryBlobStore } from "../doubles/memory-blob-store.ts";
import { MemoryKopia, MemoryRepository } from "../doubles/memory-kopia.ts";
import { keys as keysIn } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";
import { backUp, CLUSTER, makeTestKeys, newVault } from "../support/vaults.ts";
import type { TestKeys, TestVault } from "../support/vaults.ts";

/** What stands between a Kopia repository and its copy: the program itself runs in test/e2e/kopia-replica.live.test.ts. */

let keys: TestKeys;
beforeAll(async () => {
  keys = await makeTestKeys();
});
afterAll(() => keys.remove());

let vault: TestVault;
/** Of the replica. */
let manifests: MemoryBlobStore;
let found: FoundManifest;
let key: string;
let wrapped: WrappedPassword;
/** What was asked of the copy, and what it lists. */
let asked: string[];
let inStore: Set<string>;
let here: Set<string>;

const mirror: RepositoryMirror = {
  list: () => Promise.resolve({ inStore, here }),
  copy: ({ mustExist }) => {
    asked.push(mustExist ? "copy to what is there" : "copy");
    here = new Set(inStore);
    return Promise.resolve();
  },
  check: () => Promise.resolve(void asked.push("check")),
};

beforeEach(async () => {
  const building = newVault(keys);
  wrapped = await newPassword({ keys: keys.ring }, [keys.breakGlass.recipient], randomBytes);
  await putRepositoryPassword({ ...building, keys: keys.ring }, wrapped, { purpose: "snapshot", after: 0 });
  const kopia = new MemoryKopia(new MemoryRepository(), await openPassword(wrapped, { keys: keys.ring }), building.clock);
  await kopia.create();
  const open = async (): Promise<MemoryKopia> => kopia;
  const snapshots = new KopiaStore({ open, openWith: open, randomBytes });
  vault = { ...building, snapshots, wrappedKeys: new KopiaKeys({ keys: keys.ring }, { look: never, rewrap: never }) };
  found = await readManifest(vault, CLUSTER, (await backUp(vault)).manifest.id);
  key = objectsOf(found.manifest.stored)[0]?.key ?? "";
  manifests = new MemoryBlobStore(building.clock);
  asked = [];
  inStore = new Set([key]);
  here = new Set();
});

function never(): Promise<never> {
  return Promise.reject(new Error("nothing is wrapped anew here"));
}

function copy(): Promise<Copied> {
  return copySnapshot(vault, found, { name: "offsite", blobs: manifests, mirror }, { purpose: "audit" });
}

describe("a copy of a Kopia repository", () => {
  test("comes before the password, which says that it was there, and the manifest comes last", async () => {
    expect(await copy()).toMatchObject({ outcome: "copied", conflicts: [] });
    expect(asked).toEqual(["copy", "check"]);
    expect(await keysIn(manifests, "kopia/")).toEqual(["kopia/1.json"]);
    expect(await keysIn(manifests, `clusters/${CLUSTER}/snapshots/`)).toHaveLength(1);
    expect(await copy()).toMatchObject({ outcome: "existing", documents: 1 });
    expect(asked).toEqual(["copy", "check", "copy to what is there", "check"]);
  });

  test("that does not hold leaves no manifest", async () => {
    const failing = { ...mirror, check: () => Promise.reject(new Error("a pack is missing")) };
    const copying = copySnapshot(vault, found, { name: "offsite", blobs: manifests, mirror: failing }, { purpose: "audit" });
    await expect(copying).rejects.toThrow("a pack is missing");
    expect(await keysIn(manifests, "clusters/")).toEqual([]);
  });

  test("is not sent to the replica of another repository", async () => {
    const other = await newPassword({ keys: keys.ring }, [], randomBytes);
    await putRepositoryPassword({ ...vault, blobs: manifests }, other, { purpose: "snapshot", after: 0 });
    await expect(copy()).rejects.toMatchObject({ code: "store/other", message: saying("has the password of another Kopia repository") });
    expect(asked).toEqual([]);
  });

  test("goes where the password is wrapped in another way, and tells of it", async () => {
    const again = { ...wrapped, breakGlass: [] };
    await putRepositoryPassword({ ...vault, blobs: manifests }, again, { purpose: "audit", after: 0 });
    const { conflicts, outcome } = await copy();
    expect(outcome).toBe("copied");
    expect(conflicts).toEqual([saying("the replica's password is wrapped in another way")]);
  });

  test("is refused where it would take from the replica what stands in the store", async () => {
    await copy();
    inStore = new Set();
    await expect(copy()).rejects.toMatchObject({
      code: "verify/missing",
      message: saying(`${CLUSTER}/${found.manifest.id} is in no Kopia repository but that of the replica offsite`),
    });
    expect(asked).toHaveLength(2);
  });

  test("takes from the replica what was removed, and what no manifest names", async () => {
    await copy();
    here.add(key.replace(/-[0-9a-f]{8}\.kopia$/, "-00000000.kopia"));
    here.add(`clusters/${CLUSTER}/data/20200101T000000Z-00000000.kopia`);
    expect(await copy()).toMatchObject({ outcome: "existing" });
    expect([...here]).toEqual([key]);
  });

  test("needs the store's password", async () => {
    await vault.blobs.remove("kopia/1.json");
    await expect(copy()).rejects.toMatchObject({ code: "store/missing", message: saying("there is no password of a Kopia repository") });
  });

  test("does not go to a replica of objects", async () => {
    const copying = copySnapshot(vault, found, { name: "shelf", blobs: manifests }, { purpose: "audit" });
    await expect(copying).rejects.toMatchObject({
      code: "config/invalid",
      message: saying("is in a Kopia repository, and the replica shelf"),
    });
  });
});
