import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dataPrefix, manifestKey, pinKey, verifiedKey, verifiedPrefix } from "../../../shared/documents/layout.ts";
import { digestOf } from "../../../shared/documents/signed-document.ts";
import { BRAKES } from "../../../shared/jobs/prune/brakes.ts";
import type { Execution } from "../../../shared/jobs/prune/execute.ts";
import { appendRecord } from "../../../shared/vault/custody/append.ts";
import type { Subjects } from "../../../shared/vault/custody/append.ts";
import { keys as keysIn, once } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";
import { bytesAt, CLUSTER, makeTestKeys, plant, quarantine, rewrite } from "../../support/vaults.ts";
import type { TestKeys, TestVault } from "../../support/vaults.ts";
import { DAY_MS, execute, findingsIn, historyOf, idsIn, order, pin, plan, reasonsFor } from "./history.ts";

/** What the keeper does not remove, whoever ordered it. */

let keys: TestKeys;
beforeAll(async () => {
  keys = await makeTestKeys();
});
afterAll(() => keys.remove());

const five = historyOf(5);

/** All that stands about a snapshot, as an order names it. */
async function subjectsOf(vault: TestVault, id: string): Promise<Subjects> {
  const folders = [manifestKey(CLUSTER, id), verifiedPrefix(CLUSTER, id), `${dataPrefix(CLUSTER)}${id}-`];
  const found = await Promise.all(folders.map((prefix) => keysIn(vault.blobs, prefix)));
  return found.flat().map((key) => ({ key, digest: digestOf(bytesAt(vault, key)), bytes: bytesAt(vault, key).length, reason: "because" }));
}

/** What somebody with the audit key orders by hand. */
async function orderByHand(vault: TestVault, subjects: Subjects): Promise<void> {
  const id = digestOf(Buffer.from(JSON.stringify(subjects)));
  await appendRecord(vault, CLUSTER, "audit", {
    event: "removed",
    subjects,
    details: { reason: "retention", order: { id, part: 1, parts: 1, although: [...BRAKES] } },
  });
}

const everything = (vault: TestVault): readonly string[] =>
  [...vault.blobs.objects.keys()].filter((key) => !key.includes("/custody/")).toSorted();

async function expectRefused(
  vault: TestVault,
  refused: readonly { readonly subject: string; readonly reason: unknown }[],
): Promise<Execution> {
  const before = everything(vault);
  const done = await execute(vault);
  expect(done.refused).toEqual(refused);
  expect(done.removed).toEqual([]);
  expect(everything(vault)).toEqual(before);
  return done;
}

describe("what its own policy keeps", () => {
  test("the newest good one, and every one that a rule holds", async () => {
    const { vault, ids } = await five(keys);
    const subjects = (await Promise.all(ids.slice(2).map((id) => subjectsOf(vault, id)))).flat();
    await orderByHand(vault, subjects);
    const reasons = [saying("latest 3 of 3"), saying("latest 2 of 3"), saying("newest good of lineage 1")];
    await expectRefused(
      vault,
      ids.slice(2).map((id, index) => ({ subject: `${CLUSTER}/${id}`, reason: reasons[index] })),
    );
  });

  test("what is quarantined and the only ones there are", async () => {
    const { vault, ids } = await five(keys);
    for (const id of ids) await quarantine(vault, id);
    await orderByHand(vault, (await Promise.all(ids.map((id) => subjectsOf(vault, id)))).flat());
    expect((await execute(vault)).refused).toHaveLength(5);
    expect(await idsIn(vault)).toEqual(ids);
  });

  test("what was pinned after the order", async () => {
    const { vault, ids } = await five(keys);
    await order(vault);
    await pin(vault, ids[1] ?? "");
    const done = await execute(vault);
    expect(done.refused).toEqual([{ subject: `${CLUSTER}/${ids[1]}`, reason: saying("pinned: before the upgrade") }]);
    expect(done.removed).toMatchObject([{ id: ids[0] }]);
    expect(await idsIn(vault)).toEqual(ids.slice(1));
    await pin(vault, ids[1] ?? "", false);
    expect((await execute(vault)).removed).toMatchObject([{ id: ids[1] }]);
    // The pins came after the order: they are left over, and go a day later.
    expect(await keysIn(vault.blobs, `clusters/${CLUSTER}/pins/`)).toHaveLength(2);
  });
});

describe("what it does not know enough of", () => {
  test.each([
    ["a countersignature that is not believed", (id: string) => verifiedKey(CLUSTER, id, "20261121T235959Z"), "junk", "is not JSON"],
    ["a pin that is not believed", (id: string) => pinKey(CLUSTER, id, 1), "junk", "is not JSON"],
    ["a document that is larger than any", (id: string) => pinKey(CLUSTER, id, 1), "x".repeat(3 << 20), "larger than"],
  ])("%s", async (_what, keyOf, content, reason) => {
    const { vault, ids } = await five(keys);
    const [id = ""] = ids;
    await order(vault);
    plant(vault, keyOf(id), content);
    const planned = await plan(vault);
    expect(reasonsFor(planned, id)).toContain("unknown");
    expect(planned.unclear).toMatchObject([{ key: manifestKey(CLUSTER, id), reason: saying(reason) }]);
    const done = await execute(vault);
    expect(done.refused).toEqual([{ subject: `${CLUSTER}/${id}`, reason: saying(reason) }]);
    expect(done.removed).toMatchObject([{ id: ids[1] }]);
  });

  test("a manifest that is not believed", async () => {
    const { vault, ids } = await five(keys);
    const [id = ""] = ids;
    await order(vault);
    plant(vault, manifestKey(CLUSTER, id), "junk");
    const done = await execute(vault);
    expect(done.refused).toEqual([{ subject: `${CLUSTER}/${id}`, reason: saying("is not JSON") }]);
    expect(await keysIn(vault.blobs, `${dataPrefix(CLUSTER)}${id}-`)).toHaveLength(1);
  });

  test("a manifest of a later version", async () => {
    const { vault, ids } = await five(keys);
    const [id = ""] = ids;
    await order(vault);
    await rewrite(vault, "snapshot", manifestKey(CLUSTER, id), (manifest) => ({
      ...manifest,
      stored: { ...manifest.stored, kind: "later" } as unknown as typeof manifest.stored,
    }));
    expect((await plan(vault)).decisions.at(-1)).toMatchObject({
      id,
      verdict: "keep",
      reasons: [{ code: "unknown" }, { code: "unknown", text: saying("of a later version") }, { code: "unknown" }],
    });
    expect((await execute(vault)).refused).toMatchObject([{ subject: `${CLUSTER}/${id}` }]);
    expect(await idsIn(vault)).toContain(id);
  });

  test("another manifest in the place of one that was countersigned", async () => {
    const { vault, ids } = await five(keys);
    const [id = ""] = ids;
    await order(vault);
    await rewrite(vault, "snapshot", manifestKey(CLUSTER, id), (manifest) => ({ ...manifest, lineage: 1, startedAt: manifest.createdAt }));
    vault.clock.advance(30 * DAY_MS);
    expect(reasonsFor(await plan(vault), id)).toContain("unknown");
    expect((await plan(vault)).unclear).toMatchObject([{ reason: saying("countersigns another manifest") }]);
  });

  test.each([
    ["overwritten", (vault: TestVault, key: string) => vault.blobs.put(key, once(bytesAt(vault, key).toString())), "more than once"],
    ["hidden", (vault: TestVault, key: string) => Promise.resolve(vault.blobs.hide(key)), "delete marker"],
  ])("in a store with versions, a manifest that was %s", async (_how, change, reason) => {
    const { vault, ids } = await five(keys, { versions: true });
    const [id = ""] = ids;
    await order(vault);
    await change(vault, manifestKey(CLUSTER, id));
    const planned = await plan(vault);
    expect(planned.decisions.find((each) => each.id === id)).toMatchObject({ verdict: "keep", good: undefined });
    expect(planned.unclear).toMatchObject([{ key: manifestKey(CLUSTER, id), reason: saying(reason) }]);
    vault.clock.advance(2 * DAY_MS);
    // Its data is no orphan either.
    expect((await plan(vault)).leftovers).toEqual([]);
    expect(await keysIn(vault.blobs, `${dataPrefix(CLUSTER)}${id}-`)).toHaveLength(1);
  });
});

describe("what no order may name", () => {
  test("the data of a snapshot without its manifest", async () => {
    const { vault, ids } = await five(keys);
    const [, ...rest] = await subjectsOf(vault, ids[0] ?? "");
    await orderByHand(vault, rest);
    await expectRefused(vault, [{ subject: `${CLUSTER}/${ids[0]}`, reason: saying("the order does not name its manifest") }]);
  });

  test("the log, lineages, the store's marker, foreign objects", async () => {
    const { vault } = await five(keys);
    plant(vault, "store.json", "{}");
    plant(vault, `clusters/${CLUSTER}/notes.txt`, "mine");
    const named = [...vault.blobs.objects.keys()].filter((key) => /custody|lineage|store\.json|notes/.test(key));
    expect(named.length).toBeGreaterThan(10);
    await orderByHand(
      vault,
      named.map((key) => ({ key, digest: digestOf(bytesAt(vault, key)) })),
    );
    await expectRefused(
      vault,
      named.map((subject) => ({ subject, reason: saying("does not belong to a snapshot of this cluster") })),
    );
  });

  test("data that a backup has just put, and whose manifest is still to come", async () => {
    const { vault } = await five(keys);
    const data = `${dataPrefix(CLUSTER)}20261121T150000Z-0000000a.age`;
    plant(vault, data, "on its way");
    const key = manifestKey(CLUSTER, "20261121T150000Z");
    await orderByHand(vault, [
      { key, digest: digestOf(Buffer.from("x")) },
      { key: data, digest: digestOf(Buffer.from("on its way")) },
    ]);
    await expectRefused(vault, [{ subject: `${CLUSTER}/20261121T150000Z`, reason: saying("a backup that is still running") }]);
  });

  test("in a store without versions, another object than stood there when it was ordered", async () => {
    const { vault, ids } = await five(keys);
    await order(vault);
    const [sidecar = ""] = await keysIn(vault.blobs, verifiedPrefix(CLUSTER, ids[0]));
    const [data = ""] = await keysIn(vault.blobs, `${dataPrefix(CLUSTER)}${ids[1]}-`);
    await rewrite(vault, "verification", sidecar, (document) => ({ ...document, verifiedAt: vault.clock.now().toISOString() }));
    plant(vault, data, "another size");
    const done = await execute(vault);
    expect(done.refused).toEqual([
      { subject: `${CLUSTER}/${ids[0]}`, reason: saying("is not the object that was ordered to be removed: it was replaced since") },
      {
        subject: `${CLUSTER}/${ids[1]}`,
        reason: saying(`${data} is not the object that was ordered to be removed: it was replaced since`),
      },
    ]);
    expect(await keysIn(vault.blobs, data)).toEqual([data]);
    expect(await idsIn(vault)).toContain(ids[0]);
  });
});

test("custody tells of all that goes without an order", async () => {
  const { vault, ids } = await five(keys);
  await order(vault);
  const stolen = [manifestKey(CLUSTER, ids[3] ?? ""), (await keysIn(vault.blobs, `${dataPrefix(CLUSTER)}${ids[4]}-`))[0] ?? ""];
  for (const key of stolen) vault.blobs.objects.delete(key);
  expect(await findingsIn(vault)).toEqual(expect.arrayContaining(stolen.map((key) => `custody/gone ${key}`)));
});
