import { describe, expect, test } from "vitest";
import { Custodian } from "../../../shared/vault/custody/custodian.ts";
import type { EndpointStatus } from "../../../shared/etcd/etcd-source.ts";
import { decideLineage } from "../../../shared/etcd/lineage.ts";
import type { LineageDecision } from "../../../shared/etcd/lineage.ts";
import { readHistory } from "../../../shared/vault/lineage/history.ts";
import { openLineage } from "../../../shared/vault/lineage/open-lineage.ts";
import type { BackupResult } from "../../../shared/jobs/backup/backup.ts";
import { dataKey, lineageKey, manifestKey } from "../../../shared/documents/layout.ts";
import type { Lineage } from "../../../shared/documents/lineage.ts";
import { openDocument, signDocument } from "../../../shared/documents/signed-document.ts";
import type { Unsigned } from "../../../shared/documents/signed-document.ts";
import { idOfSlot } from "../../../shared/documents/slot.ts";
import { ScriptedEtcd } from "../../doubles/scripted-etcd.ts";
import { failureOf, keys as keysIn } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";
import { flipped, randomSnapshot } from "../../support/snapshots.ts";
import { useVault } from "../../support/use-vault.ts";
import { backUp, bytesAt, CLUSTER, custodyOf, makeTestKeys, plant, quarantine, rewrite, visible } from "../../support/vaults.ts";

const { vault } = useVault();

/** A backup in the next minute from a member with this status; the number of its lineage, of which the result says whether it is new. */
async function backUpFrom(status: Partial<EndpointStatus> = {}): Promise<number> {
  const before = (await lineages()).length;
  vault.clock.advance(60_000);
  const etcd = new ScriptedEtcd([
    { number: 1, status, snapshots: [[{ send: randomSnapshot(1000, { revision: status.revision ?? 50 }) }]] },
  ]);
  const { manifest, opensLineage } = await backUp(vault, { etcd });
  expect(opensLineage).toBe(before > 0 && manifest.lineage > before);
  return manifest.lineage;
}

function lineage(number: number): Lineage {
  return openDocument("lineage", bytesAt(vault, lineageKey(CLUSTER, number)), vault.trusted, `lineage ${number}`);
}

const lineages = (): Promise<readonly string[]> => keysIn(vault.blobs, "clusters/prod/lineage/");

describe("a lineage", () => {
  test("is opened by the first backup and pins the cluster's id", async () => {
    expect(await backUpFrom({ clusterId: "cafe", revision: 7 })).toBe(1);
    expect(lineage(1)).toMatchObject({
      type: "lineage",
      cluster: "prod",
      number: 1,
      clusterId: "cafe",
      reason: "first-backup",
      revision: 7,
      openedAt: "2026-11-21T10:01:00.000Z",
      signer: { purpose: "snapshot" },
    });
    expect(lineage(1)).not.toHaveProperty("previous");
    expect(vault.progress.warnings).toEqual([]);
  });

  test("goes on while the revision stands or grows", async () => {
    for (const revision of [50, 50, 51, 1000]) expect(await backUpFrom({ revision })).toBe(1);
    expect(await lineages()).toHaveLength(1);
  });

  test("ends where another cluster answers: warned of, and the older one is kept", async () => {
    await backUpFrom({ revision: 50 });
    const before = bytesAt(vault, lineageKey(CLUSTER, 1));
    expect(await backUpFrom({ clusterId: "c2", leaderId: "a1", revision: 90 })).toBe(2);
    expect(lineage(2)).toMatchObject({
      clusterId: "c2",
      reason: "cluster-id-changed",
      revision: 90,
      previous: { number: 1, clusterId: "c1", snapshot: "20261121T100100Z", revision: 50 },
    });
    expect(bytesAt(vault, lineageKey(CLUSTER, 1))).toEqual(before);
    expect(vault.progress.warnings).toEqual([
      "the endpoints of prod now answer as etcd cluster c2, before it was c1: lineage 2 begins, and the snapshots of lineage 1 are frozen",
    ]);
    expect(await visible(vault)).toHaveLength(2);
    expect(await backUpFrom({ clusterId: "c2", revision: 91 })).toBe(2);
  });

  test("ends where the revision went back", async () => {
    await backUpFrom({ revision: 50 });
    expect(await backUpFrom({ revision: 49 })).toBe(2);
    expect(lineage(2)).toMatchObject({
      clusterId: "c1",
      reason: "revision-went-backwards",
      revision: 49,
      previous: { number: 1, revision: 50 },
    });
    expect(vault.progress.warnings).toEqual([
      "the revision of prod went back from 50 to 49: lineage 2 begins, and the snapshots of lineage 1 are frozen",
    ]);
    // Counted within the new one: it may grow again from there.
    expect(await backUpFrom({ revision: 49 })).toBe(2);
  });

  test("does not end because one member lags: the highest revision that a member answers counts", async () => {
    await backUpFrom({ revision: 50 });
    vault.clock.advance(60_000);
    const etcd = new ScriptedEtcd([
      { number: 1, status: { revision: 60 } },
      { number: 2, status: { revision: 40 }, snapshots: [[{ send: randomSnapshot(1000, { revision: 60 }) }]] },
    ]);
    expect((await backUp(vault, { etcd })).manifest).toMatchObject({ lineage: 1, etcd: { before: { revision: 40 } } });
  });

  test("ends where most of the keys are gone, as the snapshot itself tells", async () => {
    const backUpKeys = async (count: number, revision: number): Promise<number> => {
      vault.clock.advance(60_000);
      const send = randomSnapshot(1000, { keys: count, revision });
      const etcd = new ScriptedEtcd([{ number: 1, status: { revision }, snapshots: [[{ send }]] }]);
      return (await backUp(vault, { etcd })).manifest.lineage;
    };
    expect(await backUpKeys(400, 500)).toBe(1);
    // A quarter is left.
    expect(await backUpKeys(100, 600)).toBe(1);
    expect(vault.progress.warnings).toEqual([]);
    expect(await backUpKeys(24, 700)).toBe(2);
    expect(vault.progress.warnings).toEqual([
      "prod has 24 keys, and the last snapshot had 100: lineage 2 begins, and the snapshots of lineage 1 are frozen",
    ]);
    expect(lineage(2)).toMatchObject({
      reason: "key-count-collapsed",
      revision: 700,
      liveKeys: 24,
      previous: { number: 1, revision: 600, liveKeys: 100, snapshot: "20261121T100200Z" },
    });
    // So few say nothing by becoming fewer.
    expect(await backUpKeys(1, 800)).toBe(2);
  });

  test("that goes back and forth between two clusters opens a new one each time", async () => {
    const numbers: number[] = [];
    for (const clusterId of ["c1", "c2", "c1", "c1"]) numbers.push(await backUpFrom({ clusterId }));
    expect(numbers).toEqual([1, 2, 3, 3]);
    expect(lineage(3).previous).toMatchObject({ number: 2, clusterId: "c2" });
  });

  test("beyond the ninth is still found to be the newest", async () => {
    for (let turn = 0; turn < 11; turn += 1) expect(await backUpFrom({ clusterId: `c${turn % 2}` })).toBe(turn + 1);
    expect(await backUpFrom({ clusterId: "c0" })).toBe(11);
  });

  test("that was opened by a run that failed later serves the next run", async () => {
    vault.blobs.inject({ call: "put", key: /snapshots/, fault: { kind: "error" } });
    expect(await failureOf(backUpFrom())).toMatchObject({ code: "store/failed" });
    expect(await lineages()).toHaveLength(1);
    expect(await backUpFrom({ revision: 1 })).toBe(1);
  });

  test("is compared by its newest snapshot that holds and is not quarantined", async () => {
    await backUpFrom({ revision: 50 });
    await backUpFrom({ revision: 70 });
    await backUpFrom({ revision: 90 });
    await quarantine(vault, "20261121T100300Z");
    const second = manifestKey(CLUSTER, "20261121T100200Z");
    plant(vault, second, flipped(bytesAt(vault, second), 300));
    const history = await readHistory(vault, CLUSTER, vault.clock.now());
    const decide = (revision: number): LineageDecision => decideLineage(history, { clusterId: "c1", revision });
    expect(decide(50)).toEqual({ number: 1 });
    expect(decide(49)).toMatchObject({ number: 2, opens: { previous: { snapshot: "20261121T100100Z", revision: 50 } } });
  });

  test("is not compared with snapshots of the one before", async () => {
    await backUpFrom({ revision: 500 });
    await backUpFrom({ clusterId: "c2", revision: 5 });
    vault.blobs.objects.delete(manifestKey(CLUSTER, "20261121T100200Z"));
    expect(decideLineage(await readHistory(vault, CLUSTER, vault.clock.now()), { clusterId: "c2", revision: 5 })).toEqual({ number: 2 });
  });
});

describe("a first lineage that is not what was signed has the next backup begin anew, which a person must accept", () => {
  const key = lineageKey(CLUSTER, 1);
  const attempt = async (): Promise<BackupResult> => {
    const etcd = new ScriptedEtcd([{ number: 1, snapshots: [[{ send: randomSnapshot(1000) }]] }]);
    vault.clock.advance(60_000);
    const result = await backUp(vault, { etcd });
    expect(result).toMatchObject({
      manifest: { lineage: 2 },
      opensLineage: true,
      lineageAttention: { number: 2, reason: "first-backup", since: "2026-11-21T10:02:00.000Z" },
    });
    expect(vault.progress.warnings.at(-1)).toBe("lineage 2 of prod begins anew: no lineage below it is believed");
    return result;
  };

  test("altered", async () => {
    await backUpFrom();
    const envelope = JSON.parse(bytesAt(vault, key).toString()) as { payload: string };
    const payload = Buffer.from(envelope.payload, "base64").toString().replace('"clusterId":"c1"', '"clusterId":"c2"');
    plant(vault, key, JSON.stringify({ ...envelope, payload: Buffer.from(payload).toString("base64") }));
    expect(await attempt()).toMatchObject({ lineageFaults: [{ key, code: "verify/signature", message: saying(key) }] });
  });

  test("cut", async () => {
    await backUpFrom();
    plant(vault, key, bytesAt(vault, key).subarray(0, 100));
    expect(await attempt()).toMatchObject({ lineageFaults: [{ code: "verify/format", message: saying(`${key} is not JSON`) }] });
  });

  test("of another cluster", async () => {
    await backUpFrom();
    await rewrite(vault, "lineage", key, (document) => ({ ...document, cluster: "staging" }));
    expect(await attempt()).toMatchObject({ lineageFaults: [{ code: "verify/format", message: saying("cluster staging") }] });
  });

  test("signed by a key that is not trusted", async () => {
    await backUpFrom();
    const others = await makeTestKeys();
    try {
      await rewrite({ ...vault, keys: others.ring }, "lineage", key, (document) => document);
      expect(await attempt()).toMatchObject({
        lineageFaults: [{ code: "verify/untrusted", message: saying(others.trusted.snapshot[0] ?? "") }],
      });
    } finally {
      await others.remove();
    }
  });

  test("and where it comes back, what was begun in its stead is no link any more", async () => {
    await backUpFrom();
    const first = bytesAt(vault, key);
    plant(vault, key, "{}");
    await attempt();
    plant(vault, key, first);
    vault.clock.advance(60_000);
    expect(await backUp(vault)).toMatchObject({
      manifest: { lineage: 1 },
      lineageFaults: [{ key: lineageKey(CLUSTER, 2), message: saying("it names no lineage before it") }],
    });
  });
});

test("a lineage that was put in the place of a later one is passed over", async () => {
  await backUpFrom();
  plant(vault, lineageKey(CLUSTER, 2), bytesAt(vault, lineageKey(CLUSTER, 1)));
  vault.clock.advance(60_000);
  expect(await backUp(vault)).toMatchObject({
    manifest: { lineage: 1 },
    lineageFaults: [{ message: "clusters/prod/lineage/2.json holds a document of lineage 1: it was moved or copied there" }],
  });
});

describe("keys that go a few at a time", () => {
  const backUpKeys = async (count: number, minutes = 1): Promise<BackupResult> => {
    vault.clock.advance(minutes * 60_000);
    const send = randomSnapshot(1000, { keys: count, revision: 5000 });
    const etcd = new ScriptedEtcd([{ number: 1, status: { revision: 5000 }, snapshots: [[{ send }]] }]);
    return backUp(vault, { etcd });
  };

  test("open a lineage at the second of four backups that each lose 70 %", async () => {
    const numbers: number[] = [];
    for (const count of [1000, 300, 90, 27, 8]) numbers.push((await backUpKeys(count)).manifest.lineage);
    // 300 of 1000 are more than a quarter, 90 are not; and 90 are too few to say anything by becoming fewer.
    expect(numbers).toEqual([1, 1, 2, 2, 2]);
    expect(lineage(2)).toMatchObject({
      reason: "key-count-collapsed",
      liveKeys: 90,
      previous: { snapshot: "20261121T100200Z", liveKeys: 300, most: { snapshot: "20261121T100100Z", liveKeys: 1000 } },
    });
    expect(vault.progress.warnings).toEqual([
      "prod has 90 keys, and prod/20261121T100100Z, within 7 days before, had 1000: lineage 2 begins, and the snapshots of lineage 1 are frozen",
    ]);
  });

  test("are held against the last 7 days, and no longer", async () => {
    await backUpKeys(1000);
    await backUpKeys(300, 60);
    // The first one is 7 days and a minute old.
    expect((await backUpKeys(90, 7 * 24 * 60 - 59)).manifest.lineage).toBe(1);
  });

  test("are held against the newest snapshot, however old that is", async () => {
    await backUpKeys(1000);
    expect((await backUpKeys(90, 100 * 24 * 60)).manifest.lineage).toBe(2);
  });

  test("are not held against a snapshot in quarantine", async () => {
    const { manifest } = await backUpKeys(1000);
    await backUpKeys(300);
    await quarantine(vault, manifest.id);
    expect((await backUpKeys(90)).manifest.lineage).toBe(1);
  });

  test("are found among thousands of manifests by reading 200, evenly spread, and the newest", async () => {
    const { manifest } = await backUpKeys(1000);
    const { signer: _, ...unsigned } = manifest;
    const start = vault.clock.now().getTime();
    const idAt = (minute: number): string => idOfSlot(new Date(start + minute * 60_000));
    const put = async (minute: number, liveKeys: number): Promise<void> => {
      const content = { ...unsigned.content, keys: { revisions: liveKeys, live: liveKeys } };
      const stored = { ...unsigned.stored, key: dataKey(CLUSTER, idAt(minute), "0badcafe") };
      const document = { ...unsigned, id: idAt(minute), content, stored } as Unsigned<"snapshot">;
      plant(vault, manifestKey(CLUSTER, idAt(minute)), (await signDocument(vault.keys, "snapshot", document)).bytes);
    };
    for (let minute = 1; minute < 2000; minute++) plant(vault, manifestKey(CLUSTER, idAt(minute)), "{}");
    // Every tenth of 2001 is read; the hundredth of these is this one.
    await put(999, 900);
    await put(2000, 300);
    vault.clock.advance(2001 * 60_000);
    const before = vault.blobs.calls.get;
    const { last, most } = await readHistory(vault, CLUSTER, vault.clock.now());
    expect(vault.blobs.calls.get - before).toBeLessThanOrEqual(220);
    expect(last).toMatchObject({ id: idAt(2000), liveKeys: 300 });
    expect(most).toEqual({ id: idAt(999), liveKeys: 900 });
  });
});

test("names that are no lineage's are passed over", async () => {
  await backUpFrom();
  for (const name of ["0.json", "01.json", "2.json.bak", "1.accepted.json", "x.json", "99999999999999999999.json"]) {
    plant(vault, `clusters/prod/lineage/${name}`, "{}");
  }
  expect(await backUpFrom()).toBe(1);
});

describe("two hosts that open a lineage at once", () => {
  const opens = { number: 1, clusterId: "c1", reason: "first-backup", revision: 5 } as const;

  const open = (revision: number, clusterId = "c1"): Promise<Lineage> =>
    openLineage(vault, new Custodian(vault, CLUSTER, "snapshot"), CLUSTER, { ...opens, revision, clusterId });

  test("agree where it is of the same cluster", async () => {
    await open(5);
    const first = bytesAt(vault, lineageKey(CLUSTER, 1));
    await open(6);
    expect(bytesAt(vault, lineageKey(CLUSTER, 1))).toEqual(first);
    const told = custodyOf(vault).map(({ event, subjects, details }) => [event, subjects, details]);
    const subjects = [{ key: lineageKey(CLUSTER, 1) }];
    expect(told).toEqual([
      ["lineage-opened", subjects, { reason: "first-backup" }],
      ["lineage-opened", subjects, { reason: "first-backup" }],
      ["skipped", subjects, { reason: "another run opened this lineage first", of: 2 }],
    ]);
  });

  test("do not where it is of another: the second is told to run again", async () => {
    await open(5);
    expect(await failureOf(open(5, "c2"))).toMatchObject({
      code: "busy",
      message: saying("another host opened a lineage of prod"),
      hint: "run the command again",
    });
  });
});
