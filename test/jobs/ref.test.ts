import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parseRef, resolveRef } from "../../shared/jobs/ref.ts";
import { manifestKey } from "../../shared/manifest/layout.ts";
import { idOfSlot } from "../../shared/manifest/slot.ts";
import { failureOf } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";
import { flipped } from "../support/snapshots.ts";
import { backUp, bytesAt, CLUSTER, makeTestKeys, newVault, oneMember, plant, quarantine } from "../support/vaults.ts";
import type { TestKeys, TestVault } from "../support/vaults.ts";

describe("a ref", () => {
  test.each<[string, object]>([
    ["prod/20261121T100000Z", { cluster: "prod", id: "20261121T100000Z" }],
    ["prod/20261121T100000Z-2", { cluster: "prod", id: "20261121T100000Z-2" }],
    ["eu-west_1.prod/latest", { cluster: "eu-west_1.prod", latest: true }],
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
  beforeAll(async () => {
    keys = await makeTestKeys();
  });
  afterAll(() => keys.remove());
  beforeEach(async () => {
    vault = newVault(keys);
    for (const hour of HOURS) await backUp(vault, { slot: `2026-11-21T${hour}:00:00Z`, etcd: oneMember(10) });
  });

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
    vault.clock.advance(7_200_000);
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

  test("one that does not hold is never passed over silently: the hint names the next older good one", async () => {
    await quarantine(vault, idAt("10"));
    breakManifest("11");
    expect(await failureOf(resolveRef(vault, "prod/latest"))).toMatchObject({
      code: "verify/format",
      hint: `the next older good one is prod/${idAt("09")}`,
    });
    breakManifest("09");
    expect(await failureOf(resolveRef(vault, "prod/latest"))).toMatchObject({ hint: `the next older good one is prod/${idAt("08")}` });
    breakManifest("08");
    expect(await failureOf(resolveRef(vault, "prod/latest"))).toMatchObject({
      hint: "there is no older good snapshot here; look for a replica",
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
      message: "there is no snapshot prod/20261121T120000Z in memory",
      hint: `there are 4, from prod/${idAt("08")} to prod/${idAt("11")}; lifeboat ls prod shows them`,
    });
    expect(await failureOf(resolveRef(vault, "prod@2026-11-21"))).toMatchObject({
      code: "ref/not-found",
      message: "there is no snapshot of prod at or before 2026-11-21T00:00:00.000Z in memory",
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
});
