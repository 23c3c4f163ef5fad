import { expect, test } from "vitest";
import {
  dataKey,
  drillKey,
  idInManifestKey,
  intakeKey,
  isClusterName,
  kindOfKey,
  lineageKey,
  manifestKey,
  nodeFilesDataKey,
  nodeFilesKey,
  nodeInInboxKey,
  partsOfDrillKey,
  partsOfNodeFilesKey,
  partsOfPinKey,
  partsOfRewrapKey,
  partsOfVerifiedKey,
  pinKey,
  rewrapKey,
  verifiedKey,
  verifiedPrefix,
} from "../../shared/documents/layout.ts";
import { isKey } from "../../shared/store/blob-key.ts";

const ID = "20261121T100000Z";

test("objects stand where docs/format.md says", () => {
  expect(manifestKey("prod", ID)).toBe("clusters/prod/snapshots/20261121T100000Z.json");
  expect(dataKey("prod", ID, "0badcafe")).toBe("clusters/prod/data/20261121T100000Z-0badcafe.age");
  expect(verifiedKey("prod", `${ID}-2`, ID)).toBe("clusters/prod/verified/20261121T100000Z-2-20261121T100000Z.json");
  expect(lineageKey("prod", 12)).toBe("clusters/prod/lineage/12.json");
});

test("the pins of a snapshot and of its second number never share a name, and neither do their rewraps", () => {
  const keys = [ID, `${ID}-2`].flatMap((id) => [1, 2].flatMap((number) => [pinKey("prod", id, number), rewrapKey("prod", id, number)]));
  expect(new Set(keys).size).toBe(8);
  expect(pinKey("prod", ID, 2)).toBe("clusters/prod/pins/20261121T100000Z-2.json");
  for (const id of [ID, `${ID}-2`, `${ID}-9999`]) {
    for (const number of [1, 2, 999_999]) {
      expect(partsOfPinKey("prod", pinKey("prod", id, number))).toEqual({ id, number });
      expect(partsOfRewrapKey("prod", rewrapKey("prod", id, number))).toEqual({ id, number });
    }
  }
});

test.each([
  "clusters/prod/pins/20261121T100000Z.json",
  "clusters/prod/pins/20261121T100000Z-0.json",
  "clusters/prod/pins/20261121T100000Z-1.json.bak",
  "clusters/staging/pins/20261121T100000Z-1.json",
  "clusters/prod/rewraps/20261121T100000Z-1.json",
])("%s is no pin of prod", (key) => expect(partsOfPinKey("prod", key)).toBeUndefined());

test("drills stand under a prefix of their own", () => {
  const key = drillKey("prod", `${ID}-2`, "20261122T000000Z-17");
  expect(key).toBe("clusters/prod/drills/20261121T100000Z-2-20261122T000000Z-17.json");
  expect(partsOfDrillKey("prod", key)).toEqual({ id: `${ID}-2`, time: "20261122T000000Z-17" });
  expect(partsOfVerifiedKey("prod", key)).toBeUndefined();
});

test("every key of the longest cluster name and id can be stored", () => {
  const cluster = `a${".".repeat(62)}`;
  expect(isClusterName(cluster)).toBe(true);
  const longest = `${ID}-9999`;
  for (const key of [
    manifestKey(cluster, longest),
    dataKey(cluster, longest, "0badcafe"),
    verifiedKey(cluster, longest, longest),
    drillKey(cluster, longest, longest),
    pinKey(cluster, longest, 999_999),
  ]) {
    expect(isKey(key), key).toBe(true);
  }
});

test.each(["prod", "a", "0", "eu-west_1.prod", "a".repeat(63)])("%j is a cluster's name", (name) => expect(isClusterName(name)).toBe(true));
test.each(["", "Prod", ".a", "-a", "_a", "a/b", "a b", "é", "..", "a\n", "a".repeat(64)])("%j is none", (name) =>
  expect(isClusterName(name)).toBe(false),
);

test("the id in a manifest's key comes back", () => {
  for (const id of [ID, `${ID}-2`, `${ID}-9999`]) expect(idInManifestKey("prod", manifestKey("prod", id))).toBe(id);
});

test.each([
  "clusters/staging/snapshots/20261121T100000Z.json",
  "clusters/prod/snapshots/20261121T100000Z",
  "clusters/prod/snapshots/20261121T100000Z.json.bak",
  "clusters/prod/snapshots/20261121T100000Z-1.json",
  "clusters/prod/snapshots/20261321T100000Z.json",
  "clusters/prod/snapshots/a/20261121T100000Z.json",
  "clusters/prod/snapshots/.json",
  "clusters/prod/verified/20261121T100000Z.json",
])("%s is no manifest of prod", (key) => expect(idInManifestKey("prod", key)).toBeUndefined());

test("the id and the time in a countersignature's key come back, also where both have a number", () => {
  for (const id of [ID, `${ID}-2`]) {
    for (const time of ["20261122T000000Z", "20261122T000000Z-17"]) {
      expect(partsOfVerifiedKey("prod", verifiedKey("prod", id, time))).toEqual({ id, time });
    }
  }
});

test("the countersignatures of an id and of its second number begin alike, and are told apart by their parts", () => {
  const key = verifiedKey("prod", `${ID}-2`, "20261122T000000Z");
  expect(key.startsWith(verifiedPrefix("prod", ID))).toBe(true);
  expect(partsOfVerifiedKey("prod", key)?.id).toBe(`${ID}-2`);
});

test.each([
  "clusters/staging/verified/20261121T100000Z-20261122T000000Z.json",
  "clusters/prod/verified/20261121T100000Z.json",
  "clusters/prod/verified/20261121T100000Z-20261122T000000Z",
  "clusters/prod/verified/20261121T100000Z-x.json",
])("%s is no countersignature of prod", (key) => expect(partsOfVerifiedKey("prod", key)).toBeUndefined());

test("node files, their documents and what lies in the inbox are told apart by their names", () => {
  const [document, data] = [nodeFilesKey("prod", "node-a", ID), nodeFilesDataKey("prod", "node-a", ID)];
  expect(partsOfNodeFilesKey("prod", document)).toEqual({ node: "node-a", time: ID, holds: "document" });
  expect(kindOfKey("prod", data)).toEqual({ kind: "node-files", node: "node-a", time: ID, holds: "data" });
  expect(kindOfKey("prod", intakeKey("prod", 12))).toEqual({ kind: "intake" });
  for (const key of [
    "clusters/prod/intake/0.json",
    "clusters/prod/intake/1000000.json",
    "clusters/prod/node-files/x",
    `clusters/prod/node-files/a/b/${ID}.age`,
  ])
    expect(kindOfKey("prod", key), key).toEqual({ kind: "foreign" });
  expect(nodeInInboxKey("prod", "inbox/prod/node-a/whatever.age")).toBe("node-a");
  for (const key of [
    "inbox/staging/node-a/x.age",
    "inbox/prod/x.age",
    "inbox/prod/node-a/x.txt",
    "inbox/prod/node-a/b/x.age",
    "inbox/prod/-a/x.age",
  ])
    expect(nodeInInboxKey("prod", key), key).toBeUndefined();
  for (const key of [document, data]) expect(isKey(key), key).toBe(true);
});
