import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { listClusters } from "../../shared/vault/catalog.ts";
import { listSnapshots } from "../../shared/jobs/list.ts";
import type { Listed, Listing } from "../../shared/jobs/list.ts";
import { showSnapshot } from "../../shared/jobs/inspect/show.ts";
import { verifyDeep } from "../../shared/jobs/verify/verify.ts";
import { manifestKey, verifiedKey } from "../../shared/documents/layout.ts";
import type { Verification } from "../../shared/documents/verification.ts";
import { digestOf, openDocument } from "../../shared/documents/signed-document.ts";
import { failureOf } from "../support/blobs.ts";
import { payloadOf, rawEnvelope, signedBy, withPayload } from "../support/envelopes.ts";
import { saying } from "../support/matchers.ts";
import { flipped } from "../support/snapshots.ts";
import { backUp, bytesAt, CLUSTER, makeTestKeys, newVault, oneMember, plant, quarantine, rewrite } from "../support/vaults.ts";
import type { TestKeys, TestVault } from "../support/vaults.ts";

const IDS = ["20261121T100000Z", "20261121T100100Z", "20261121T100200Z"] as const;
const TIME = "20261122T000000Z";

let keys: TestKeys;
let strangers: TestKeys;
let vault: TestVault;
beforeAll(async () => {
  [keys, strangers] = [await makeTestKeys(), await makeTestKeys()];
});
afterAll(async () => {
  await keys.remove();
  await strangers.remove();
});
beforeEach(async () => {
  vault = newVault(keys);
  for (let minute = 0; minute < IDS.length; minute += 1) {
    await backUp(vault);
    vault.clock.advance(60_000);
  }
});

const list = (): Promise<Listing> => listSnapshots(vault, CLUSTER);
const corrupt = (key: string): void => plant(vault, key, flipped(bytesAt(vault, key), 40));

/** Which snapshots count as verified. */
function verified({ snapshots }: Listing): readonly string[] {
  return snapshots.flatMap((each) => (!("error" in each) && each.verifiedAt !== undefined ? [each.id] : []));
}

function idAndTrouble(each: Listed): readonly [string, string | undefined] {
  return [each.id, "error" in each ? each.error.code : undefined];
}

describe("ls", () => {
  test("gives a cluster's snapshots, oldest first, from metadata alone", async () => {
    await backUp(vault, { cluster: "staging" });
    vault.blobs.calls.get = 0;
    const { snapshots, badCountersignatures } = await list();
    expect(snapshots.map(idAndTrouble)).toEqual(IDS.map((id) => [id, undefined]));
    expect(snapshots[1]).toMatchObject({ cluster: "prod", id: IDS[1], verifiedAt: undefined });
    expect(badCountersignatures).toEqual([]);
    expect(vault.blobs.calls.get).toBe(3);
  });

  test("gives nothing for a cluster that has nothing", async () => {
    expect(await listSnapshots(vault, "nowhere")).toEqual({
      snapshots: [],
      badCountersignatures: [],
      badPins: [],
      badSegments: [],
      log: { log: new Map(), witness: undefined },
      refs: [],
    });
  });

  test("of which the newest are asked for, or those since a time, reads those alone, and says what else there is", async () => {
    vault.clock.advance(60_000);
    for (const id of IDS) await verifyDeep(vault, `${CLUSTER}/${id}`);
    vault.blobs.calls.get = 0;
    const newest = await listSnapshots(vault, CLUSTER, { limit: 1 });
    expect(newest.snapshots).toMatchObject([{ id: IDS[2], lacks: [] }]);
    expect(newest.refs).toEqual(IDS.map((id) => `prod/${id}`));
    // A manifest and a countersignature.
    expect(vault.blobs.calls.get).toBe(2);
    const since = await listSnapshots(vault, CLUSTER, { since: new Date("2026-11-21T10:01:00Z") });
    expect(since.snapshots.map(({ id }) => id)).toEqual(IDS.slice(1));
    const both = await listSnapshots(vault, CLUSTER, { since: new Date("2026-11-21T10:01:00Z"), limit: 5 });
    expect(both.snapshots.map(({ id }) => id)).toEqual(IDS.slice(1));
    vault.blobs.calls.get = 0;
    expect((await listSnapshots(vault, CLUSTER, { since: new Date("2026-11-22T00:00:00Z") })).snapshots).toEqual([]);
    expect(vault.blobs.calls.get).toBe(0);
  });

  test("sorts by time and number, not as text, over many", async () => {
    vault = newVault(keys);
    for (let run = 0; run < 18; run += 1) await backUp(vault, { etcd: oneMember(10) });
    const ids = (await list()).snapshots.map(({ id }) => id);
    expect(ids).toEqual([IDS[0], ...Array.from({ length: 17 }, (_, index) => `${IDS[0]}-${index + 2}`)]);
  });

  test("tells of a manifest that does not hold, and still gives the others", async () => {
    corrupt(manifestKey(CLUSTER, IDS[1]));
    plant(vault, manifestKey(CLUSTER, IDS[2]), bytesAt(vault, manifestKey(CLUSTER, IDS[0])));
    const { snapshots } = await list();
    expect(snapshots.map(idAndTrouble)).toEqual([
      [IDS[0], undefined],
      [IDS[1], "verify/format"],
      [IDS[2], "verify/format"],
    ]);
    expect(snapshots[2]).toMatchObject({ error: { message: saying(`snapshot ${IDS[0]}: it was moved or copied there`) } });
  });

  test("gives no half of a list where the store fails", async () => {
    vault.blobs.inject({ call: "get", key: /snapshots/, fault: { kind: "error" } });
    expect(await failureOf(list())).toMatchObject({ code: "store/failed" });
    vault.blobs.inject({ call: "list", key: /verified/, fault: { kind: "error" } });
    expect(await failureOf(list())).toMatchObject({ code: "store/failed" });
  });

  test("passes over what is no manifest", async () => {
    for (const name of ["20261121T100000Z.json.bak", "readme.txt", "20261121T100000Z-1.json", "latest.json"])
      plant(vault, `clusters/prod/snapshots/${name}`, "{}");
    expect((await list()).snapshots.map(({ id }) => id)).toEqual(IDS);
  });
});

describe("a countersignature", () => {
  const key = (id: string): string => verifiedKey(CLUSTER, id, TIME);
  const verification = (ref: string): Promise<Verification> =>
    verifyDeep(vault, ref).then(({ countersignature }) =>
      openDocument("verification", bytesAt(vault, countersignature), vault.trusted, "it"),
    );

  test("counts for the very snapshot that was verified, and the newest is given", async () => {
    await verifyDeep(vault, `prod/${IDS[1]}`);
    vault.clock.advance(60_000);
    await verifyDeep(vault, `prod/${IDS[1]}`);
    const listing = await list();
    expect(verified(listing)).toEqual([IDS[1]]);
    expect(listing.snapshots[1]).toMatchObject({ verifiedAt: "2026-11-21T10:04:00.000Z" });
    expect(listing.badCountersignatures).toEqual([]);
  });

  test("does not count for the second number of the same second", async () => {
    const { manifest } = await backUp(vault);
    const second = await backUp(vault);
    expect(second.manifest.id).toBe(`${manifest.id}-2`);
    await verifyDeep(vault, `prod/${second.manifest.id}`);
    expect(verified(await list())).toEqual([second.manifest.id]);
    expect((await showSnapshot(vault, `prod/${manifest.id}`)).verifications).toEqual([]);
    expect((await showSnapshot(vault, `prod/${second.manifest.id}`)).verifications).toHaveLength(1);
  });

  test("does not count once the manifest is another, however rightly signed", async () => {
    await verifyDeep(vault, `prod/${IDS[1]}`);
    await rewrite(vault, "snapshot", manifestKey(CLUSTER, IDS[1]), (manifest) => manifest);
    const listing = await list();
    expect(listing.snapshots.map(idAndTrouble)).toEqual(IDS.map((id) => [id, undefined]));
    expect(verified(listing)).toEqual([]);
    expect((await showSnapshot(vault, `prod/${IDS[1]}`)).verifications).toEqual([]);
  });

  test.each<[string, () => Promise<Uint8Array | string>, object]>([
    [
      "signed by the key of backups",
      async () => signedBy(keys.ring, "snapshot", await verification(`prod/${IDS[0]}`), "verification"),
      { code: "verify/untrusted" },
    ],
    [
      "signed by a stranger",
      async () => signedBy(strangers.ring, "audit", await verification(`prod/${IDS[0]}`), "verification"),
      { code: "verify/untrusted" },
    ],
    [
      "of another cluster",
      async () => signedBy(keys.ring, "audit", { ...(await verification(`prod/${IDS[0]}`)), cluster: "staging" }, "verification"),
      { code: "verify/format", message: saying("cluster staging") },
    ],
    [
      "altered",
      async () => {
        const { countersignature } = await verifyDeep(vault, `prod/${IDS[0]}`);
        const bytes = bytesAt(vault, countersignature);
        return withPayload(bytes, payloadOf(bytes).replace(IDS[0], IDS[1]));
      },
      { code: "verify/signature" },
    ],
    [
      "copied from another snapshot",
      async () => {
        const { countersignature } = await verifyDeep(vault, `prod/${IDS[0]}`);
        return bytesAt(vault, countersignature);
      },
      { code: "verify/format", message: saying(`snapshot ${IDS[0]}: it was moved or copied there`) },
    ],
    ["that is a manifest", () => Promise.resolve(bytesAt(vault, manifestKey(CLUSTER, IDS[1]))), { code: "verify/format" }],
    ["that is nothing", () => Promise.resolve(""), { code: "verify/format" }],
    ["without end", () => Promise.resolve(Buffer.alloc(2 << 20)), { code: "verify/size" }],
  ])("%s is told of, and does not count", async (_what, make, error) => {
    const bytes = await make();
    for (const name of vault.blobs.objects.keys()) if (name.includes("/verified/")) vault.blobs.objects.delete(name);
    plant(vault, key(IDS[1]), bytes);
    const listing = await list();
    expect(listing.badCountersignatures).toEqual([{ key: key(IDS[1]), error: expect.objectContaining(error) as unknown }]);
    expect(verified(listing)).toEqual([]);
    expect((await showSnapshot(vault, `prod/${IDS[1]}`)).verifications).toEqual([]);
  });

  test("that does not hold takes nothing from one that does", async () => {
    await verifyDeep(vault, `prod/${IDS[1]}`);
    plant(vault, key(IDS[1]), "garbage");
    const listing = await list();
    expect(verified(listing)).toEqual([IDS[1]]);
    expect(listing.badCountersignatures).toHaveLength(1);
  });
});

describe("show", () => {
  test("gives the manifest, its digest and the countersignatures of it, oldest first", async () => {
    await verifyDeep(vault, `prod/${IDS[0]}`);
    vault.clock.advance(60_000);
    await verifyDeep(vault, `prod/${IDS[0]}`);
    const shown = await showSnapshot(vault, `prod/${IDS[0]}`);
    expect(shown.digest).toBe(digestOf(bytesAt(vault, manifestKey(CLUSTER, IDS[0]))));
    expect(shown.manifest).toMatchObject({ id: IDS[0] });
    expect(shown.verifications.map(({ verifiedAt }) => verifiedAt)).toEqual(["2026-11-21T10:03:00.000Z", "2026-11-21T10:04:00.000Z"]);
  });

  test("refuses a manifest that does not hold, and what is not there", async () => {
    corrupt(manifestKey(CLUSTER, IDS[0]));
    expect(await failureOf(showSnapshot(vault, `prod/${IDS[0]}`))).toMatchObject({ code: "verify/format" });
    expect(await failureOf(showSnapshot(vault, "prod/20261121T110000Z"))).toMatchObject({ code: "ref/not-found" });
  });

  test("shows a quarantined one as what it is", async () => {
    await quarantine(vault, IDS[0]);
    expect((await showSnapshot(vault, `prod/${IDS[0]}`)).manifest.quarantine).toEqual({ reasons: ["its members disagree"] });
  });
});

test("the clusters are those that have anything in the store, in order", async () => {
  for (const name of ["a-b", "a", "a.b"]) await backUp(vault, { cluster: name });
  plant(vault, "clusters/orphans/data/20261121T100000Z-00000000.age", "x");
  plant(vault, "clusters/NotAName/data/x", "x");
  plant(vault, "bundles/elsewhere/x", "x");
  expect(await listClusters(vault.blobs)).toEqual(["a", "a-b", "a.b", "orphans", "prod"]);
});

test("a document of a kind that later versions leave beside countersignatures is passed over", async () => {
  const { manifest } = await backUp(vault);
  const { id } = manifest;
  const drill = await signedBy(vault.keys, "audit", { type: "rehearsal", formatVersion: 1, cluster: CLUSTER, id }, "rehearsal");
  plant(vault, verifiedKey(CLUSTER, id, "20261121T110000Z"), drill);
  expect((await listSnapshots(vault, CLUSTER)).badCountersignatures).toEqual([]);
  plant(
    vault,
    verifiedKey(CLUSTER, manifest.id, "20261121T120000Z"),
    JSON.stringify({ ...rawEnvelope(drill), payloadType: "application/vnd.someone-else" }),
  );
  expect((await listSnapshots(vault, CLUSTER)).badCountersignatures).toHaveLength(1);
});
