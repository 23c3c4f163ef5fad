import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parseRef, resolveRef } from "../../shared/vault/ref.ts";
import { resolveToRestore } from "../../shared/vault/restore-ref.ts";
import { verifyDeep } from "../../shared/jobs/verify/verify.ts";
import { dataKey, manifestKey } from "../../shared/documents/layout.ts";
import type { Agreement } from "../../shared/documents/proof.ts";
import { idOfSlot } from "../../shared/documents/slot.ts";
import { ManualClock } from "../doubles/manual-clock.ts";
import { failureOf } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";
import { flipped } from "../support/snapshots.ts";
import {
  backUp,
  bytesAt,
  CLUSTER,
  makeTestKeys,
  newVault,
  oneMember,
  plant,
  quarantine,
  rewrite,
  sealedObject,
} from "../support/vaults.ts";
import type { TestKeys, TestVault } from "../support/vaults.ts";

describe("a ref", () => {
  test.each<[string, object]>([
    ["prod/20261121T100000Z", { cluster: "prod", id: "20261121T100000Z" }],
    ["prod/20261121T100000Z-2", { cluster: "prod", id: "20261121T100000Z-2" }],
    ["eu-west_1.prod/latest", { cluster: "eu-west_1.prod", latest: true }],
    ["prod/good", { cluster: "prod", good: true }],
    ["prod@2026-11-21T10:00:00Z", { cluster: "prod", at: new Date("2026-11-21T10:00:00Z") }],
    ["prod@20261121T100000Z", { cluster: "prod", at: new Date("2026-11-21T10:00:00Z") }],
    ["prod@2026-11-21", { cluster: "prod", at: new Date("2026-11-21T00:00:00Z") }],
  ])("%s is one", (text, ref) => expect(parseRef(text)).toEqual(ref));

  test.each([
    ["", '"" is not a ref'],
    ["prod", '"prod" is not a ref'],
    ["prod/", '"prod/" is not a ref'],
    ["/latest", '"/latest" is not a ref'],
    ["Prod/latest", '"Prod/latest" is not a ref'],
    ["../prod/latest", "is not a ref"],
    ["prod/LATEST", '"LATEST" in "prod/LATEST" is not a snapshot id'],
    ["prod/20261121T100000Z-1", "is not a snapshot id"],
    ["prod/20261121T100000Z/x", "is not a snapshot id"],
    ["prod/../staging/latest", "is not a snapshot id"],
    ["prod@yesterday", '"yesterday" in "prod@yesterday" is not a UTC time'],
    ["prod@2026-11-21T10:00:00", "is not a UTC time"],
    ["prod@latest", "is not a UTC time"],
  ])("%j is none, and the hint shows the forms", async (text, message) => {
    const failure = await failureOf((async () => parseRef(text))());
    expect(failure).toMatchObject({ code: "usage", message: saying(message), hint: saying("CLUSTER/latest") });
  });

  test("of any cluster and id is read as it was written", () => {
    const cluster = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,62}$/);
    const id = fc
      .tuple(fc.integer({ min: 0, max: 4_000_000_000 }), fc.integer({ min: 1, max: 9999 }))
      .map(([second, number]) => idOfSlot(new Date(second * 1000), number));
    fc.assert(
      fc.property(cluster, id, (name, snapshot) => {
        expect(parseRef(`${name}/${snapshot}`)).toEqual({ cluster: name, id: snapshot });
      }),
    );
  });
});

describe("a ref is resolved to the manifest that it names", () => {
  const HOURS = ["08", "09", "10", "11"];
  const idAt = (hour: string): string => `20261121T${hour}0000Z`;

  let keys: TestKeys;
  let vault: TestVault;
  let stored: TestVault["blobs"]["objects"];
  beforeAll(async () => {
    keys = await makeTestKeys();
    vault = newVault(keys, "2026-11-21T07:00:00Z");
    for (const hour of HOURS) await backUpAt(`2026-11-21T${hour}:00:00Z`);
    stored = new Map(vault.blobs.objects);
  });
  afterAll(() => keys.remove());
  beforeEach(() => {
    vault = newVault(keys, "2026-11-21T11:30:00Z");
    for (const [key, kept] of stored) vault.blobs.objects.set(key, kept);
  });

  const untilTime = (time: string): void => vault.clock.advance(Date.parse(time) - vault.clock.now().getTime());
  /** On time, or as late as `now` says. */
  async function backUpAt(slot: string, now = slot): Promise<void> {
    untilTime(now);
    await backUp(vault, { slot, etcd: oneMember(10), rpoMs: 8 * 86_400_000 });
  }
  const idOf = async (ref: string): Promise<string> => (await resolveRef(vault, ref)).manifest.id;
  const breakManifest = (hour: string): void => {
    const key = manifestKey(CLUSTER, idAt(hour));
    plant(vault, key, flipped(bytesAt(vault, key), 50));
  };

  test.each([
    ["prod/latest", "11"],
    ["prod/20261121T090000Z", "09"],
    ["prod@2026-11-21T09:00:00Z", "09"],
    ["prod@2026-11-21T09:59:59Z", "09"],
    ["prod@2026-11-21T10:00Z", "10"],
    ["prod@2027-01-01", "11"],
  ])("%s", async (ref, hour) => expect(await idOf(ref)).toBe(idAt(hour)));

  test("a time takes every number of its second", async () => {
    untilTime("2026-11-21T12:00:00Z");
    const ids = [(await backUp(vault)).manifest.id, (await backUp(vault)).manifest.id];
    expect(ids).toEqual(["20261121T120000Z", "20261121T120000Z-2"]);
    expect(await idOf("prod@2026-11-21T12:00:00Z")).toBe("20261121T120000Z-2");
    expect(await idOf("prod/latest")).toBe("20261121T120000Z-2");
  });

  test("quarantined ones are passed over, unless they are named", async () => {
    await quarantine(vault, idAt("11"));
    await quarantine(vault, idAt("10"));
    expect(await idOf("prod/latest")).toBe(idAt("09"));
    expect(await idOf("prod@2026-11-21T10:30Z")).toBe(idAt("09"));
    expect(await idOf(`prod/${idAt("11")}`)).toBe(idAt("11"));
  });

  test("where all are quarantined, there is none", async () => {
    for (const hour of HOURS) await quarantine(vault, idAt(hour));
    expect(await failureOf(resolveRef(vault, "prod/latest"))).toMatchObject({
      code: "ref/not-found",
      message: "there is no snapshot of prod in memory",
    });
  });

  test("one that does not hold is never passed over silently: the hint names the next older one", async () => {
    await quarantine(vault, idAt("10"));
    breakManifest("11");
    expect(await failureOf(resolveRef(vault, "prod/latest"))).toMatchObject({
      code: "verify/format",
      hint: `the next older one is prod/${idAt("09")}`,
    });
    breakManifest("09");
    expect(await failureOf(resolveRef(vault, "prod/latest"))).toMatchObject({ hint: `the next older one is prod/${idAt("08")}` });
    breakManifest("08");
    expect(await failureOf(resolveRef(vault, "prod/latest"))).toMatchObject({
      hint: "there is no older one here; look for a replica",
    });
    // A newer one that does not hold is none of a time's business.
    expect(await failureOf(resolveRef(vault, "prod@2026-11-21T07:59:59Z"))).toMatchObject({ code: "ref/not-found" });
  });

  test("a newer one that does not hold does not stand in the way of a time before it", async () => {
    breakManifest("11");
    expect(await idOf("prod@2026-11-21T10:59:59Z")).toBe(idAt("10"));
  });

  test("a quarantined one that does not hold cannot say so, and is told of", async () => {
    await quarantine(vault, idAt("11"));
    breakManifest("11");
    expect(await failureOf(resolveRef(vault, "prod/latest"))).toMatchObject({ code: "verify/format" });
  });

  test("what is not there is told with what is", async () => {
    expect(await failureOf(resolveRef(vault, "prod/20261121T120000Z"))).toMatchObject({
      code: "ref/not-found",
      message: "snapshot prod/20261121T120000Z not found in memory",
      hint: `there are 4, from prod/${idAt("08")} to prod/${idAt("11")}; lifeboat ls prod shows them`,
    });
    expect(await failureOf(resolveRef(vault, "prod@2026-11-21"))).toMatchObject({
      code: "ref/not-found",
      message: "there is no snapshot of prod taken at or before 2026-11-21T00:00:00.000Z in memory",
    });
    expect(await failureOf(resolveRef(vault, "nowhere/latest"))).toMatchObject({
      code: "ref/not-found",
      hint: "lifeboat ls shows what is stored",
    });
  });

  test("the store's failure is not taken for an absence, nor for damage", async () => {
    vault.blobs.inject({ call: "list", key: /snapshots/, fault: { kind: "error" } });
    expect(await failureOf(resolveRef(vault, "prod/latest"))).toMatchObject({ code: "store/failed" });
    vault.blobs.inject({ call: "get", key: /snapshots/, fault: { kind: "error" } });
    expect(await failureOf(resolveRef(vault, "prod/latest"))).toMatchObject({ code: "store/failed" });
  });

  describe("by when its data was taken", () => {
    test("a run that was late is not given for a time at which its content did not exist", async () => {
      await backUpAt("2026-11-21T10:30:00Z", "2026-11-21T13:00:00Z");
      expect(await idOf("prod@2026-11-21T10:45:00Z")).toBe(idAt("10"));
      expect(await idOf("prod@2026-11-21T12:59:59Z")).toBe(idAt("11"));
      expect(await idOf("prod@2026-11-21T13:00:00Z")).toBe("20261121T103000Z");
      expect(await idOf("prod/latest")).toBe("20261121T103000Z");
    });

    test("the time that counts is the one at which the snapshot was there, not the one at which the run began", async () => {
      await rewrite(vault, "snapshot", manifestKey(CLUSTER, idAt("11")), (manifest) => ({
        ...manifest,
        createdAt: "2026-11-21T11:05:00.250Z",
      }));
      expect(await idOf("prod@2026-11-21T11:05:00Z")).toBe(idAt("10"));
      expect(await idOf("prod@2026-11-21T11:05:01Z")).toBe(idAt("11"));
    });

    test("what claims to have been taken in the future is given for no time", async () => {
      await rewrite(vault, "snapshot", manifestKey(CLUSTER, idAt("11")), (manifest) => ({
        ...manifest,
        createdAt: "2030-01-01T00:00:00.000Z",
      }));
      expect(await idOf("prod/latest")).toBe(idAt("10"));
      expect(await idOf("prod@2031-01-01")).toBe(idAt("10"));
    });

    test("a run that was as late as one may be is found behind all that were on time, and no more is read than could be newer", async () => {
      // The manifest of an hour for each of ten days; what is read of them is what a run of max(rpo, 1 day) could have been late for.
      const bytes = bytesAt(vault, manifestKey(CLUSTER, idAt("08")));
      const first = Date.parse("2026-11-21T12:00:00Z");
      for (let hour = 0; hour < 240; hour++) {
        const slot = new Date(first + hour * 3_600_000);
        plant(vault, manifestKey(CLUSTER, idOfSlot(slot)), bytes);
        await rewriteAt(vault, idOfSlot(slot), slot);
      }
      const newest = idOfSlot(new Date(first + 239 * 3_600_000));
      untilTime("2026-12-01T11:59:00Z");
      vault.blobs.calls.get = 0;
      expect(await idOf("prod/latest")).toBe(newest);
      expect(vault.blobs.calls.get).toBeLessThan(50);
      const lateId = idOfSlot(new Date(first + 217 * 3_600_000));
      await rewriteAt(vault, lateId, vault.clock.now());
      expect(await idOf("prod/latest")).toBe(lateId);
      // Later than a run may be: then an older one is given, unless the rpo lets a run be as late.
      await rewriteAt(vault, lateId, new Date(first + 217 * 3_600_000));
      const latest = idOfSlot(new Date(first + 143 * 3_600_000));
      await rewriteAt(vault, latest, vault.clock.now());
      expect(await idOf("prod/latest")).toBe(newest);
      const weekly = { ...vault, policyOf: () => ({ agreement: "quorum", confirm: "wanted", rpoMs: 8 * 86_400_000 }) as const };
      expect((await resolveRef(weekly, "prod/latest")).manifest.id).toBe(latest);
      vault.blobs.calls.get = 0;
      expect(await idOf("prod@2026-11-25T12:00:00Z")).toBe("20261125T120000Z");
      expect(vault.blobs.calls.get).toBeLessThan(50);
    });
  });

  describe("good", () => {
    test("is the newest one that is countersigned, proven and not in quarantine", async () => {
      expect(await failureOf(resolveRef(vault, "prod/good"))).toMatchObject({
        code: "ref/not-found",
        message: "there is no good snapshot of prod in memory",
        hint: saying("lifeboat verify prod --missing"),
      });
      await verifyDeep(vault, `prod/${idAt("09")}`);
      expect(await idOf("prod/good")).toBe(idAt("09"));
      await quarantine(vault, idAt("11"));
      await verifyDeep(vault, `prod/${idAt("11")}`);
      expect(await idOf("prod/good")).toBe(idAt("09"));
      await verifyDeep(vault, `prod/${idAt("10")}`);
      expect(await idOf("prod/good")).toBe(idAt("10"));
      expect(await idOf("prod/latest")).toBe(idAt("10"));
    });

    test("reads no manifest that nothing in verified/ speaks for", async () => {
      await verifyDeep(vault, `prod/${idAt("08")}`);
      vault.blobs.calls.get = 0;
      expect(await idOf("prod/good")).toBe(idAt("08"));
      expect(vault.blobs.calls.get).toBe(2);
    });

    test("takes agreement off where the configuration does, and not where it asks for more", async () => {
      untilTime("2026-11-21T12:00:00Z");
      const { manifest } = await backUp(vault, { agreement: "off" });
      await verifyDeep(vault, `prod/${manifest.id}`);
      const asking = (agreement: Agreement) =>
        resolveRef({ ...vault, policyOf: () => ({ agreement, confirm: "wanted", rpoMs: 0 }) }, "prod/good");
      expect((await asking("off")).manifest.id).toBe(manifest.id);
      expect(await failureOf(asking("quorum"))).toMatchObject({ code: "ref/not-found" });
    });
  });

  describe("to whoever restores", () => {
    const give = async (ref: string, unverified = false): Promise<string> =>
      (await resolveToRestore(vault, ref, { unverified })).manifest.id;

    test("a time gives the newest good one of then", async () => {
      for (const hour of ["08", "10"]) await verifyDeep(vault, `prod/${idAt(hour)}`);
      expect(await give("prod/good")).toBe(idAt("10"));
      expect(await give("prod@2026-11-21T11:30:00Z")).toBe(idAt("10"));
      expect(await give("prod@2026-11-21T09:30:00Z")).toBe(idAt("08"));
      expect(await failureOf(give("prod@2026-11-21T07:59:59Z"))).toMatchObject({
        code: "ref/not-found",
        message: "there is no good snapshot of prod taken at or before 2026-11-21T07:59:59.000Z in memory",
      });
    });

    test("latest and an id are refused where they are not good, with the reasons and what to take", async () => {
      expect(await failureOf(give("prod/latest"))).toMatchObject({
        code: "ref/not-good",
        message: `prod/${idAt("11")} is not good: not countersigned`,
        hint: `none of prod is good; lifeboat verify prod/${idAt("11")} --deep countersigns it; prod/${idAt("11")} with --unverified takes it all the same`,
      });
      await verifyDeep(vault, `prod/${idAt("09")}`);
      await quarantine(vault, idAt("10"));
      expect(await failureOf(give(`prod/${idAt("10")}`))).toMatchObject({
        code: "ref/not-good",
        message: `prod/${idAt("10")} is not good: not countersigned; in quarantine: its members disagree`,
        hint: `the newest good one is prod/${idAt("09")}, which prod/good names; prod/${idAt("10")} with --unverified takes it all the same`,
      });
      expect(await give(`prod/${idAt("09")}`)).toBe(idAt("09"));
      expect(await give(`prod/${idAt("10")}`, true)).toBe(idAt("10"));
      await verifyDeep(vault, `prod/${idAt("11")}`);
      expect(await give("prod/latest")).toBe(idAt("11"));
    });

    test.each(["prod/latest", "prod/good", "prod@2026-11-21"])("%s does not say which one is taken unverified", async (ref) => {
      expect(await failureOf(give(ref, true))).toMatchObject({
        code: "usage",
        message: saying(`${ref} names none`),
        hint: saying("lifeboat ls prod"),
      });
    });

    test("a countersigned one whose manifest was altered is passed over, and told of", async () => {
      for (const hour of ["10", "11"]) await verifyDeep(vault, `prod/${idAt(hour)}`);
      breakManifest("11");
      const { manifest, passedOver } = await resolveToRestore(vault, "prod/good");
      expect(manifest.id).toBe(idAt("10"));
      expect(passedOver).toEqual([{ id: idAt("11"), reason: saying(manifestKey(CLUSTER, idAt("11"))) }]);
    });

    test("by a clock that is behind an older one is given, and the newer ones are told of", async () => {
      for (const hour of ["08", "11"]) await verifyDeep(vault, `prod/${idAt(hour)}`);
      const behind = { ...vault, clock: new ManualClock("2026-11-21T08:30:00Z") };
      const { manifest, passedOver } = await resolveToRestore(behind, "prod/good");
      expect(manifest.id).toBe(idAt("08"));
      expect(passedOver).toEqual([{ id: idAt("11"), reason: saying("in the future") }]);
    });
  });
});

/** Says of a snapshot that its data was taken at `time`. */
async function rewriteAt(vault: TestVault, id: string, time: Date): Promise<void> {
  await rewrite(vault, "snapshot", manifestKey(CLUSTER, id), (manifest) => ({
    ...manifest,
    id,
    createdAt: time.toISOString(),
    stored: { ...sealedObject(manifest.stored), key: dataKey(CLUSTER, id, "0a1b2c3d") },
  }));
}
