import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pinKey } from "../../shared/documents/layout.ts";
import { LifeboatError } from "../../shared/errors.ts";
import { signDocument } from "../../shared/documents/signed-document.ts";
import type { Unsigned } from "../../shared/documents/signed-document.ts";
import { pinOf, readPins } from "../../shared/vault/pins.ts";
import type { PinState } from "../../shared/vault/pins.ts";
import { TOOL } from "../../shared/version.ts";
import { signedBy } from "../support/envelopes.ts";
import { saying } from "../support/matchers.ts";
import { useVault } from "../support/use-vault.ts";
import { bytesAt, CLUSTER, makeTestKeys, plant } from "../support/vaults.ts";
import type { TestKeys } from "../support/vaults.ts";

/** What counts of the pins of a snapshot, and what somebody who can put objects, and holds no audit key, can do by them. */

const { vault } = useVault();
let strangers: TestKeys;
beforeAll(async () => {
  strangers = await makeTestKeys();
});
afterAll(() => strangers.remove());

const ID = "20261121T100000Z";
const MANIFEST = `sha256:${"a".repeat(64)}`;
const OTHER = `sha256:${"b".repeat(64)}`;

function draft(number: number, fields: Partial<Unsigned<"pin">> = {}): Unsigned<"pin"> {
  return {
    type: "pin",
    formatVersion: 1,
    cluster: CLUSTER,
    id: ID,
    number,
    manifestDigest: MANIFEST,
    pinned: true,
    by: "ann@backups",
    at: vault.clock.now().toISOString(),
    reason: "before the upgrade",
    tool: TOOL,
    ...fields,
  };
}

async function put(number: number, fields: Partial<Unsigned<"pin">> = {}, at = pinKey(CLUSTER, fields.id ?? ID, number)): Promise<void> {
  plant(vault, at, (await signDocument(vault.keys, "pin", draft(number, fields))).bytes);
}

async function state(id = ID, digest = MANIFEST): Promise<PinState> {
  const all = pinOf(await readPins(vault, CLUSTER), { id, digest });
  expect(pinOf(await readPins(vault, CLUSTER, undefined, id), { id, digest })).toEqual(all);
  return all;
}

describe("of the pins of one snapshot", () => {
  test("there are none at first", async () => {
    expect(await state()).toEqual({ isPinned: false, counts: undefined, last: 0, doubts: [] });
  });

  test("the highest number counts, as a number and not as text", async () => {
    for (let number = 1; number <= 9; number++) await put(number, { pinned: true });
    await put(10, { pinned: false, reason: "the upgrade is done" });
    expect(await state()).toMatchObject({
      isPinned: false,
      counts: { key: pinKey(CLUSTER, ID, 10), pin: { number: 10, pinned: false, by: "ann@backups", reason: "the upgrade is done" } },
      last: 10,
      doubts: [],
    });
    await put(11);
    expect(await state()).toMatchObject({ isPinned: true, last: 11 });
  });

  test("those of an id that begins so are another's", async () => {
    await put(1, { id: `${ID}-2` });
    expect(await state()).toMatchObject({ isPinned: false, last: 0 });
    expect(await state(`${ID}-2`)).toMatchObject({ isPinned: true, last: 1 });
    const { byId } = await readPins(vault, CLUSTER, undefined, new Set([ID]));
    expect([...byId]).toEqual([]);
  });
});

describe("what is not believed keeps the snapshot, and unpins nothing", () => {
  test("an unpin by a stranger's key", async () => {
    await put(1);
    plant(vault, pinKey(CLUSTER, ID, 2), (await signDocument(strangers.ring, "pin", draft(2, { pinned: false }))).bytes);
    expect(await state()).toMatchObject({
      isPinned: true,
      counts: { pin: { number: 1 } },
      last: 2,
      doubts: [{ message: saying("not trusted") }],
    });
  });

  test("an unpin by the key of the writer", async () => {
    await put(1);
    const unpin = draft(2, { pinned: false });
    plant(vault, pinKey(CLUSTER, ID, 2), await signedBy(vault.keys, "snapshot", unpin, "pin"));
    expect(await state()).toMatchObject({ isPinned: true, doubts: [{ message: saying("not trusted for purpose audit") }] });
  });

  test("junk, also above an unpin: then it is not known", async () => {
    await put(1, { pinned: false });
    expect(await state()).toMatchObject({ isPinned: false });
    plant(vault, pinKey(CLUSTER, ID, 2), "junk");
    expect(await state()).toMatchObject({
      isPinned: undefined,
      counts: { pin: { number: 1 } },
      last: 2,
      doubts: [{ message: saying("not JSON") }],
    });
    // A person's next word settles it.
    await put(3, { pinned: false });
    expect(await state()).toMatchObject({ isPinned: false, doubts: [] });
  });

  test("another snapshot's unpin, moved here, and an older one of this snapshot under a higher number", async () => {
    await put(1);
    await put(2, { id: "20261121T110000Z", pinned: false }, pinKey(CLUSTER, ID, 2));
    expect(await state()).toMatchObject({ isPinned: true, doubts: [{ message: saying("pin 2 of snapshot 20261121T110000Z") }] });
    plant(vault, pinKey(CLUSTER, ID, 2), "gone");
    await put(2, { pinned: false });
    await put(3);
    plant(vault, pinKey(CLUSTER, ID, 4), bytesAt(vault, pinKey(CLUSTER, ID, 2)));
    expect(await state()).toMatchObject({
      isPinned: true,
      counts: { pin: { number: 3 } },
      doubts: [{ message: saying("pin 2 of snapshot") }],
    });
  });

  test("another cluster's", async () => {
    await put(1, { cluster: "staging" }, pinKey(CLUSTER, ID, 1));
    expect(await state()).toMatchObject({ isPinned: undefined, doubts: [{ message: saying("cluster staging") }] });
  });

  test("a value that a later version added", async () => {
    await put(1, { pinned: false });
    plant(
      vault,
      pinKey(CLUSTER, ID, 2),
      await signedBy(vault.keys, "audit", { type: "hold", formatVersion: 1, cluster: CLUSTER, id: ID, number: 2 }, "hold"),
    );
    expect(await state()).toMatchObject({ isPinned: undefined, doubts: [{ message: saying("only a later version") }] });
    expect((await readPins(vault, CLUSTER)).faults).toMatchObject([{ id: ID, number: 2, isOfLaterVersion: true }]);
    plant(vault, pinKey(CLUSTER, ID, 3), await signedBy(vault.keys, "audit", { ...draft(3), formatVersion: 2 }));
    expect(await state()).toMatchObject({ isPinned: undefined, last: 3 });
  });

  test("what the caller may not read", async () => {
    await put(1, { pinned: false });
    const error = new LifeboatError("store/denied", "access denied");
    vault.blobs.inject({ call: "get", key: /pins/, fault: { kind: "error", error } });
    const pins = await readPins(vault, CLUSTER);
    expect(pinOf(pins, { id: ID, digest: MANIFEST })).toMatchObject({ isPinned: undefined, doubts: [{ code: "store/denied" }] });
  });

  test("what is too large is not read", async () => {
    plant(vault, pinKey(CLUSTER, ID, 1), Buffer.alloc(70_000));
    expect(await state()).toMatchObject({ isPinned: undefined, doubts: [{ message: saying("larger than any pin") }] });
  });

  test("thousands of them make nobody read them", async () => {
    await put(1);
    for (let number = 2; number < 3000; number++) plant(vault, pinKey(CLUSTER, ID, number), "junk");
    expect(await state()).toMatchObject({ isPinned: undefined, last: 2999 });
    expect((await readPins(vault, CLUSTER)).faults).toHaveLength(64);
  });
});

describe("a pin of another manifest", () => {
  test("is none of this one, and is told; while it pins, this one stays", async () => {
    await put(1, { manifestDigest: OTHER });
    expect(await state()).toMatchObject({ isPinned: undefined, counts: undefined, doubts: [{ message: saying("pins another manifest") }] });
    expect(await state(ID, OTHER)).toMatchObject({ isPinned: true, doubts: [] });
    await put(2);
    expect(await state()).toMatchObject({ isPinned: true, doubts: [] });
  });

  test("unpins nothing here", async () => {
    await put(1);
    await put(2, { manifestDigest: OTHER, pinned: false });
    expect(await state()).toMatchObject({
      isPinned: true,
      counts: { pin: { number: 1 } },
      doubts: [{ message: saying("unpins another manifest") }],
    });
  });
});
