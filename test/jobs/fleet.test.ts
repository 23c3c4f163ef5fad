import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { drillKey, lineageKey, manifestKey, verifiedKey } from "../../shared/documents/layout.ts";
import { openDocument } from "../../shared/documents/signed-document.ts";
import { LifeboatError } from "../../shared/errors.ts";
import { readFleet } from "../../shared/jobs/fleet.ts";
import type { FleetCluster } from "../../shared/jobs/fleet.ts";
import { verifyDeep } from "../../shared/jobs/verify/verify.ts";
import { signedBy } from "../support/envelopes.ts";
import { saying } from "../support/matchers.ts";
import { flipped } from "../support/snapshots.ts";
import { backUp, bytesAt, CLUSTER, makeTestKeys, newVault, plant, quarantine } from "../support/vaults.ts";
import type { TestKeys, TestVault } from "../support/vaults.ts";

let keys: TestKeys;
let vault: TestVault;
let ids: readonly string[];
beforeAll(async () => {
  keys = await makeTestKeys();
});
afterAll(() => keys.remove());
beforeEach(async () => {
  vault = newVault(keys);
  const made: string[] = [];
  for (let count = 0; count < 3; count++) {
    const { manifest } = await backUp(vault);
    await verifyDeep(vault, `${CLUSTER}/${manifest.id}`);
    made.push(manifest.id);
    vault.clock.advance(60_000);
  }
  ids = made;
});

const HOUR_MS = 3_600_000;

async function fleet(names: readonly string[] = [CLUSTER], rpoMs = HOUR_MS): Promise<readonly FleetCluster[]> {
  const policy = { agreement: "quorum", confirm: "off", rpoMs } as const;
  const all: FleetCluster[] = [];
  for await (const each of readFleet({ ...vault, policyOf: () => policy }, names)) all.push(each);
  return all;
}

test("a cluster that is well", async () => {
  const [prod] = await fleet();
  expect(prod).toMatchObject({
    cluster: "prod",
    rpoMs: HOUR_MS,
    hint: "ok",
    problems: [],
    stored: {
      snapshots: 3,
      good: 3,
      notVerified: 0,
      quarantined: 0,
      unbelieved: 0,
      newestGood: { id: ids[2], ageMs: 60_000, lineage: 1 },
      newest: { id: ids[2] },
      lineage: 1,
      attention: undefined,
      drill: undefined,
    },
  });
  const sizes = ids.map((id) => openDocument("snapshot", bytesAt(vault, manifestKey(CLUSTER, id)), vault.trusted, id).stored.bytes);
  expect(prod?.stored?.storedBytes).toBe(sizes.reduce((sum, bytes) => sum + bytes, 0));
});

test("one whose newest good snapshot is too old says which newer one is not good", async () => {
  await quarantine(vault, ids[2] ?? "");
  vault.clock.advance(HOUR_MS);
  expect((await fleet())[0]).toMatchObject({
    hint: "too old",
    problems: ["the newest good snapshot is older than the rpo; the newest, prod/20261121T100200Z, is not good"],
    stored: { good: 2, notVerified: 1, quarantined: 1, newestGood: { id: ids[1] }, newest: { id: ids[2] } },
  });
});

test("one of which none is good, one of which nothing is stored, and one that nobody configured", async () => {
  await backUp(vault, { cluster: "unverified" });
  const [unverified, empty] = await fleet(["unverified", "empty"]);
  expect(unverified).toMatchObject({ hint: "none good", stored: { snapshots: 1, good: 0, notVerified: 1, newestGood: undefined } });
  expect(empty).toMatchObject({ hint: "nothing stored", stored: { snapshots: 0, newest: undefined, lineage: undefined } });
  // Not by a default of the helper above: undefined is what is asked.
  const all: FleetCluster[] = [];
  for await (const each of readFleet(vault, [CLUSTER])) all.push(each);
  expect(all).toMatchObject([{ hint: "not configured", rpoMs: undefined, problems: ["the configuration does not have it"] }]);
});

test("what is not believed is told, and what is graver comes first", async () => {
  const [first = "", second = ""] = ids;
  const damage = (key: string): void => plant(vault, key, flipped(bytesAt(vault, key), 40));
  damage(manifestKey(CLUSTER, first));
  plant(vault, verifiedKey(CLUSTER, second, "20261121T105900Z"), "{}");
  plant(vault, drillKey(CLUSTER, second, "20261121T105900Z"), "{}");
  plant(vault, lineageKey(CLUSTER, 2), "{}");
  const [prod] = await fleet();
  expect(prod).toMatchObject({ hint: "not believed", stored: { snapshots: 3, unbelieved: 1, good: 2 } });
  expect(prod?.problems).toEqual([manifestKey(CLUSTER, first), "verified/", "lineage/2.json", "drills/"].map((each) => saying(each)));
  vault.clock.advance(2 * HOUR_MS);
  expect((await fleet())[0]).toMatchObject({ hint: "too old" });
});

test("the newest drill that is believed", async () => {
  const [id = ""] = ids;
  const drill = {
    type: "drill",
    formatVersion: 1,
    cluster: CLUSTER,
    id,
    manifestDigest: `sha256:${"0".repeat(64)}`,
    etcdVersion: "3.6.16",
    steps: [{ name: "restore", ms: 1 }],
    hashKv: { revision: 1, compactRevision: -1, hash: 1 },
    keys: 1,
    tool: { name: "etcd-lifeboat", version: "0" },
  };
  for (const [time, outcome] of [
    ["20261121T100100Z", "failed"],
    ["20261121T100200Z", "passed"],
  ] as const) {
    const drilledAt = `2026-11-21T10:0${time[12]}:00.000Z`;
    plant(vault, drillKey(CLUSTER, id, time), await signedBy(keys.ring, "audit", { ...drill, drilledAt, outcome }, "drill"));
  }
  expect((await fleet())[0]).toMatchObject({ hint: "ok", stored: { drill: { id, at: "2026-11-21T10:02:00.000Z", failed: false } } });
  vault.blobs.objects.delete(drillKey(CLUSTER, id, "20261121T100200Z"));
  expect((await fleet())[0]).toMatchObject({ hint: "drill failed", stored: { drill: { failed: true } } });
  const error = new LifeboatError("store/denied", "no");
  vault.blobs.inject({ call: "get", key: /drills/, fault: { kind: "error", error } });
  expect((await fleet())[0]).toMatchObject({ hint: "ok", stored: { drill: undefined } });
});

test("a cluster that cannot be read does not keep the others from being told", async () => {
  await backUp(vault, { cluster: "staging" });
  vault.blobs.inject({
    call: "list",
    key: /clusters\/prod/,
    times: 99,
    fault: { kind: "error", error: new LifeboatError("store/failed", "no answer") },
  });
  expect(await fleet([CLUSTER, "staging"])).toMatchObject([
    { cluster: "prod", hint: "unknown", problems: ["no answer"], stored: undefined },
    { cluster: "staging", hint: "none good" },
  ]);
});
