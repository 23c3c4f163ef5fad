import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../../shared/system-clock.ts";
import { LifeboatError } from "../../../shared/errors.ts";
import { FileLock } from "../../../shared/host/files/file-lock.ts";
import { backup, BACKUP_STEPS } from "../../../shared/jobs/backup/backup.ts";
import { resolveRef } from "../../../shared/vault/ref.ts";
import { LocalKeyRing } from "../../../shared/keys/local/local-key-ring.ts";
import { manifestKey } from "../../../shared/documents/layout.ts";
import { digestOf, openDocument } from "../../../shared/documents/signed-document.ts";
import { BLOCK_BYTES, endpointOf, ScriptedEtcd } from "../../doubles/scripted-etcd.ts";
import type { SnapshotStep } from "../../doubles/scripted-etcd.ts";
import { failureOf, keys as keysIn } from "../../support/blobs.ts";
import { anyText, saying } from "../../support/matchers.ts";
import { randomSnapshot } from "../../support/snapshots.ts";
import { useVault } from "../../support/use-vault.ts";
import {
  apartFromCustody,
  backUp,
  bytesAt,
  CLUSTER,
  contentOf,
  LIMITS,
  POLICY,
  RPO_MS,
  newVault,
  oneMember,
  plant,
  visible,
} from "../../support/vaults.ts";

const SLOT = "2026-11-21T10:00:00Z";
const ID = "20261121T100000Z";

const { keys, vault } = useVault();

const whole = (bytes: Uint8Array): readonly SnapshotStep[] => [{ send: bytes.subarray(0, 700) }, { send: bytes.subarray(700) }];
const lost = (number: number): LifeboatError =>
  new LifeboatError("etcd/stream", `${endpointOf(number)} closed the stream`, { hint: "look at its log" });

describe("a backup", () => {
  test("commits the manifest last and once, after the data and the lineage, each announced in the log", async () => {
    await backUp(vault, { slot: SLOT });
    expect([...vault.blobs.objects.keys()]).toEqual([
      expect.stringMatching(/^clusters\/prod\/data\/20261121T100000Z-[0-9a-f]{8}\.age$/),
      "clusters/prod/custody/0000000/0000000001.json",
      "clusters/prod/lineage/1.json",
      "clusters/prod/custody/0000000/0000000002.json",
      "clusters/prod/snapshots/20261121T100000Z.json",
    ]);
    expect(vault.blobs.calls.put).toBe(5);
  });

  test("goes through its steps in order, and says how long each took", async () => {
    const bytes = randomSnapshot(5000);
    const { phases } = await backUp(vault, { etcd: new ScriptedEtcd([{ number: 1, snapshots: [whole(bytes)] }]) });
    expect(vault.progress.phases).toEqual([...BACKUP_STEPS]);
    expect(Object.keys(phases)).toEqual([...BACKUP_STEPS]);
    expect(Object.values(phases).every((ms) => Number.isInteger(ms) && ms >= 0)).toBe(true);
    expect(vault.progress.warnings).toEqual([]);
  });

  test("tells how many bytes came, and how many were expected", async () => {
    const bytes = randomSnapshot(BLOCK_BYTES + 5000);
    const seen: unknown[] = [];
    const { progress } = vault;
    const etcd = new ScriptedEtcd([{ number: 1, status: { databaseBytes: 4800 }, snapshots: [whole(bytes)] }]);
    progress.advance = (count) => seen.push([progress.totalBytes, count]);
    await backUp(vault, { etcd });
    expect(seen).toEqual([
      [4800, BLOCK_BYTES],
      [4800, bytes.length - BLOCK_BYTES],
    ]);
  });

  test("says in its manifest all that it learned", async () => {
    const bytes = randomSnapshot(5000);
    const etcd = new ScriptedEtcd([
      { number: 1, status: { raftAppliedIndex: 200 } },
      { number: 2, status: { raftAppliedIndex: 90 } },
      { number: 3, status: { raftAppliedIndex: 120, revision: 77, raftIndex: 121, databaseBytes: 4096 }, snapshots: [whole(bytes)] },
    ]);
    const { manifest, manifestDigest, existing } = await backUp(vault, { slot: SLOT, etcd });
    expect(existing).toBe(false);
    expect(manifest).toMatchObject({
      type: "snapshot",
      formatVersion: 1,
      cluster: "prod",
      id: ID,
      slot: { time: "2026-11-21T10:00:00.000Z", trigger: "slot" },
      startedAt: "2026-11-21T10:00:00.000Z",
      createdAt: "2026-11-21T10:00:00.000Z",
      tool: { name: "etcd-lifeboat", version: anyText },
      etcd: {
        clusterId: "c1",
        source: { memberId: "a3", name: "m3", endpoint: endpointOf(3), version: "3.6.16", isLeader: false },
        members: [
          { id: "a1" },
          { id: "a2" },
          { id: "a3", name: "m3", peerUrls: ["https://m3:2380"], clientUrls: [endpointOf(3)], isLearner: false },
        ],
        before: { revision: 77, raftIndex: 121, raftTerm: 2, databaseBytes: 4096 },
      },
      lineage: 1,
      snapshot: { bytes: bytes.length, sha256: digestOf(bytes), trailer: digestOf(bytes.subarray(0, -32)) },
      stored: { kind: "sealed", encryption: { breakGlass: [keys.breakGlass.recipient] } },
      proof: { status: "proven" },
      signer: { purpose: "snapshot", fingerprint: keys.trusted.snapshot[0] },
    });
    expect(manifest).not.toHaveProperty("quarantine");
    const object = bytesAt(vault, manifestKey(CLUSTER, ID));
    expect(manifestDigest).toBe(digestOf(object));
    expect(openDocument("snapshot", object, vault.trusted, "it")).toEqual(manifest);
    expect((await contentOf(vault, ID)).equals(bytes)).toBe(true);
    expect(etcd.streamed).toEqual([endpointOf(3)]);
  });

  test("keeps what etcd sent, in one piece or in many, also more than a block", async () => {
    const bytes = randomSnapshot(4_500_000);
    const steps = Array.from({ length: 7 }, (_, part): SnapshotStep => ({ send: bytes.subarray(part * 700_000, (part + 1) * 700_000) }));
    await backUp(vault, { slot: SLOT, etcd: new ScriptedEtcd([{ number: 1, snapshots: [steps] }]) });
    expect((await contentOf(vault, ID)).equals(bytes)).toBe(true);
  });

  test("passes the findings of its look at the cluster on as warnings", async () => {
    const etcd = new ScriptedEtcd(
      [
        { number: 1, snapshots: [whole(randomSnapshot(1000))] },
        { number: 2, status: new LifeboatError("etcd/unreachable", "https://m2:2379 refused") },
      ],
      [{ memberId: "a1", alarm: "NOSPACE" }],
    );
    await backUp(vault, { etcd });
    expect(vault.progress.warnings).toEqual([
      saying("https://m2:2379: https://m2:2379 refused"),
      saying("cluster: the next backup will be unproven"),
      saying("m1: its database reached its quota"),
    ]);
  });
});

describe("what killed runs of this host left unfinished in the store", () => {
  test("is removed by the next backup, which says so in one line", async () => {
    const left = [2, 1, 0];
    vault.blobs.removeAbandoned = () => Promise.resolve(left.shift() ?? 0);
    await backUp(vault);
    expect(vault.progress.infos).toEqual([saying("removed 2 unfinished files in ")]);
    vault.clock.advance(60_000);
    await backUp(vault);
    expect(vault.progress.infos.slice(1)).toEqual([saying("removed 1 unfinished file in ")]);
    vault.clock.advance(60_000);
    await backUp(vault);
    expect(vault.progress.infos).toHaveLength(2);
    expect(vault.progress.warnings).toEqual([]);
  });

  test("keeps nobody from a backup where it cannot be removed", async () => {
    vault.blobs.removeAbandoned = () => Promise.reject(new LifeboatError("store/denied", "cannot remove it"));
    expect(await backUp(vault)).toMatchObject({ existing: false });
    expect(vault.progress.warnings).toEqual([saying("were not removed: cannot remove it")]);
  });
});

describe("one slot", () => {
  test("is backed up once: the second run returns the first one's snapshot and asks etcd nothing", async () => {
    const first = await backUp(vault, { slot: SLOT });
    const etcd = oneMember();
    vault.clock.advance(60_000);
    const second = await backUp(vault, { slot: SLOT, etcd });
    expect(second).toMatchObject({ existing: true, manifest: first.manifest, manifestDigest: first.manifestDigest });
    expect(Object.keys(second.phases)).toEqual(["lock", "slot"]);
    expect(etcd.asked).toEqual([]);
    expect(apartFromCustody(vault)).toHaveLength(3);
  });

  test("twice at once on one host: the second waits for the first", async () => {
    const results = await Promise.all([backUp(vault, { slot: SLOT }), backUp(vault, { slot: SLOT })]);
    expect(results.filter(({ existing }) => existing)).toHaveLength(1);
    expect(new Set(results.map(({ manifestDigest }) => manifestDigest)).size).toBe(1);
    expect(apartFromCustody(vault)).toHaveLength(3);
    expect(vault.progress.infos).toEqual([saying(`another backup of prod runs (process ${process.pid} since `)]);
  });

  test("at once on four hosts: one manifest, and every run names it", async () => {
    const hosts = Array.from({ length: 4 }, (_, host) => ({
      ...vault,
      lock: new FileLock(join(keys.folder, `host-${host}`), systemClock),
    }));
    const results = await Promise.all(hosts.map((host) => backUp(host, { slot: SLOT })));
    expect(results.filter(({ existing }) => !existing)).toHaveLength(1);
    expect(new Set(results.map(({ manifestDigest }) => manifestDigest)).size).toBe(1);
    expect(await visible(vault)).toEqual([manifestKey(CLUSTER, ID)]);
    expect(await keysIn(vault.blobs, "clusters/prod/lineage/")).toEqual(["clusters/prod/lineage/1.json"]);
    // What the manifest names is there and opens; the data of those that did not see it in time are orphans.
    expect((await contentOf(vault, ID)).length).toBe(results[0]?.manifest.snapshot.bytes);
    const withoutData = results.filter(({ phases }) => phases.store === undefined).length;
    expect(await keysIn(vault.blobs, "clusters/prod/data/")).toHaveLength(4 - withoutData);
  });

  test("whose manifest is another cluster's is not taken for backed up", async () => {
    await backUp(vault, { cluster: "staging", slot: SLOT });
    plant(vault, manifestKey(CLUSTER, ID), bytesAt(vault, manifestKey("staging", ID)));
    const etcd = oneMember();
    const failure = await failureOf(backUp(vault, { slot: SLOT, etcd }));
    expect(failure).toMatchObject({ code: "verify/format", message: saying("holds a document of cluster staging"), hint: anyText });
    expect(etcd.asked).toEqual([]);
  });

  test("whose manifest is another slot's is not taken for backed up", async () => {
    await backUp(vault, { slot: "2026-11-21T09:00:00Z" });
    plant(vault, manifestKey(CLUSTER, ID), bytesAt(vault, manifestKey(CLUSTER, "20261121T090000Z")));
    expect(await failureOf(backUp(vault, { slot: SLOT }))).toMatchObject({
      code: "verify/format",
      message: saying("snapshot 20261121T090000Z"),
    });
  });
});

describe("by hand", () => {
  test("the id is the present second, and the next free number where that is taken", async () => {
    const ids: string[] = [];
    for (let run = 1; run <= 3; run += 1) ids.push((await backUp(vault)).manifest.id);
    vault.clock.advance(1000);
    ids.push((await backUp(vault)).manifest.id);
    expect(ids).toEqual([ID, `${ID}-2`, `${ID}-3`, "20261121T100001Z"]);
    expect(await contentOf(vault, `${ID}-3`)).not.toEqual(await contentOf(vault, ID));
  });

  test("says so in the manifest, and the slot is the second of the id", async () => {
    vault.clock.advance(1234);
    const { manifest } = await backUp(vault);
    expect(manifest).toMatchObject({ startedAt: "2026-11-21T10:00:01.234Z", id: "20261121T100001Z" });
    expect(manifest.slot).toEqual({ time: "2026-11-21T10:00:01.000Z", trigger: "manual" });
  });

  test("and a slot of the same second do not take each other's place", async () => {
    await backUp(vault, { slot: SLOT });
    expect((await backUp(vault)).manifest.id).toBe(`${ID}-2`);
    expect((await backUp(vault, { slot: SLOT })).existing).toBe(true);
  });
});

describe("a clock", () => {
  const TOLD = "this machine's clock is behind the newest snapshot: it says 2026-11-21T10:00:00.000Z, and there is prod/";

  test("that went back behind the newest snapshot is told, and the backup is taken for all that", async () => {
    const later = newVault(keys);
    later.clock.advance(86_400_000);
    await backUp(later);
    // The store's own clock is right.
    const behind = { ...later, clock: vault.clock };
    const { manifest } = await backUp(behind);
    expect(manifest.id).toBe(ID);
    expect(later.progress.warnings).toEqual([saying(`${TOLD}20261122T100000Z; check that`)]);
    expect((await resolveRef(later, "prod/latest")).manifest.id).toBe("20261122T100000Z");
    vault.clock.advance(2 * 86_400_000);
    expect((await resolveRef(behind, `prod/${(await backUp(behind)).manifest.id}`)).digest).toBe(
      (await resolveRef(behind, "prod/latest")).digest,
    );
    expect(later.progress.warnings).toHaveLength(1);
  });

  test("that stands still or goes forward is not told of, nor is an old slot that was asked for", async () => {
    await backUp(vault, { slot: SLOT });
    await backUp(vault);
    await backUp(vault, { slot: "2026-11-20T10:00:00Z" });
    vault.clock.advance(365 * 86_400_000);
    await backUp(vault);
    expect(vault.progress.warnings).toEqual([]);
  });

  test("that is behind a slot by more than a quarter of an hour is what the refusal speaks of", async () => {
    expect(await failureOf(backUp(vault, { slot: "2026-11-21T10:15:01Z", etcd: new ScriptedEtcd([]) }))).toMatchObject({
      code: "usage",
      message: saying("is in the future"),
      hint: "check the time given, and this machine's clock",
    });
    await backUp(vault, { slot: "2026-11-21T10:15:00Z" });
    await backUp(vault, { slot: "2026-11-21T10:15:00Z" });
    expect(vault.progress.warnings).toEqual([]);
    await backUp(vault);
    expect(vault.progress.warnings).toEqual([saying(`${TOLD}20261121T101500Z`)]);
  });
});

test("a key that cannot sign is told before anything is asked of etcd or stored", async () => {
  const nothing = new ScriptedEtcd([]);
  const ring = new LocalKeyRing(join(keys.folder, "nowhere"));
  const failure = await failureOf(
    backup({ ...vault, keys: ring, etcd: nothing }, { cluster: CLUSTER, rpoMs: RPO_MS, limits: LIMITS, policy: POLICY }),
  );
  expect(failure).toMatchObject({ code: "keys/missing", message: saying("snapshot.key not found") });
  expect(nothing.asked).toEqual([]);
  expect(apartFromCustody(vault)).toEqual([]);
});

test("backups of two clusters do not wait for each other, and their ids do not meet", async () => {
  const results = await Promise.all(["prod", "staging"].map((cluster) => backUp(vault, { cluster, slot: SLOT })));
  expect(results.map(({ existing }) => existing)).toEqual([false, false]);
  expect(vault.progress.infos).toEqual([]);
  expect(await visible(vault, "staging")).toEqual([manifestKey("staging", ID)]);
});

test("a failed backup lets its lock go, and the next one works", async () => {
  await failureOf(backUp(vault, { etcd: new ScriptedEtcd([{ number: 1, snapshots: [[{ fail: lost(1) }]] }]) }));
  expect(await visible(vault)).toEqual([]);
  const bytes = randomSnapshot(100);
  await backUp(vault, { etcd: new ScriptedEtcd([{ number: 1, snapshots: [whole(bytes)] }]) });
  expect(vault.progress.infos).toEqual([]);
  expect((await contentOf(vault, ID)).equals(bytes)).toBe(true);
});
