import { beforeEach, describe, expect, test } from "vitest";
import { measure, outcomeOf } from "../../functions/outcome.ts";
import { LifeboatError } from "../../shared/errors.ts";
import type { EndpointStatus } from "../../shared/etcd/etcd-source.ts";
import { acceptLineage } from "../../shared/jobs/accept-lineage.ts";
import type { BackupResult } from "../../shared/jobs/backup/backup.ts";
import { copySnapshot } from "../../shared/jobs/copy/snapshot.ts";
import { readLineages } from "../../shared/vault/lineage/lineages.ts";
import { verifyDeep } from "../../shared/jobs/verify/verify.ts";
import { acceptanceKey, lineageKey, lineagePrefix, manifestKey } from "../../shared/documents/layout.ts";
import { FARTHEST_STEP } from "../../shared/documents/lineages.ts";
import { signDocument } from "../../shared/documents/signed-document.ts";
import type { Unsigned } from "../../shared/documents/signed-document.ts";
import { TOOL } from "../../shared/version.ts";
import { MemoryBlobStore } from "../doubles/memory-blob-store.ts";
import { RecordedProgress } from "../doubles/recorded-progress.ts";
import { ScriptedEtcd } from "../doubles/scripted-etcd.ts";
import { failureOf, keys as keysIn } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";
import { randomSnapshot } from "../support/snapshots.ts";
import { useVault } from "../support/use-vault.ts";
import { backUp, bytesAt, CLUSTER, plant, rewrite } from "../support/vaults.ts";

/**
 * What somebody who can put objects (P), or who stole the writer's key too (W), can do by way of a cluster's lineages. Each of these succeeded before: junk and a
 * huge number stopped every backup, a signed lineage or manifest had the next backup compared with nothing, and copies carried all of it.
 */

const { vault } = useVault();

/** A backup in the next minute, of a cluster with so many keys. */
async function run(
  status: Partial<EndpointStatus> & { readonly liveKeys?: number } = {},
  progress: RecordedProgress = vault.progress,
): Promise<BackupResult> {
  vault.clock.advance(60_000);
  const { liveKeys = 400, revision = 5000, ...rest } = status;
  const send = randomSnapshot(1000, { revision, keys: liveKeys });
  return backUp(
    { ...vault, progress },
    { etcd: new ScriptedEtcd([{ number: 1, status: { revision, ...rest }, snapshots: [[{ send }]] }]) },
  );
}

/** W puts a lineage of their own, rightly signed. */
async function sign(number: number, fields: Partial<Unsigned<"lineage">>): Promise<void> {
  const document = await signDocument(vault.keys, "lineage", {
    type: "lineage",
    formatVersion: 1,
    cluster: CLUSTER,
    number,
    clusterId: "c1",
    openedAt: vault.clock.now().toISOString(),
    reason: "cluster-id-changed",
    revision: 1,
    tool: TOOL,
    ...fields,
  });
  plant(vault, lineageKey(CLUSTER, number), document.bytes);
}

const AFTER_FIRST = { number: 1, clusterId: "c1" };

describe("junk in the place of a lineage", () => {
  test("is told on each run, and stops neither backups nor the counting", async () => {
    await run();
    plant(vault, lineageKey(CLUSTER, 2), "junk");
    const again = await run();
    expect(again).toMatchObject({
      manifest: { lineage: 1 },
      lineageAttention: undefined,
      lineageFaults: [{ key: lineageKey(CLUSTER, 2), number: 2, code: "verify/format", message: saying("lineage/2.json is not JSON") }],
    });
    expect(vault.progress.warnings).toEqual([saying("lineage/2.json is not JSON")]);
    // The next one is opened past it, and follows the one that is believed.
    const other = await run({ clusterId: "c2" });
    expect(other).toMatchObject({ manifest: { lineage: 3 }, opensLineage: true, lineageAttention: { number: 3 } });
    expect((await run({ clusterId: "c2" })).manifest.lineage).toBe(3);
    const { links } = await readLineages(vault, CLUSTER);
    expect(links.map(({ lineage }) => [lineage.number, lineage.previous?.number])).toEqual([
      [1, undefined],
      [3, 1],
    ]);
  });

  test("put there between look and write does not stop the run either", async () => {
    await run();
    const progress = new RecordedProgress((step) => {
      if (step === "custody") plant(vault, lineageKey(CLUSTER, 2), "junk");
    });
    expect((await run({ clusterId: "c2" }, progress)).manifest.lineage).toBe(3);
  });

  test("in the place of the first begins anew, which a person must accept", async () => {
    plant(vault, lineageKey(CLUSTER, 1), "junk");
    const first = await run();
    expect(first).toMatchObject({ manifest: { lineage: 2 }, opensLineage: true, lineageAttention: { number: 2, reason: "first-backup" } });
    await acceptLineage(vault, { cluster: CLUSTER, number: 2, reason: "we removed the junk" });
    expect(await run()).toMatchObject({ manifest: { lineage: 2 }, lineageAttention: undefined, lineageFaults: [] });
  });

  test("over an old lineage moves nothing where a later one is accepted", async () => {
    await run();
    await run({ clusterId: "c2" });
    await acceptLineage(vault, { cluster: CLUSTER, number: 2, reason: "moved" });
    plant(vault, lineageKey(CLUSTER, 1), "junk");
    expect(await run({ clusterId: "c2" })).toMatchObject({ manifest: { lineage: 2 }, lineageAttention: undefined, lineageFaults: [] });
  });

  test("of any amount is read as far as a lineage may be, and no further", async () => {
    await run();
    for (let number = 2; number <= 3 * FARTHEST_STEP; number++) plant(vault, lineageKey(CLUSTER, number), "junk");
    plant(vault, lineageKey(CLUSTER, 3), "x".repeat(70_000));
    const before = vault.blobs.calls.get;
    expect((await run()).manifest.lineage).toBe(1);
    expect(vault.blobs.calls.get - before).toBeLessThan(FARTHEST_STEP + 50);
    // Only where a new one has to be opened, and every number is taken, a run fails, and says so.
    expect(await failureOf(run({ clusterId: "c2" }))).toMatchObject({
      code: "verify/format",
      message: saying("something else is stored under every number that it could have"),
      hint: saying("lifeboat lineage ls"),
    });
  });
});

describe("a signed lineage that no backup opened", () => {
  test("with a huge number is no link of the chain, and runs go on", async () => {
    await run();
    await sign(999_999_999, { clusterId: "c9", previous: AFTER_FIRST });
    expect(await run()).toMatchObject({
      manifest: { lineage: 1 },
      lineageFaults: [{ number: 999_999_999, message: saying(`more than ${FARTHEST_STEP} numbers above`) }],
    });
    expect((await run({ clusterId: "c2" })).manifest.lineage).toBe(2);
  });

  test("whose figures do not bear its reason out is no link", async () => {
    await run();
    await sign(2, { previous: AFTER_FIRST });
    expect(await run()).toMatchObject({
      manifest: { lineage: 1 },
      lineageFaults: [{ message: saying("is not part of the chain of lineages") }],
    });
  });

  test("with the same cluster id does not have the next run compared with nothing", async () => {
    await run({ liveKeys: 400 });
    await sign(2, { reason: "revision-went-backwards", previous: { ...AFTER_FIRST, revision: 5000 } });
    // The cluster is emptied meanwhile.
    const emptied = await run({ liveKeys: 3, revision: 6000 });
    expect(emptied).toMatchObject({ manifest: { lineage: 3 }, lineageAttention: { number: 3, reason: "key-count-collapsed" } });
    expect(emptied.lineageAttention?.message).toContain("prod has 3 keys, and the last snapshot had 400");
  });

  test("is never silent: backups need a person until it is accepted, and the verifier says that nobody announced it", async () => {
    await run();
    await sign(2, { reason: "key-count-collapsed", liveKeys: 0, previous: { ...AFTER_FIRST, liveKeys: 400 } });
    const result = await run();
    expect(result).toMatchObject({ manifest: { lineage: 2 }, opensLineage: false, lineageAttention: { number: 2 } });
    expect(outcomeOf(result)).toMatchObject({
      needsAttention: true,
      lineageAttention: { number: 2, reason: "key-count-collapsed" },
      findings: [saying("lineage accept prod 2")],
    });
    expect(measure(outcomeOf(result), result, vault.clock.now(), 3_600_000)).toMatchObject({ backupCommitted: 1, newLineage: 0 });
    const { countersignature, lineageFindings } = await verifyDeep(vault, "prod/latest");
    expect(countersignature).toBeDefined();
    expect(lineageFindings).toEqual([
      {
        code: "lineage/unannounced",
        key: lineageKey(CLUSTER, 2),
        message: "no backup announced clusters/prod/lineage/2.json: it names no record of the custody log",
      },
    ]);
  });

  test.each([
    ["a record that is not there", { sequence: 99, digest: `sha256:${"0".repeat(64)}` }, "record 99 is not in the log"],
    ["another record", { sequence: 1, digest: `sha256:${"0".repeat(64)}` }, "record 1 is not the record that it names"],
  ])("is told also where it names %s", async (_, custody, why) => {
    await run();
    await sign(2, { reason: "key-count-collapsed", liveKeys: 0, previous: { ...AFTER_FIRST, liveKeys: 400 }, custody });
    await run();
    expect((await verifyDeep(vault, "prod/latest")).lineageFindings).toMatchObject([{ message: saying(why) }]);
  });

  test("is told also where it names a record that tells of another one", async () => {
    const { custody } = await run();
    if (custody === undefined) throw new Error("no record");
    await sign(2, { reason: "key-count-collapsed", liveKeys: 0, previous: { ...AFTER_FIRST, liveKeys: 400 }, custody });
    await run();
    expect((await verifyDeep(vault, "prod/latest")).lineageFindings).toMatchObject([{ message: saying("is about something else") }]);
  });
});

test("a lineage that a backup opened is nothing to the verifier, and reads one record of the log", async () => {
  await run();
  await run({ clusterId: "c2" });
  expect((await verifyDeep(vault, "prod/latest")).lineageFindings).toEqual([]);
});

test("a manifest of an older lineage behind the newest does not have the next run compared with nothing", async () => {
  await run();
  await run({ clusterId: "c2" });
  const { manifest } = await run({ clusterId: "c2" });
  await rewrite(vault, "snapshot", manifestKey(CLUSTER, manifest.id), (document) => ({ ...document, lineage: 1 }));
  expect(await run({ clusterId: "c2", liveKeys: 3 })).toMatchObject({ opensLineage: true, lineageAttention: { number: 3 } });
});

describe("an acceptance", () => {
  const attention = async (): Promise<unknown> => (await run({ clusterId: "c2" })).lineageAttention;

  beforeEach(async () => {
    await run();
    await run({ clusterId: "c2" });
  });

  test("that is junk accepts nothing, is told, and keeps nobody from accepting", async () => {
    plant(vault, acceptanceKey(CLUSTER, 2), "junk");
    const result = await run({ clusterId: "c2" });
    expect(result).toMatchObject({ lineageAttention: { number: 2 }, lineageFaults: [{ key: acceptanceKey(CLUSTER, 2) }] });
    expect(await acceptLineage(vault, { cluster: CLUSTER, number: 2, reason: "moved" })).toMatchObject({
      outcome: "accepted",
      key: acceptanceKey(CLUSTER, 2, 2),
    });
    expect(await run({ clusterId: "c2" })).toMatchObject({ lineageAttention: undefined, lineageFaults: [] });
  });

  test("does not hold for another document in the lineage's place", async () => {
    await acceptLineage(vault, { cluster: CLUSTER, number: 2, reason: "moved" });
    expect(await attention()).toBeUndefined();
    await rewrite(vault, "lineage", lineageKey(CLUSTER, 2), (document) => ({ ...document, revision: 1 }));
    const result = await run({ clusterId: "c2" });
    expect(result).toMatchObject({
      lineageAttention: { number: 2 },
      lineageFaults: [{ code: "verify/digest", message: saying("accepts nothing") }],
    });
  });

  test("cannot be made by the writer's key, or moved to another lineage", async () => {
    const { acceptance } = (await acceptLineage(vault, { cluster: CLUSTER, number: 2, reason: "moved" })).lineage;
    const bytes = bytesAt(vault, acceptanceKey(CLUSTER, 2));
    vault.blobs.objects.delete(acceptanceKey(CLUSTER, 2));
    await run({ clusterId: "c3" });
    plant(vault, acceptanceKey(CLUSTER, 3), bytes);
    expect(await run({ clusterId: "c3" })).toMatchObject({
      lineageAttention: { number: 3 },
      lineageFaults: [{ message: saying("holds a document of lineage 2: it was moved or copied there") }],
    });
    expect(acceptance?.signer.purpose).toBe("audit");
  });

  test("that this role may not read stops no backup", async () => {
    await acceptLineage(vault, { cluster: CLUSTER, number: 2, reason: "moved" });
    const error = new LifeboatError("store/denied", "access denied");
    vault.blobs.inject({ call: "get", key: /acceptances/, times: Infinity, fault: { kind: "error", error } });
    expect(await run({ clusterId: "c2" })).toMatchObject({ lineageAttention: { number: 2 }, lineageFaults: [{ code: "store/denied" }] });
  });
});

test("a copy carries only what opens, and says what stayed", async () => {
  const { manifest, manifestDigest } = await run();
  plant(vault, lineageKey(CLUSTER, 7), "junk");
  plant(vault, `${lineagePrefix(CLUSTER)}whatever`, "junk");
  plant(vault, `clusters/prod/verified/${manifest.id}-20261121T100000Z.json`, "junk");
  plant(vault, `clusters/prod/rewraps/${manifest.id}-1.json`, "junk");
  const to = new MemoryBlobStore(vault.clock);
  const { conflicts } = await copySnapshot(vault, { manifest, digest: manifestDigest }, { name: "far", blobs: to }, { purpose: "audit" });
  const there = await keysIn(to, "clusters/prod/");
  expect(there.filter((key) => /lineage|verified|rewraps/.test(key))).toEqual([lineageKey(CLUSTER, 1)]);
  expect(conflicts).toEqual([
    saying("lineage/7.json is not JSON"),
    saying(`rewraps/${manifest.id}-1.json is not JSON`),
    saying(`verified/${manifest.id}-20261121T100000Z.json is not JSON`),
  ]);
});
