import { describe, expect, test } from "vitest";
import { LifeboatError } from "../../../shared/errors.ts";
import { judgeMarker } from "../../../shared/jobs/doctor/judge-marker.ts";
import { judgePlace } from "../../../shared/vault/place/judge-place.ts";
import type { PlaceFacts } from "../../../shared/vault/place/judge-place.ts";

const [A, B] = ["a".repeat(32), "b".repeat(32)];
const known = { store: A, since: "2026-11-21T10:00:00.000Z", file: "/state/stores/1.json" };
const marked = (store: string | undefined, doubt?: LifeboatError): PlaceFacts["marker"] => ({ store, createdAt: undefined, doubt });
const untrusted = new LifeboatError("verify/untrusted", "store.json is signed by another");
const denied = new LifeboatError("store/denied", "may not read store.json");
const FACTS: PlaceFacts = { location: "/vault", isThere: true, marker: marked(A), known, mustExist: false };
const NOTHING: Partial<PlaceFacts> = { isThere: false, marker: "absent", known: undefined };

const judge = (change: Partial<PlaceFacts>, makes = false): string | undefined => {
  const refusal = judgePlace({ ...FACTS, ...change }, makes);
  return refusal === undefined ? undefined : `${refusal.code}: ${refusal.message}`;
};

describe("a place is taken", () => {
  test.each<[string, Partial<PlaceFacts>]>([
    ["with the store that this host knows there", {}],
    ["where this host knows nothing of it", { known: undefined }],
    ["with a marker of a key that is no longer trusted, of the store that is known", { marker: marked(A, untrusted) }],
    ["with a marker that is not believed, where nothing is known", { marker: marked(B, untrusted), known: undefined }],
    ["with a store of an older lifeboat", { marker: "absent", known: undefined }],
    ["by a role that may not read the marker", { marker: denied }],
    ["with the marker that must exist", { mustExist: true, known: undefined }],
  ])("%s", (_, change) => expect([judge(change), judge(change, true)]).toEqual([undefined, undefined]));

  test("where there is nothing, by a command that makes a store", () => expect(judge(NOTHING, true)).toBeUndefined());
});

describe("a place is refused", () => {
  test.each<[string, Partial<PlaceFacts>, string]>([
    [
      "with another store",
      { marker: marked(B) },
      `store/other: another store is at /vault: it is the store ${B}, and this host knew ${A} there`,
    ],
    [
      "with a marker that says nothing",
      { marker: marked(undefined, untrusted) },
      `store/other: another store is at /vault: its marker is not valid: store.json is signed by another, and this host knew ${A} there`,
    ],
    [
      "without the marker that it had: the empty folder that a disk is mounted on",
      { marker: "absent" },
      `store/missing: /vault is not marked as a store (it has no store.json), and this host knew the store ${A} there`,
    ],
    ["that is gone", { isThere: false, marker: "absent" }, `store/missing: /vault not found, and this host knew the store ${A} there`],
    ["that must exist and does not", { ...NOTHING, mustExist: true }, "store/missing: /vault not found, and mustExist is set for it"],
    [
      "that must have a marker and has none",
      { marker: "absent", known: undefined, mustExist: true },
      "store/missing: /vault is not marked as a store (it has no store.json), and mustExist is set for it",
    ],
    [
      "that must have a marker, of which nobody knows",
      { marker: denied, mustExist: true },
      "store/missing: mustExist is set for /vault, and its marker cannot be trusted: may not read store.json",
    ],
    [
      "that must have a marker, which is not believed",
      { marker: marked(A, untrusted), mustExist: true },
      "store/missing: mustExist is set for /vault, and its marker cannot be trusted: store.json is signed by another",
    ],
  ])("%s, also by a backup", (_, change, message) => expect([judge(change), judge(change, true)]).toEqual([message, message]));

  test("that is not there, by a command that only reads", () => expect(judge(NOTHING)).toBe("store/missing: /vault not found"));

  test("with what to do next, which names what this host remembers", () => {
    expect(judgePlace({ ...FACTS, marker: "absent" }, true)?.hint).toBe(
      "is the disk mounted, and the path (or bucket and prefix) in the configuration right? If the store was moved or replaced on purpose, remove /state/stores/1.json",
    );
  });
});

test.each<[string, Partial<PlaceFacts>, readonly string[]]>([
  ["is the right one", {}, []],
  ["is another", { marker: marked(B) }, ["problem store-refused"]],
  ["has no marker yet", { marker: "absent", known: undefined }, ["info store-unmarked"]],
  ["is not there yet, which is told of the folder", NOTHING, []],
  ["may not be looked at", { marker: denied }, ["warning store-unmarked"]],
  ["is marked by a stranger", { marker: marked(B, untrusted), known: undefined }, ["warning store-unmarked"]],
])("doctor tells of a store that %s", (_, change, expected) => {
  const found = judgeMarker("store", { ...FACTS, ...change });
  expect(found.map(({ severity, code }) => `${severity} ${code}`)).toEqual(expected);
  for (const { subject, fix } of found) expect([subject, fix]).toEqual(["store", expect.stringMatching(/./)]);
});
