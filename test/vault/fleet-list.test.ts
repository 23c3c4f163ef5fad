import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withListed } from "../../shared/config/listed.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { fleetKey } from "../../shared/documents/layout.ts";
import { signDocument } from "../../shared/documents/signed-document.ts";
import type { Unsigned } from "../../shared/documents/signed-document.ts";
import type { KeyRing } from "../../shared/keys/key-ring.ts";
import { readFleetList, readFleetLists } from "../../shared/vault/fleet-list.ts";
import { TOOL } from "../../shared/version.ts";
import { once } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";
import { bytesAt, makeTestKeys, newVault, plant } from "../support/vaults.ts";
import type { TestKeys, TestVault } from "../support/vaults.ts";

/** Which list of clusters is in force, and what somebody who can put and delete objects, and holds no bundle key, can do about it. */

let own: TestKeys;
let strangers: TestKeys;
beforeAll(async () => {
  [own, strangers] = await Promise.all([makeTestKeys(), makeTestKeys()]);
});
afterAll(() => Promise.all([own.remove(), strangers.remove()]));

const CONFIG = `version: 1
store: { kind: directory, path: ./vault }
keys: { kind: local, path: ./keys }
clusters: { here: { endpoints: ["http://10.0.0.9:2379"] } }
`;

function draft(number: number, endpoint = `http://10.0.0.${number}:2379`): Unsigned<"fleet"> {
  return {
    type: "fleet",
    formatVersion: 1,
    number,
    createdAt: "2026-11-29T10:00:00.000Z",
    by: "ann@desk",
    clusters: { prod: { settings: { endpoints: [endpoint], rpo: "4h" } } },
    tool: TOOL,
  };
}

async function put(
  vault: TestVault,
  number: number,
  { at = number, keys = vault.keys, draft: of = draft(number) }: { at?: number; keys?: KeyRing; draft?: Unsigned<"fleet"> } = {},
): Promise<void> {
  plant(vault, fleetKey(at), (await signDocument(keys, "fleet", of)).bytes);
}

describe("the list in force", () => {
  test("is none at first, and whoever needs one is told how to make it", async () => {
    const vault = newVault(own);
    expect(await readFleetLists(vault)).toEqual({ inForce: undefined, unbelieved: [], next: 1 });
    await expect(readFleetList(vault)).rejects.toMatchObject({ code: "config/not-found", hint: "lifeboat fleet apply writes one" });
  });

  test("is that of the highest number, as a number and not as text", async () => {
    const vault = newVault(own);
    for (const number of [2, 9, 10]) await put(vault, number);
    const { inForce, next } = await readFleetLists(vault);
    expect([inForce?.number, inForce?.names, next]).toEqual([10, ["prod"], 11]);
    expect(inForce?.cluster("prod")).toMatchObject({ endpoints: ["http://10.0.0.10:2379"], rpo: 14_400_000, agreement: "quorum" });
    expect(inForce?.cluster("toString")).toBeUndefined();
  });

  test("stays where somebody puts another above it: unsigned, by a stranger, by another role, or an older one again", async () => {
    const vault = newVault(own);
    await put(vault, 1);
    await put(vault, 2);
    plant(vault, fleetKey(3), Buffer.from("{}"));
    await put(vault, 4, { keys: strangers.ring });
    await put(vault, 1, { at: 5 });
    // A purpose that may not sign lists, in the key and in what is signed.
    const asVerifier: KeyRing = Object.create(vault.keys) as KeyRing;
    asVerifier.sign = (_purpose, bytes) => vault.keys.sign("audit", bytes);
    asVerifier.publicKey = () => vault.keys.publicKey("audit");
    await put(vault, 6, { keys: asVerifier });
    const { inForce, unbelieved, next } = await readFleetLists(vault);
    expect([inForce?.number, next]).toEqual([2, 7]);
    expect(unbelieved).toMatchObject([
      { code: "verify/untrusted", message: saying("fleet/6.json") },
      { code: "verify/format", message: saying("fleet/5.json holds a document of number 1") },
      { code: "verify/untrusted", message: saying("fleet/4.json") },
      { code: "verify/format", message: saying("fleet/3.json") },
    ]);
  });

  test("stays where somebody deletes it without its version, or writes an older one over it", async () => {
    const vault = newVault(own, undefined, { versions: true });
    await put(vault, 1);
    await put(vault, 2);
    vault.blobs.hide(fleetKey(2));
    expect((await readFleetLists(vault)).inForce?.number).toBe(2);
    await vault.blobs.put(fleetKey(2), once(bytesAt(vault, fleetKey(1)).toString()));
    expect(await readFleetLists(vault)).toMatchObject({ inForce: { number: 2 }, unbelieved: [], next: 3 });
  });

  test("is none that a key signed which signs no more: nothing witnesses when", async () => {
    const vault = newVault(own);
    await put(vault, 1);
    const { fingerprint } = await vault.keys.publicKey("bundle");
    const ended = { ...vault, trusted: { ...vault.trusted, ends: { [fingerprint]: "2030-01-01T00:00:00.000Z" } } };
    expect(await readFleetLists(ended)).toMatchObject({ inForce: undefined, unbelieved: [{ message: saying("notAfter") }], next: 2 });
  });

  test("is not looked for below more than sixteen that are not believed", async () => {
    const vault = newVault(own);
    await put(vault, 1);
    for (let number = 2; number < 20; number++) plant(vault, fleetKey(number), Buffer.from("{}"));
    await expect(readFleetLists(vault)).rejects.toMatchObject({ code: "verify/format", message: saying("fleet/19.json") });
  });

  test("names a cluster whose settings this version does not understand, and gives the others", async () => {
    const vault = newVault(own);
    const settings = { endpoints: ["http://10.0.0.1:2379"], sharding: "by moon" };
    await put(vault, 1, {
      draft: { ...draft(1), clusters: { later: { settings }, prod: { settings: { endpoints: settings.endpoints } } } },
    });
    const list = await readFleetList(vault);
    expect(() => list.cluster("later")).toThrow('fleet/1.json: cluster later: unknown setting "sharding"');
    expect(list.cluster("prod")).toMatchObject({ endpoints: settings.endpoints });
    const base = { config: parseConfig(CONFIG, "lifeboat.yaml"), file: "lifeboat.yaml", directory: "/" };
    expect(Object.keys(withListed(base, list, ["prod"]).config.clusters)).toEqual(["prod"]);
    expect(() => withListed(base, list, ["here"])).toThrow("fleet/1.json has no cluster here");
  });
});
