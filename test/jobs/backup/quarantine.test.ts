import { expect, test } from "vitest";
import { LifeboatError } from "../../../shared/errors.ts";
import { preflight } from "../../../shared/jobs/preflight.ts";
import { listSnapshots } from "../../../shared/jobs/list.ts";
import { resolveRef } from "../../../shared/vault/ref.ts";
import { verifyDeep } from "../../../shared/jobs/verify/verify.ts";
import { ScriptedEtcd } from "../../doubles/scripted-etcd.ts";
import type { ScriptedMember } from "../../doubles/scripted-etcd.ts";
import { failureOf } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";
import { randomSnapshot } from "../../support/snapshots.ts";
import { useVault } from "../../support/use-vault.ts";
import { backUp, CLUSTER, newVault, POLICY } from "../../support/vaults.ts";

/** A cluster in a bad way still gives a copy, which is kept and not believed. */

const { keys, vault } = useVault();

const gives = (): Pick<ScriptedMember, "snapshots"> => ({ snapshots: [[{ send: randomSnapshot(1000) }]] });
const NO_LEADER = { leaderId: undefined, errors: ["etcdserver: no leader"] };
const CORRUPT = [{ memberId: "a2", alarm: "CORRUPT" }] as const;

test("corrupt: a copy of every voting member that answers, under ids of one slot", async () => {
  const etcd = new ScriptedEtcd(
    [
      { number: 1, ...gives() },
      { number: 2, ...gives() },
      { number: 3, ...gives() },
      { number: 4, status: { isLearner: true } },
    ],
    CORRUPT,
  );
  const result = await backUp(vault, { etcd, slot: "2026-11-21T09:00:00Z" });
  expect(etcd.streamed).toHaveLength(3);
  const copies = [result.manifest, ...result.furtherCopies.map(({ manifest }) => manifest)];
  expect(copies.map(({ id }) => id)).toEqual(["20261121T090000Z", "20261121T090000Z-2", "20261121T090000Z-3"]);
  expect(copies.map(({ etcd: { source } }) => source.memberId).toSorted()).toEqual(["a1", "a2", "a3"]);
  for (const { quarantine } of copies) expect(quarantine?.reasons).toEqual([saying("m2: etcd found that its data differs")]);
  expect((await listSnapshots(vault, CLUSTER)).snapshots).toHaveLength(3);
});

test("corrupt: a member that fails takes nothing from the others; where all fail the first failure is told", async () => {
  const fails = { snapshots: [[{ fail: new LifeboatError("etcd/stream", "cut") }]] };
  const etcd = new ScriptedEtcd(
    [
      { number: 1, ...gives() },
      { number: 2, ...fails },
      { number: 3, ...gives() },
    ],
    CORRUPT,
  );
  expect((await backUp(vault, { etcd })).furtherCopies).toHaveLength(1);
  const broken = new ScriptedEtcd(
    [
      { number: 1, ...fails },
      { number: 2, ...fails },
    ],
    CORRUPT,
  );
  expect(await failureOf(backUp(newVault(keys), { etcd: broken }))).toMatchObject({ code: "etcd/stream", message: "cut" });
});

test("no leader: one copy, of the member that got furthest", async () => {
  const etcd = new ScriptedEtcd([
    { number: 1, status: { ...NO_LEADER, raftAppliedIndex: 90 } },
    { number: 2, status: { ...NO_LEADER, raftAppliedIndex: 95 }, ...gives() },
    { number: 3, status: new LifeboatError("etcd/unreachable", "down") },
  ]);
  const { manifest, furtherCopies } = await backUp(vault, { etcd });
  expect(manifest).toMatchObject({ etcd: { source: { memberId: "a2" } }, quarantine: { reasons: [saying("no leader")] } });
  expect(furtherCopies).toEqual([]);
});

test("no leader: the next member is asked where the first fails", async () => {
  const etcd = new ScriptedEtcd([
    { number: 1, status: NO_LEADER, ...gives() },
    { number: 2, status: { ...NO_LEADER, raftAppliedIndex: 105 }, snapshots: [[{ fail: new LifeboatError("etcd/stream", "cut") }]] },
  ]);
  expect((await backUp(vault, { etcd })).manifest.etcd.source.memberId).toBe("a1");
});

test("an old revision without a leader says nothing against the lineage, one with a leader does", async () => {
  const good = await backUp(vault, { etcd: new ScriptedEtcd([{ number: 1, status: { revision: 50 }, ...gives() }]) });
  const lagging = await backUp(vault, { etcd: new ScriptedEtcd([{ number: 1, status: { ...NO_LEADER, revision: 40 }, ...gives() }]) });
  expect(lagging.manifest).toMatchObject({ lineage: 1, quarantine: {} });
  const restored = await backUp(vault, { etcd: new ScriptedEtcd([{ number: 1, status: { revision: 40 }, ...gives() }]) });
  expect(restored.manifest.lineage).toBe(2);
  expect(good.manifest.lineage).toBe(1);
});

test("a quarantined copy is never latest, has no say in the lineage, and can be verified and named", async () => {
  const good = await backUp(vault, { etcd: new ScriptedEtcd([{ number: 1, ...gives() }]) });
  vault.clock.advance(60_000);
  const copy = await backUp(vault, { etcd: new ScriptedEtcd([{ number: 1, status: { ...NO_LEADER, revision: 1_000_000 }, ...gives() }]) });
  expect((await resolveRef(vault, `${CLUSTER}/latest`)).manifest.id).toBe(good.manifest.id);
  expect((await resolveRef(vault, `${CLUSTER}@2030-01-01`)).manifest.id).toBe(good.manifest.id);
  expect((await verifyDeep(vault, `${CLUSTER}/${copy.manifest.id}`)).manifest.id).toBe(copy.manifest.id);
  vault.clock.advance(60_000);
  expect((await backUp(vault, { etcd: new ScriptedEtcd([{ number: 1, ...gives() }]) })).manifest.lineage).toBe(1);
});

test("the same slot again returns the quarantined copy and asks nobody", async () => {
  const slot = "2026-11-21T09:00:00Z";
  const first = await backUp(vault, { slot, etcd: new ScriptedEtcd([{ number: 1, status: NO_LEADER, ...gives() }]) });
  const again = await backUp(vault, { slot, etcd: new ScriptedEtcd([]) });
  expect(again).toMatchObject({ existing: true, manifestDigest: first.manifestDigest, manifest: { quarantine: {} } });
});

test("preflight says that a backup would be quarantined, and why", async () => {
  const etcd = new ScriptedEtcd([{ number: 1 }, { number: 2 }], CORRUPT);
  expect((await preflight({ ...vault, etcd, policy: POLICY }, CLUSTER)).plan).toMatchObject({
    quarantine: { eachSource: true, reasons: [saying("m2")] },
  });
});
