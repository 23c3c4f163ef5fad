import { beforeEach, describe, expect, test } from "vitest";
import { manifestKey, pinKey } from "../../shared/documents/layout.ts";
import { digestOf, openDocument } from "../../shared/documents/signed-document.ts";
import { verifyCustody } from "../../shared/jobs/audit/custody.ts";
import { copySnapshot } from "../../shared/jobs/copy/snapshot.ts";
import type { Copied } from "../../shared/jobs/copy/snapshot.ts";
import { showSnapshot } from "../../shared/jobs/inspect/show.ts";
import { listSnapshots } from "../../shared/jobs/list.ts";
import { pinSnapshot } from "../../shared/jobs/pin.ts";
import type { PinOutcome, PinRequest } from "../../shared/jobs/pin.ts";
import { systemClock } from "../../shared/system-clock.ts";
import { readManifest } from "../../shared/vault/catalog.ts";
import { MemoryBlobStore } from "../doubles/memory-blob-store.ts";
import { failureOf } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";
import { useBuiltVault } from "../support/use-vault.ts";
import { backUp, bytesAt, CLUSTER, custodyOf, plant } from "../support/vaults.ts";

const ID = "20261121T100000Z";
const REF = `${CLUSTER}/${ID}`;
const { vault } = useBuiltVault(async (building) => ({ manifest: (await backUp(building, { slot: "2026-11-21T10:00:00Z" })).manifest }));
beforeEach(() => {
  vault.clock.advance(1000);
});

function pin(pinned: boolean, fields: Partial<PinRequest> = {}): Promise<PinOutcome> {
  return pinSnapshot(vault, { ref: REF, pinned, reason: "before the upgrade", ...fields });
}

async function findings(): Promise<readonly (readonly [string, string])[]> {
  const report = await verifyCustody(vault, CLUSTER, { onRecord: () => undefined });
  return report.findings.map(({ code, subject }) => [code, subject]);
}

describe("a pin", () => {
  test("is announced, signed by the audit key and put once; unpinning is a word of its own", async () => {
    const key = pinKey(CLUSTER, ID, 1);
    const digest = digestOf(bytesAt(vault, manifestKey(CLUSTER, ID)));
    const first = await pin(true, { ref: `${CLUSTER}/latest`, reason: "  before the upgrade " });
    expect(first).toMatchObject({ outcome: "pinned", key, state: { isPinned: true, counts: { pin: { number: 1 } }, doubts: [] } });
    expect(openDocument("pin", bytesAt(vault, key), vault.trusted, key)).toMatchObject({
      cluster: CLUSTER,
      id: ID,
      number: 1,
      manifestDigest: digest,
      pinned: true,
      by: "ann@backups",
      reason: "before the upgrade",
      signer: { purpose: "audit" },
      custody: first.custody,
    });
    expect(custodyOf(vault).at(-1)).toMatchObject({
      event: "pinned",
      subjects: [{ key }, { key: manifestKey(CLUSTER, ID), digest }],
      details: { reason: "before the upgrade", pinned: true },
    });
    vault.clock.advance(1000);
    expect(await pin(false, { reason: "done" })).toMatchObject({
      outcome: "unpinned",
      key: pinKey(CLUSTER, ID, 2),
      state: { isPinned: false },
    });
    expect(custodyOf(vault).at(-1)).toMatchObject({ event: "pinned", details: { reason: "done", pinned: false } });
    expect(await pin(true)).toMatchObject({ outcome: "pinned", key: pinKey(CLUSTER, ID, 3) });
    expect(await findings()).toEqual([]);
    vault.blobs.objects.delete(pinKey(CLUSTER, ID, 3));
    expect(await findings()).toEqual([["custody/announced-absence", pinKey(CLUSTER, ID, 3)]]);
  });

  test("is shown by ls and show", async () => {
    expect((await listSnapshots(vault, CLUSTER)).snapshots).toMatchObject([{ pin: { isPinned: false, counts: undefined } }]);
    await pin(true);
    expect((await listSnapshots(vault, CLUSTER)).snapshots).toMatchObject([{ pin: { isPinned: true } }]);
    expect(await showSnapshot(vault, REF)).toMatchObject({ pin: { isPinned: true, counts: { pin: { reason: "before the upgrade" } } } });
    plant(vault, pinKey(CLUSTER, ID, 2), "junk");
    expect(await listSnapshots(vault, CLUSTER)).toMatchObject({
      snapshots: [{ pin: { isPinned: true } }],
      badPins: [{ key: pinKey(CLUSTER, ID, 2), code: "verify/format" }],
    });
  });

  test.each([true, false])("of what is so already writes nothing (%s)", async (pinned) => {
    if (pinned) await pin(true);
    const before = [...vault.blobs.objects.keys()];
    expect(await pin(pinned, { reason: "again" })).toMatchObject({ outcome: "already", key: undefined, custody: undefined });
    expect([...vault.blobs.objects.keys()]).toEqual(before);
  });

  test.each([
    ["no ref", { ref: "prod" }, "usage"],
    ["no snapshot", { ref: `${CLUSTER}/20261121T110000Z` }, "ref/not-found"],
    ["no cluster", { ref: "staging/latest" }, "ref/not-found"],
    ["no reason", { reason: " \n " }, "usage"],
    ["a reason that is too long", { reason: "x".repeat(1001) }, "usage"],
  ] as const)("with %s fails, and writes nothing", async (_, fields, code) => {
    const before = [...vault.blobs.objects.keys()];
    for (const pinned of [true, false]) expect(await failureOf(pin(pinned, fields))).toMatchObject({ code });
    expect([...vault.blobs.objects.keys()]).toEqual(before);
  });

  test("of a manifest that does not hold fails, and writes nothing", async () => {
    plant(vault, manifestKey(CLUSTER, ID), "junk");
    const before = [...vault.blobs.objects.keys()];
    expect(await failureOf(pin(true))).toMatchObject({ code: "verify/format" });
    expect([...vault.blobs.objects.keys()]).toEqual(before);
  });

  test("needs an audit key that is trusted", async () => {
    const trusted = { ...vault.trusted, audit: [] };
    expect(await failureOf(pinSnapshot({ ...vault, trusted }, { ref: REF, pinned: true, reason: "why" }))).toMatchObject({
      code: "config/invalid",
    });
  });

  test("that could not be put is told as failed", async () => {
    vault.blobs.inject({ call: "put", key: /pins/, fault: { kind: "error" } });
    expect(await failureOf(pin(true))).toMatchObject({ code: "store/failed" });
    expect(custodyOf(vault).at(-1)).toMatchObject({ event: "failed", details: { code: "store/failed", of: custodyOf(vault).length - 1 } });
    expect(await findings()).toEqual([]);
    expect(await pin(true)).toMatchObject({ outcome: "pinned", state: { isPinned: true } });
  });
});

describe("at once", () => {
  test("several pins are one, and each run says that it is pinned", async () => {
    const outcomes = await Promise.all([1, 2, 3, 4].map((run) => pin(true, { reason: `run ${run}` })));
    expect(outcomes.map(({ state }) => state.isPinned)).toEqual([true, true, true, true]);
    expect(outcomes.map(({ outcome }) => outcome).toSorted()).toEqual(["already", "already", "already", "pinned"]);
    expect(await findings()).toEqual([]);
  });

  test("whoever finds the number taken when it comes to put takes the next, and says what became of the announcement", async () => {
    let asked = 0;
    const actor = async (): Promise<string> => {
      // The second time is when the record is made: the number was free a moment before.
      if (++asked === 2) plant(vault, pinKey(CLUSTER, ID, 1), "somebody was quicker");
      return "ann@backups";
    };
    const outcome = await pinSnapshot({ ...vault, actor }, { ref: REF, pinned: true, reason: "why" });
    expect(outcome).toMatchObject({ outcome: "pinned", key: pinKey(CLUSTER, ID, 2), state: { isPinned: true, doubts: [] } });
    expect(custodyOf(vault).map(({ event }) => event)).toEqual(["lineage-opened", "backup", "pinned", "skipped", "pinned"]);
    expect(await findings()).toEqual([["custody/unbelieved", pinKey(CLUSTER, ID, 1)]]);
  });
});

describe("what somebody planted", () => {
  test("above is settled by a person's word", async () => {
    await pin(true);
    plant(vault, pinKey(CLUSTER, ID, 7), "junk");
    expect(await pin(true)).toMatchObject({ outcome: "already", state: { isPinned: true, doubts: [{ message: saying("not JSON") }] } });
    expect(await pin(false)).toMatchObject({ outcome: "unpinned", key: pinKey(CLUSTER, ID, 8), state: { isPinned: false, doubts: [] } });
  });

  test("under the last number of all keeps nobody from pinning, and keeps the snapshot where it is unpinned", async () => {
    plant(vault, pinKey(CLUSTER, ID, 999_999), "junk");
    expect(await pin(true)).toMatchObject({ outcome: "pinned", key: pinKey(CLUSTER, ID, 1), state: { isPinned: true } });
    expect(await pin(false)).toMatchObject({ outcome: "unpinned", key: pinKey(CLUSTER, ID, 2), state: { isPinned: undefined } });
  });
});

describe("in a replica", () => {
  const replica = new MemoryBlobStore(systemClock);
  const copy = async (): Promise<Copied> =>
    copySnapshot(vault, await readManifest(vault, CLUSTER, ID), { name: "shelf", blobs: replica }, { purpose: "audit" });
  const there = { blobs: replica };

  test("counts what counts in the primary, from the next copy on, and the copied log holds", async () => {
    const inReplica = async (): Promise<boolean | undefined> => (await showSnapshot({ ...vault, ...there }, REF)).pin.isPinned;
    await copy();
    expect(await inReplica()).toBe(false);
    await pin(true);
    expect(await copy()).toMatchObject({ outcome: "existing", conflicts: [] });
    expect(await inReplica()).toBe(true);
    await pin(false);
    await copy();
    expect(await inReplica()).toBe(false);
    const report = await verifyCustody({ ...vault, ...there }, CLUSTER, { isReplica: true, onRecord: () => undefined });
    expect(report.findings).toEqual([]);
  });

  test("comes no pin that was moved to another place, and it is told", async () => {
    await pin(true);
    await pin(false);
    plant(vault, pinKey(CLUSTER, ID, 3), bytesAt(vault, pinKey(CLUSTER, ID, 1)));
    replica.objects.clear();
    expect((await copy()).conflicts).toEqual([saying(`pins/${ID}-3.json holds a document of snapshot ${ID}, its pin 1`)]);
    expect([...replica.objects.keys()].filter((key) => key.includes("/pins/"))).toEqual([pinKey(CLUSTER, ID, 1), pinKey(CLUSTER, ID, 2)]);
  });
});
