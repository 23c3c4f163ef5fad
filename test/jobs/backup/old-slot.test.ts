import { describe, expect, test } from "vitest";
import { appendRecord } from "../../../shared/vault/custody/append.ts";
import { verifyDeep } from "../../../shared/jobs/verify/verify.ts";
import { custodyKey, manifestKey } from "../../../shared/documents/layout.ts";
import { failureOf } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";
import { useVault } from "../../support/use-vault.ts";
import { backUp, bytesAt, CLUSTER, custodyOf, newVault, oneMember, plant, visible } from "../../support/vaults.ts";

/** The clock says 10:00 on 21 November. */
const SLOT = "2026-11-21T10:00:00Z";
const ID = "20261121T100000Z";
const KEY = manifestKey(CLUSTER, ID);
const DAY_MS = 86_400_000;

const { keys, vault } = useVault();

const hint = saying("back up without a slot");

describe("a slot that was not backed up", () => {
  test("is taken for a day after it, and refused a second later: nothing is asked, stored or logged", async () => {
    vault.clock.advance(DAY_MS + 1000);
    const etcd = oneMember();
    expect(await failureOf(backUp(vault, { slot: SLOT, etcd }))).toMatchObject({
      code: "usage",
      message:
        "the slot 2026-11-21T10:00:00.000Z of prod is older than a day, and was not backed up at the time: a snapshot that is taken now cannot stand for it",
      hint,
    });
    expect(etcd.asked).toEqual([]);
    expect([...vault.blobs.objects.keys()]).toEqual([]);
    expect((await backUp(vault, { slot: "2026-11-21T10:00:01Z" })).existing).toBe(false);
  });

  test("is taken for as long as the rpo where that is longer", async () => {
    vault.clock.advance(3 * DAY_MS);
    expect(await failureOf(backUp(vault, { slot: SLOT, rpoMs: 3 * DAY_MS - 1 }))).toMatchObject({
      code: "usage",
      message: saying("is older than the rpo"),
    });
    expect((await backUp(vault, { slot: SLOT, rpoMs: 3 * DAY_MS })).existing).toBe(false);
  });

  test("is not made older by waiting for another backup", async () => {
    vault.clock.advance(DAY_MS);
    const [one, other] = await Promise.all([backUp(vault, {}), backUp(vault, { slot: SLOT })]);
    expect([one.existing, other.existing]).toEqual([false, false]);
  });
});

test("a slot that was backed up is returned, however old it is", async () => {
  const { manifestDigest } = await backUp(vault, { slot: SLOT });
  vault.clock.advance(400 * DAY_MS);
  expect(await backUp(vault, { slot: SLOT, etcd: oneMember() })).toMatchObject({ existing: true, manifestDigest });
});

describe("a slot whose snapshot was removed does not come back", () => {
  const removed = async (subject = KEY): Promise<void> => {
    const { digest } = await appendRecord(vault, CLUSTER, "audit", {
      event: "removed",
      subjects: [{ key: subject }],
      details: { reason: "retention" },
    });
    expect(digest).toMatch(/^sha256:/);
    vault.blobs.objects.delete(subject);
  };

  test("where the log tells of its removal", async () => {
    await backUp(vault, { slot: SLOT });
    await removed();
    vault.clock.advance(60_000);
    const etcd = oneMember();
    expect(await failureOf(backUp(vault, { slot: SLOT, etcd }))).toMatchObject({
      code: "ref/removed",
      message: `prod/${ID} was backed up, and removed since: record 3 of the custody log says so; a removed slot is not backed up again`,
      hint,
    });
    expect(etcd.asked).toEqual([]);
    expect(await visible(vault)).toEqual([]);
    expect(custodyOf(vault).at(-1)).toMatchObject({
      event: "skipped",
      subjects: [{ key: KEY }],
      details: { reason: saying("removed since") },
    });
    // Nor does the record of that, which names the slot, change the answer.
    expect(await failureOf(backUp(vault, { slot: SLOT }))).toMatchObject({ message: saying("record 3 of the custody log says so") });
  });

  test("nor a day, or a year, later: that it was not backed up then is never said of it", async () => {
    await backUp(vault, { slot: SLOT });
    vault.clock.advance(2 * DAY_MS);
    await removed();
    for (const days of [0, 363]) {
      vault.clock.advance(days * DAY_MS);
      expect(await failureOf(backUp(vault, { slot: SLOT }))).toMatchObject({ code: "ref/removed" });
    }
    expect(await visible(vault)).toEqual([]);
  });

  test("where somebody had seen it, and it is gone without a word", async () => {
    await backUp(vault, { slot: SLOT });
    await verifyDeep(vault, `prod/${ID}`);
    vault.blobs.objects.delete(KEY);
    expect(await failureOf(backUp(vault, { slot: SLOT }))).toMatchObject({
      code: "usage",
      message: saying("record 3 of the custody log names it, and it is gone"),
    });
  });

  test("where the next backup had seen it, among many records since", async () => {
    await backUp(vault, { slot: SLOT });
    for (let run = 0; run < 12; run += 1) {
      vault.clock.advance(3_600_000);
      await backUp(vault, { slot: vault.clock.now().toISOString() });
      await verifyDeep(vault, "prod/latest");
    }
    vault.blobs.objects.delete(KEY);
    expect(await failureOf(backUp(vault, { slot: SLOT }))).toMatchObject({ message: saying(`prod/${ID} was removed: record 3 `) });
  });

  test("where a removal is told of by who may not, it is not believed", async () => {
    await backUp(vault, { slot: "2026-11-21T09:59:00Z" });
    const other = newVault(keys);
    await appendRecord(other, "staging", "audit", { event: "removed", subjects: [{ key: KEY }] });
    plant(vault, custodyKey(CLUSTER, 3), bytesAt(other, custodyKey("staging", 1)));
    expect((await backUp(vault, { slot: SLOT })).existing).toBe(false);
  });

  test("and the removal of another, or of data alone, does not hinder it", async () => {
    await backUp(vault, { slot: "2026-11-21T09:59:00Z" });
    await removed(manifestKey(CLUSTER, "20261121T095900Z"));
    await removed(`clusters/prod/data/${ID}-0badcafe.age`);
    expect((await backUp(vault, { slot: SLOT })).existing).toBe(false);
  });
});

test("a slot that was announced by a run that died is taken up again", async () => {
  vault.blobs.inject({ call: "put", key: /snapshots/, fault: { kind: "error" } });
  vault.blobs.inject({ call: "put", key: /custody\/0000000\/0000000003/, times: 9, fault: { kind: "error" } });
  await failureOf(backUp(vault, { slot: SLOT }));
  expect(custodyOf(vault).map(({ event }) => event)).toEqual(["lineage-opened", "backup"]);
  const again = newVault(keys);
  for (const [key, kept] of vault.blobs.objects) again.blobs.objects.set(key, kept);
  expect((await backUp(again, { slot: SLOT })).existing).toBe(false);
});

test("the log is read back no further than to the slot", async () => {
  for (let run = 0; run < 30; run += 1) {
    await backUp(vault, {});
    vault.clock.advance(60_000);
  }
  vault.clock.advance(3_600_000);
  vault.blobs.calls.get = 0;
  await backUp(vault, {});
  const byHand = vault.blobs.calls.get;
  vault.clock.advance(1000);
  vault.blobs.calls.get = 0;
  await backUp(vault, { slot: vault.clock.now().toISOString() });
  // The record of the backup a second before, and the ones beside it in the first batches.
  expect(vault.blobs.calls.get - byHand).toBeLessThanOrEqual(8);
});
