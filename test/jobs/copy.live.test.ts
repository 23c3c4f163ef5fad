import { randomBytes } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LifeboatError } from "../../shared/errors.ts";
import { copySnapshot } from "../../shared/jobs/copy/snapshot.ts";
import type { Copied } from "../../shared/jobs/copy/snapshot.ts";
import { listReplicas, standings } from "../../shared/jobs/copy/standing.ts";
import { copyToReplicas, replicasNeedAttention } from "../../shared/jobs/copy/to-replicas.ts";
import { hasCopiedLog, verifyCustody } from "../../shared/jobs/audit/custody.ts";
import { exportSnapshot } from "../../shared/jobs/inspect/export.ts";
import { listSnapshots } from "../../shared/jobs/list.ts";
import { findOrphans } from "../../shared/jobs/orphans/find.ts";
import type { FoundManifest } from "../../shared/vault/catalog.ts";
import { verifyDeep } from "../../shared/jobs/verify/verify.ts";
import { LocalWrappingKey } from "../../shared/keys/local/local-wrapping-key.ts";
import { custodyKey, manifestKey } from "../../shared/documents/layout.ts";
import { digestOf } from "../../shared/documents/signed-document.ts";
import type { BlobStore } from "../../shared/store/blob-store.ts";
import { SealedStore } from "../../shared/store/sealed/sealed-store.ts";
import { MemoryBlobStore } from "../doubles/memory-blob-store.ts";
import type { Injected } from "../doubles/memory-blob-store.ts";
import { ScriptedEtcd } from "../doubles/scripted-etcd.ts";
import { collect, failureOf, keys as keysIn, read } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";
import { flipped, randomSnapshot } from "../support/snapshots.ts";
import { directoryUnderTest, incoming } from "../store/directory/directory-under-test.ts";
import type { DirectoryUnderTest } from "../store/directory/directory-under-test.ts";
import { backUp, bothPorts, bytesAt, CLUSTER, custodyOf, makeTestKeys, newVault, plant, sealedObject } from "../support/vaults.ts";
import type { TestKeys, TestVault } from "../support/vaults.ts";

/** Copies between stores in memory that fail as they are told to, and between folders. */

const ID = "20261121T100000Z";
const MANIFEST = manifestKey(CLUSTER, ID);
const DATABASE = 700_000;

let keys: TestKeys;
let theirs: TestKeys;
let vault: TestVault;
let replica: { readonly name: string; readonly blobs: MemoryBlobStore };
/** A backup that was verified deep. */
let backedUp: TestVault["blobs"]["objects"];
let found: FoundManifest;
let dataKey: string;
let snapshot: Buffer;
beforeAll(async () => {
  [keys, theirs] = await Promise.all([makeTestKeys(), makeTestKeys()]);
  snapshot = randomSnapshot(DATABASE);
  const plain = newVault(keys);
  const replicaKeys = [new LocalWrappingKey(await theirs.ring.wrappingKey())];
  const { blobs } = plain;
  vault = {
    ...plain,
    ...bothPorts(new SealedStore({ blobs, keys: keys.ring, replicaKeys, breakGlass: [keys.breakGlass.recipient], randomBytes })),
  };
  const { manifest, manifestDigest } = await backUp(vault, { etcd: new ScriptedEtcd([{ number: 1, snapshots: [[{ send: snapshot }]] }]) });
  found = { manifest, digest: manifestDigest };
  dataKey = sealedObject(manifest.stored).key;
  await verifyDeep(vault, "prod/latest");
  backedUp = new Map(vault.blobs.objects);
});
afterAll(() => Promise.all([keys.remove(), theirs.remove()]));
beforeEach(() => {
  const fresh = newVault(keys);
  for (const [key, kept] of backedUp) fresh.blobs.objects.set(key, kept);
  vault = fresh;
  replica = { name: "offsite", blobs: new MemoryBlobStore(vault.clock) };
});

const copy = (options: { readonly signal?: AbortSignal; readonly to?: BlobStore; readonly ports?: TestVault } = {}): Promise<Copied> =>
  copySnapshot(
    options.ports ?? vault,
    found,
    { name: replica.name, blobs: options.to ?? replica.blobs },
    { purpose: "audit", signal: options.signal },
  );
const manifestsThere = (): Promise<readonly string[]> => keysIn(replica.blobs, "clusters/prod/snapshots/");
const events = (): readonly string[] => custodyOf(vault).map(({ event }) => event);

/** The replica as the store of somebody who has its keys and nothing else. */
function atReplica(blobs: BlobStore = replica.blobs) {
  const snapshots = new SealedStore({ blobs, keys: theirs.ring, breakGlass: [], randomBytes });
  return {
    ...vault,
    blobs,
    ...bothPorts(snapshots),
    keys: theirs.ring,
    trusted: { ...vault.trusted, audit: [...vault.trusted.audit, ...theirs.trusted.audit] },
  };
}

async function expectWhole(): Promise<void> {
  for (const key of vault.blobs.objects.keys()) {
    const there = key.replace("/custody/", "/primary-custody/");
    // The record of the copy itself comes with the next one.
    if (key === custodyKey(CLUSTER, custodyOf(vault).length) && events().at(-1) === "copied")
      expect(replica.blobs.objects.has(there)).toBe(false);
    else expect(bytesOf(there).equals(bytesAt(vault, key)), key).toBe(true);
  }
}

function bytesOf(key: string): Buffer {
  const kept = replica.blobs.objects.get(key);
  if (kept === undefined) throw new Error(`${key} is not in the replica`);
  return Buffer.from(kept.bytes);
}

describe("a copy", () => {
  test("is the same bytes under the same keys, and the log tells of it", async () => {
    const { outcome, documents, conflicts, custody } = await copy();
    // Three records, the lineage and the countersignature.
    expect({ outcome, documents, conflicts }).toEqual({ outcome: "copied", documents: 5, conflicts: [] });
    await expectWhole();
    const record = custodyOf(vault).at(-1);
    expect(custody).toEqual({ sequence: 4, digest: digestOf(bytesAt(vault, custodyKey(CLUSTER, 4))) });
    expect(record).toMatchObject({
      event: "copied",
      signer: { purpose: "audit" },
      subjects: [
        { key: MANIFEST, digest: found.digest },
        { key: dataKey, digest: sealedObject(found.manifest.stored).sha256 },
      ],
      details: { to: { name: "offsite", location: "memory" } },
    });
    expect(await verifyCustody(vault, CLUSTER, { onRecord: () => undefined })).toMatchObject({ findings: [], records: 4 });
    expect(vault.progress).toMatchObject({ bytes: sealedObject(found.manifest.stored).bytes });
    expect(vault.progress.phases.at(-1)).toBe("copy to offsite");
  });

  test("is listed, verified deep and exported where the store is the replica, with its own keys alone", async () => {
    await copy();
    const there = atReplica();
    const { snapshots } = await listSnapshots(there, CLUSTER);
    expect(snapshots).toMatchObject([{ id: ID, manifestDigest: found.digest, lacks: [] }]);
    expect(await verifyDeep(there, "prod/latest")).toMatchObject({ digest: found.digest });
    const parts: Uint8Array[] = [];
    await exportSnapshot(there, {
      ref: "prod/latest",
      write: async (bytes) => {
        for await (const chunk of bytes) parts.push(Uint8Array.from(chunk));
      },
    });
    expect(Buffer.concat(parts).equals(snapshot)).toBe(true);
    vault.clock.advance(2 * 86_400_000);
    expect(await findOrphans(there, { olderThanMs: 86_400_000 })).toEqual({ orphans: [], unclear: [] });
    // The verification there is in the replica's own log, and a further copy is not in its way.
    expect(await keysIn(replica.blobs, "clusters/prod/custody/")).toHaveLength(1);
    expect(await copy()).toMatchObject({ outcome: "existing", documents: 1, conflicts: [] });
  });

  test("that is there already is looked at, and brings what was said of the snapshot since", async () => {
    await copy();
    vault.clock.advance(1000);
    await verifyDeep(vault, "prod/latest");
    const puts = replica.blobs.calls.put;
    // The records of the copy and of the verification, and the countersignature.
    expect(await copy()).toEqual({ outcome: "existing", documents: 3, conflicts: [], custody: undefined });
    expect(replica.blobs.calls.put).toBe(puts + 3);
    expect(await copy()).toEqual({ outcome: "existing", documents: 0, conflicts: [], custody: undefined });
    expect(replica.blobs.calls.put).toBe(puts + 3);
    expect(events().filter((event) => event === "copied")).toHaveLength(1);
    await expectWhole();
  });

  test("whose data was lost since is made good", async () => {
    await copy();
    replica.blobs.objects.delete(dataKey);
    expect(await copy()).toMatchObject({ outcome: "copied" });
    await expectWhole();
  });

  test("by two at once is one", async () => {
    const outcomes = await Promise.all([copy(), copy()]);
    expect(outcomes.map(({ conflicts }) => conflicts)).toEqual([[], []]);
    expect(await manifestsThere()).toEqual([MANIFEST]);
    expect(bytesOf(dataKey).equals(bytesAt(vault, dataKey))).toBe(true);
  });

  test("is not begun without a key that can tell of it", async () => {
    const ports = { ...vault, trusted: { ...vault.trusted, audit: [] } };
    expect(await failureOf(copy({ ports }))).toMatchObject({ code: "config/invalid", message: saying("trustedKeys.audit") });
    expect(replica.blobs.objects.size).toBe(0);
  });

  test("from a folder to a folder leaves nothing unfinished", async () => {
    await using folders = await twoFolders();
    const [from, to] = folders.pair;
    for (const [key, { bytes }] of vault.blobs.objects) {
      await from.store.put(
        key,
        (async function* () {
          yield bytes;
        })(),
      );
    }
    expect(
      await copySnapshot({ ...vault, blobs: from.store }, found, { name: "shelf", blobs: to.store }, { purpose: "snapshot" }),
    ).toMatchObject({
      outcome: "copied",
      conflicts: [],
    });
    expect((await read(to.store, dataKey)).equals(bytesAt(vault, dataKey))).toBe(true);
    expect(
      (await collect(atReplica(to.store).snapshots.open(found.manifest, found.manifest.stored, found.manifest.snapshot))).length,
    ).toBeGreaterThan(0);
    expect(await incoming(to.root)).toEqual([]);
    // A disk that changed a byte under it is noticed when the copy is looked at again.
    await writeFile(join(to.root, dataKey), flipped(await readFile(join(to.root, dataKey)), 1000));
    const failure = await failureOf(
      copySnapshot({ ...vault, blobs: from.store }, found, { name: "shelf", blobs: to.store }, { purpose: "snapshot" }),
    );
    expect(failure).toMatchObject({ code: "verify/checksum", message: saying(to.store.location) });
  });
});

async function twoFolders(): Promise<{ readonly pair: readonly [DirectoryUnderTest, DirectoryUnderTest] } & AsyncDisposable> {
  const pair = [await directoryUnderTest(), await directoryUnderTest()] as const;
  return {
    pair,
    async [Symbol.asyncDispose]() {
      for (const each of pair) {
        await each.close();
        await rm(each.root, { recursive: true, force: true });
      }
    },
  };
}

const OBJECTS = ["data", "primary-custody", "lineage", "verified", "snapshots"];

describe("a replica that fails: nothing of the snapshot is visible there, and the next copy completes it", () => {
  const full = new LifeboatError("store/full", "no space left on the replica");

  test.each(OBJECTS.flatMap((object) => [0, 700, 1e12].map((atByte) => ({ object, atByte }))))(
    "the put of $object at byte $atByte",
    async ({ object, atByte }) => {
      replica.blobs.inject({ call: "put", key: new RegExp(`^clusters/prod/${object}/`), fault: { kind: "error", atByte, error: full } });
      await expect(copy()).rejects.toBe(full);
      await expectCompletedByTheNext();
    },
  );

  test.each<[string, Injected]>([
    ["looking for the manifest", { call: "get", key: /snapshots/, fault: { kind: "error" } }],
    ["looking for the data", { call: "head", key: /data/, fault: { kind: "error" } }],
    ["asking for the checksum of what arrived", { call: "checksum", key: /data/, fault: { kind: "error" } }],
    ["looking for the end of the log", { call: "listFolders", key: /primary-custody/, fault: { kind: "error" } }],
    ["putting a record", { call: "put", key: /primary-custody/, fault: { kind: "error" } }],
    ["reading the lineage back", { call: "get", key: /lineage/, fault: { kind: "error" } }],
    ["telling that the data came", { call: "put", key: /data/, fault: { kind: "lost-acknowledgement" } }],
  ])("%s", async (_what, fault) => {
    replica.blobs.inject(fault);
    expect(await failureOf(copy())).toMatchObject({ code: "store/failed" });
    await expectCompletedByTheNext();
  });

  test.each(["primary-custody", "lineage", "verified", "snapshots"])(
    "a lost acknowledgement of %s is made good by looking",
    async (object) => {
      replica.blobs.inject({ call: "put", key: new RegExp(object), fault: { kind: "lost-acknowledgement" } });
      expect(await copy()).toMatchObject({ outcome: "copied", conflicts: [] });
      expect(replica.blobs.pendingFaults).toEqual([]);
      await expectWhole();
    },
  );

  test.each(OBJECTS)("one that keeps less of %s than it says is found out", async (object) => {
    replica.blobs.inject({ call: "put", key: new RegExp(`/${object}/`), fault: { kind: "short-write", bytes: 600 } });
    expect(await failureOf(copy())).toMatchObject({ code: object === "data" ? "verify/size" : "verify/digest" });
    expect(events()).not.toContain("copied");
    if (object !== "snapshots") expect(await manifestsThere()).toEqual([]);
  });

  async function expectCompletedByTheNext(): Promise<void> {
    expect(replica.blobs.pendingFaults).toEqual([]);
    expect(await manifestsThere()).toEqual([]);
    expect(events()).not.toContain("copied");
    expect(await copy()).toMatchObject({ outcome: "copied", conflicts: [] });
    await expectWhole();
  }
});

test.each(OBJECTS)("a run that is stopped as it puts %s leaves nothing visible, and the next one completes it", async (object) => {
  const stop = new AbortController();
  const to = new (class extends MemoryBlobStore {
    override put(...[key, ...rest]: Parameters<MemoryBlobStore["put"]>): ReturnType<MemoryBlobStore["put"]> {
      if (key.includes(`/${object}/`)) stop.abort(new Error("stopped"));
      return super.put(key, ...rest);
    }
  })(vault.clock);
  expect(await failureOf(copy({ signal: stop.signal, to }))).toMatchObject({ code: "interrupted" });
  expect(await keysIn(to, "clusters/prod/snapshots/")).toEqual([]);
  expect(await collect(to.listUnfinished())).toEqual([]);
  for (const [key, kept] of to.objects) replica.blobs.objects.set(key, kept);
  expect(await copy()).toMatchObject({ outcome: "copied", conflicts: [] });
  await expectWhole();
});

describe("what is not as it should be", () => {
  test("damaged data in the primary is not copied", async () => {
    plant(vault, dataKey, flipped(bytesAt(vault, dataKey), 5000));
    expect(await failureOf(copy())).toMatchObject({ code: "verify/digest", message: saying(dataKey) });
    expect(replica.blobs.objects.size).toBe(0);
  });

  test("data that is lost or cannot be read in the primary is told", async () => {
    vault.blobs.inject({ call: "get", key: /data/, fault: { kind: "error", atByte: 500_000 } });
    expect(await failureOf(copy())).toMatchObject({ code: "store/failed" });
    vault.blobs.objects.delete(dataKey);
    expect(await failureOf(copy())).toMatchObject({ code: "verify/missing", message: saying(dataKey) });
    expect(replica.blobs.objects.size).toBe(0);
  });

  test("a role that may not read the data is told who can copy it", async () => {
    const denied = new LifeboatError("store/denied", "cannot read it: AccessDenied");
    vault.blobs.inject({ call: "get", key: /data/, fault: { kind: "error", error: denied } });
    expect(await failureOf(copy())).toMatchObject({
      code: "store/denied",
      message: `this role may not read the data of prod/${ID} in memory, and copying needs that`,
      hint: `let the role that verifies fill the replica: lifeboat copy prod/${ID} --to offsite`,
      cause: denied,
    });
    expect(replica.blobs.objects.size).toBe(0);
  });

  test("another manifest in the replica stays, and both digests are told", async () => {
    const other = newVault(keys);
    await backUp(other);
    const bytes = bytesAt(other, MANIFEST);
    replica.blobs.objects.set(MANIFEST, { bytes, modified: new Date(0) });
    const failure = await failureOf(copy());
    expect(failure).toMatchObject({ code: "verify/digest", message: saying("the replica offsite has another prod/") });
    for (const digest of [digestOf(bytes), found.digest]) expect(failure.message).toContain(digest);
    expect([...replica.blobs.objects.keys()]).toEqual([MANIFEST]);
    expect(bytesOf(MANIFEST).equals(bytes)).toBe(true);
  });

  test("other data under its key in the replica stays, and is told", async () => {
    replica.blobs.objects.set(dataKey, { bytes: flipped(bytesAt(vault, dataKey), 9), modified: new Date(0) });
    expect(await failureOf(copy())).toMatchObject({ code: "verify/checksum" });
    expect(await manifestsThere()).toEqual([]);
  });

  test("a log that was cut off or written anew since the last copy is told, and the snapshot is copied all the same", async () => {
    await copy();
    await copy();
    replica.blobs.objects.delete(MANIFEST);
    const last = custodyKey(CLUSTER, 4);
    const record = bytesAt(vault, last);
    vault.blobs.objects.delete(last);
    const cut = await copy();
    expect(cut).toMatchObject({ outcome: "copied", conflicts: [saying("primary-custody/0000000/0000000004.json in memory is sha256:")] });
    expect(cut.conflicts[0]).toContain("and is not in memory any more");
    // Another record has taken the number.
    expect(custodyOf(vault)).toHaveLength(4);
    expect(bytesAt(vault, last).equals(record)).toBe(false);
    expect((await copy()).conflicts).toEqual([saying(digestOf(record))]);
    expect(bytesOf(last.replace("custody", "primary-custody")).equals(record)).toBe(true);
  });

  test("a countersignature that differs there is told", async () => {
    const [key = ""] = await keysIn(vault.blobs, "clusters/prod/verified/");
    replica.blobs.objects.set(key, { bytes: Buffer.from("{}"), modified: new Date(0) });
    expect(await copy()).toMatchObject({ outcome: "copied", conflicts: [saying(`${key} in memory is ${digestOf(Buffer.from("{}"))}`)] });
  });

  test("what no lifeboat wrote among the documents keeps no snapshot from being copied", async () => {
    const [record, countersignature] = [custodyKey(CLUSTER, 2), `clusters/prod/verified/${ID}-20261121T110000Z.json`];
    plant(vault, record, Buffer.alloc(1024 * 1024 + 1));
    plant(vault, countersignature, Buffer.alloc(1024 * 1024 + 1));
    expect(await copy()).toMatchObject({
      outcome: "copied",
      conflicts: [record, countersignature].map((key) => saying(`${key} in memory is larger than any document`)),
    });
    expect(await manifestsThere()).toEqual([MANIFEST]);
    expect(replica.blobs.objects.has(countersignature)).toBe(false);
  });

  test("a log that cannot be told of the copy does not undo it", async () => {
    vault.blobs.inject({ call: "put", key: /\/custody\//, fault: { kind: "error" } });
    expect(await copy()).toMatchObject({
      outcome: "copied",
      conflicts: [saying("cannot record the copy in the custody log: put of")],
      custody: undefined,
    });
    expect(await manifestsThere()).toEqual([MANIFEST]);
  });
});

test("a backup whose key cannot be wrapped for a replica is committed, and says so", async () => {
  const error = new LifeboatError("keys/denied", "Encrypt with the key alias/offsite is denied");
  const replicaKeys = [{ location: "elsewhere", wrap: () => Promise.reject(error), wrappingKey: () => Promise.reject(error) }];
  const snapshots = new SealedStore({ blobs: vault.blobs, keys: keys.ring, replicaKeys, breakGlass: [], randomBytes });
  const { manifest, notWrapped } = await backUp({ ...vault, ...bothPorts(snapshots) }, { slot: "2026-11-21T09:00:00Z" });
  expect(notWrapped).toEqual([`prod/${manifest.id} cannot be opened by the key of a replica: ${error.message}`]);
  await verifyDeep(vault, `prod/${manifest.id}`);
});

describe("the logs of a replica", () => {
  const verifyThere = (isReplica = true): ReturnType<typeof verifyCustody> =>
    verifyCustody(atReplica(), CLUSTER, { isReplica, onRecord: ({ key }) => told.push(key) });
  const told: string[] = [];
  beforeEach(async () => {
    told.length = 0;
    vault.clock.advance(3_600_000);
    await backUp(vault);
    await copy();
    vault.clock.advance(3_600_000);
    await verifyDeep(atReplica(), "prod/latest");
  });

  test("hold, with what was never copied counted and not missed", async () => {
    const head = { sequence: 4, digest: digestOf(bytesAt(vault, custodyKey(CLUSTER, 4))) };
    expect(await verifyThere()).toMatchObject({
      findings: [],
      records: 5,
      documents: 4,
      head: { sequence: 1 },
      copied: { head, notHere: 1 },
    });
    expect(told).toEqual([...[1, 2, 3, 4].map((sequence) => custodyKey(CLUSTER, sequence, "primary-custody")), custodyKey(CLUSTER, 1)]);
    expect(await verifyCustody(atReplica(), CLUSTER, { isReplica: true, head, onRecord: () => undefined })).toMatchObject({ findings: [] });
  });

  test("do not hold where nobody says that it is a replica", async () => {
    expect(await hasCopiedLog(atReplica(), CLUSTER)).toBe(true);
    expect(await hasCopiedLog(vault, CLUSTER)).toBe(false);
    expect((await verifyThere(false)).findings.length).toBeGreaterThan(0);
  });

  test.each<[string, () => string, string]>([
    ["a record that was removed from the copied log", () => custodyKey(CLUSTER, 2, "primary-custody"), "custody/missing"],
    ["data that is gone", () => dataKey, "custody/gone"],
    [
      "a countersignature made there that is gone",
      () => [...replica.blobs.objects.keys()].findLast((key) => key.includes("/verified/")) ?? "",
      "custody/announced-absence",
    ],
  ])("tell of %s", async (_what, key, code) => {
    expect(replica.blobs.objects.delete(key())).toBe(true);
    expect((await verifyThere()).findings.map((finding) => finding.code)).toContain(code);
  });

  test("tell of a snapshot that no log knows", async () => {
    const other = newVault(keys);
    other.clock.advance(99_000_000);
    await backUp(other);
    for (const [key, kept] of other.blobs.objects) if (/snapshots|data/.test(key)) replica.blobs.objects.set(key, kept);
    expect((await verifyThere()).findings.length).toBeGreaterThan(0);
  });
});

describe("several replicas", () => {
  const second = (): typeof replica => ({ name: "second", blobs: new MemoryBlobStore(vault.clock) });

  test("one that fails is told, and the next one is filled", async () => {
    const replicas = [replica, second()];
    replica.blobs.inject({ call: "get", key: /snapshots/, times: 99, fault: { kind: "error" } });
    const outcomes = await copyToReplicas({ ...vault, replicas }, [found], { purpose: "snapshot" });
    expect(outcomes).toMatchObject([
      { replica: "offsite", cluster: CLUSTER, id: ID, outcome: "failed", error: { code: "store/failed", message: saying("injected") } },
      { replica: "second", location: "memory", cluster: CLUSTER, id: ID, outcome: "copied", conflicts: [] },
    ]);
    expect(replicasNeedAttention(outcomes)).toBe(true);
    expect(replicasNeedAttention(outcomes.slice(1))).toBe(false);
    expect(custodyOf(vault).at(-1)).toMatchObject({
      event: "copied",
      signer: { purpose: "snapshot" },
      details: { to: { name: "second" } },
    });
  });

  test("where the snapshot stands is told of each, also of one that does not answer", async () => {
    const replicas = [replica, second(), { name: "slow", blobs: new MemoryBlobStore(vault.clock) }];
    replicas[2]?.blobs.inject({ call: "list", key: /snapshots/, fault: { kind: "delay", ms: 60_000 } });
    replicas[2]?.blobs.inject({ call: "get", key: /snapshots/, fault: { kind: "delay", ms: 60_000 } });
    await copy();
    const ports = { ...vault, replicas };
    const listing = listReplicas(ports, [CLUSTER]);
    const standing = standings(ports, found);
    // Until nothing but the slow one is waited for: by each of the two a timer, and its own delay.
    while (replicas[2]?.blobs.pendingFaults.length !== 0 || vault.clock.waiting !== 4) await new Promise(setImmediate);
    vault.clock.advance(10_000);
    expect(await listing).toMatchObject([
      { name: "offsite", refs: new Set([`prod/${ID}`]) },
      { name: "second", refs: new Set() },
      { name: "slow", refs: undefined, error: { message: "the replica slow (memory) did not answer within 10 s" } },
    ]);
    expect((await standing).map(({ name, state }) => `${name} ${state}`)).toEqual(["offsite present", "second missing", "slow unknown"]);
    expect(vault.clock.waiting).toBe(0);
  });

  test.each<[string, () => void, string]>([
    ["different", () => replica.blobs.objects.set(MANIFEST, { bytes: Buffer.from("{}"), modified: new Date(0) }), "sha256:"],
    ["incomplete", () => replica.blobs.objects.delete(dataKey), "is not there"],
    ["incomplete", () => replica.blobs.objects.set(dataKey, { bytes: Buffer.from("x"), modified: new Date(0) }), "has 1 bytes in place of"],
    ["unknown", () => replica.blobs.inject({ call: "get", key: /snapshots/, fault: { kind: "error" } }), "injected"],
  ])("a copy that is %s is told as such", async (state, change, reason) => {
    await copy();
    change();
    expect(await standings({ ...vault, replicas: [replica] }, found)).toMatchObject([{ name: "offsite", state, reason: saying(reason) }]);
  });
});
