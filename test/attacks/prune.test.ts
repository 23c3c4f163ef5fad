import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { dataPrefix, lineageKey, manifestKey, pinKey, verifiedKey, verifiedPrefix } from "../../shared/documents/layout.ts";
import { digestOf, openDocument } from "../../shared/documents/signed-document.ts";
import { BRAKES } from "../../shared/jobs/prune/brakes.ts";
import { verifyDeep } from "../../shared/jobs/verify/verify.ts";
import { appendRecord } from "../../shared/vault/custody/append.ts";
import type { Subjects } from "../../shared/vault/custody/append.ts";
import { keys as keysIn } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";
import { randomSnapshot } from "../support/snapshots.ts";
import { backUp, bytesAt, CLUSTER, makeTestKeys, plant } from "../support/vaults.ts";
import type { TestKeys, TestVault } from "../support/vaults.ts";
import {
  DAY_MS,
  execute,
  findingsIn,
  goingIn,
  historyOf,
  HOUR_MS,
  idsIn,
  keeping,
  order,
  pin,
  plan,
  reasonsFor,
} from "../jobs/prune/history.ts";
import { claimSlot } from "./thief.ts";

/**
 * One of the two parties is stolen, or the writer. Before: whoever could order could have the data of a backup removed in the moment between its data and its manifest, so that what was committed had none; and a
 * writer that put another manifest in the place of a good one, where the store has no versions, had its data removed a day later as that of a lost race.
 */

let keys: TestKeys;
let vault: TestVault;
let ids: readonly string[];
const five = historyOf(5);
beforeAll(async () => {
  keys = await makeTestKeys();
});
afterAll(() => keys.remove());
beforeEach(async () => {
  ({ vault, ids } = await five(keys));
});

/** Everything that stands about these snapshots. */
async function allOf(of: readonly string[]): Promise<Subjects> {
  const found: string[] = [];
  for (const id of of) {
    for (const prefix of [
      manifestKey(CLUSTER, id),
      verifiedPrefix(CLUSTER, id),
      `${dataPrefix(CLUSTER)}${id}-`,
      `clusters/${CLUSTER}/pins/${id}-`,
    ])
      found.push(...(await keysIn(vault.blobs, prefix)));
  }
  return found.map((key) => ({
    key,
    digest: digestOf(bytesAt(vault, key)),
    bytes: bytesAt(vault, key).length,
    reason: "latest 3 go back",
  }));
}

/** What whoever has the audit key may write: an order with every brake taken off. */
async function steal(subjects: Subjects): Promise<void> {
  const details = { reason: "retention", order: { id: digestOf(Buffer.from("stolen")), part: 1, parts: 1, although: [...BRAKES] } };
  await appendRecord(vault, CLUSTER, "audit", { event: "removed", subjects, details });
}

const standing = (): readonly string[] => [...vault.blobs.objects.keys()].filter((key) => !key.includes("/custody/")).toSorted();

describe("a stolen verifier orders, with every brake taken off,", () => {
  test("everything: only what the keeper's own policy lets go is removed", async () => {
    await pin(vault, ids[0] ?? "");
    await steal(await allOf(ids));
    const done = await execute(vault);
    expect(done.removed.map(({ id }) => id)).toEqual([ids[1]]);
    expect(done.refused.map(({ subject, reason }) => `${subject}: ${reason}`)).toEqual([
      saying(`${ids[0]}: it is kept: pinned: before the upgrade`),
      saying(`${ids[2]}: it is kept: latest 3 of 3`),
      saying(`${ids[3]}: it is kept: latest 2 of 3`),
      saying(`${ids[4]}: it is kept: newest good`),
    ]);
    expect(await idsIn(vault)).toEqual([ids[0], ...ids.slice(2)]);
    for (const { reason } of done.refused) expect(reason).not.toBe("");
    // What did go had an order.
    expect(await findingsIn(vault)).toEqual([]);
  });

  test("the newest good one, with the countersignatures of all others planted as junk: nothing goes", async () => {
    for (const id of ids.slice(0, 4)) plant(vault, verifiedKey(CLUSTER, id, "20261122T000000Z"), "junk");
    await steal(await allOf(ids));
    const before = standing();
    const done = await execute(vault);
    expect([done.removed, standing()]).toEqual([[], before]);
    expect(done.refused).toHaveLength(5);
  });

  test("the data of a backup that is about to be committed: it stays, and the backup is whole", async () => {
    vault.clock.advance(HOUR_MS);
    const put = vault.blobs.put.bind(vault.blobs);
    let removed: unknown;
    vault.blobs.put = async (key, ...rest) => {
      if (key.includes("/snapshots/")) {
        const id = key.replace(/^.*\/(.*)\.json$/, "$1");
        const data = await allOf([id]);
        await steal([{ key, digest: digestOf(Buffer.from("to come")) }, ...data]);
        removed = (await execute(vault)).removed;
      }
      return put(key, ...rest);
    };
    const { manifest } = await backUp(vault);
    vault.blobs.put = put;
    expect(removed).toEqual([]);
    vault.clock.advance(1000);
    expect((await verifyDeep(vault, `${CLUSTER}/${manifest.id}`)).lacks).toEqual([]);
  });

  test("more by a pin that it takes away: that is in the log, and of the newest good one nothing helps", async () => {
    await pin(vault, ids[0] ?? "");
    await pin(vault, ids[0] ?? "", false);
    await steal(await allOf([ids[0] ?? "", ids[4] ?? ""]));
    const done = await execute(vault);
    expect(done.removed.map(({ id }) => id)).toEqual([ids[0]]);
    expect(await idsIn(vault)).toContain(ids[4]);
  });
});

describe("a stolen keeper", () => {
  test("that removes without an order is told of by the log, and so is more than was ordered", async () => {
    await order(vault);
    const gone = [manifestKey(CLUSTER, ids[4] ?? ""), verifiedKey(CLUSTER, ids[3] ?? "", `${ids[3]}`)];
    const [verified = ""] = await keysIn(vault.blobs, verifiedPrefix(CLUSTER, ids[3]));
    gone[1] = verified;
    for (const key of gone) vault.blobs.objects.delete(key);
    const found = await findingsIn(vault);
    expect(found).toContain(`custody/gone ${gone[0]}`);
    expect(found).toContain(`custody/announced-absence ${gone[1]}`);
  });
});

describe("a stolen writer", () => {
  const BYTES = randomSnapshot(2000);
  const real = (): ReturnType<typeof openDocument<"snapshot">> =>
    openDocument("snapshot", bytesAt(vault, manifestKey(CLUSTER, ids[4] ?? "")), vault.trusted, "real");

  test("that claims many slots displaces nothing good, and what it put goes after a week of good ones", async () => {
    const before = goingIn(await plan(vault));
    const forged: string[] = [];
    for (let minute = 10; minute < 30; minute++)
      forged.push(await claimSlot(vault, { real: real(), bytes: BYTES, at: `2026-11-21T13:${minute}:00Z` }));
    const planned = await plan(vault);
    expect(goingIn(planned)).toEqual(before);
    for (const id of forged) expect([id, reasonsFor(planned, id)]).toEqual([id, ["unverified"]]);
    expect(planned.decisions.filter(({ good }) => good === true).map(({ id }) => id)).toEqual(ids.toReversed());
    vault.clock.advance(7 * DAY_MS + HOUR_MS);
    const { manifest } = await backUp(vault);
    vault.clock.advance(1000);
    await verifyDeep(vault, `${CLUSTER}/${manifest.id}`);
    expect(goingIn(await plan(vault))).toEqual(expect.arrayContaining(forged));
  });

  test("that claims the next slots stops a prune, and a person is told which", async () => {
    vault.clock.advance(2 * HOUR_MS - 10_000);
    const id = await claimSlot(vault, { real: real(), bytes: BYTES, at: "2026-11-21T14:30:00Z" });
    const planned = await plan(vault);
    expect(planned.brakes.find(({ name }) => name === "newest-not-good")).toMatchObject({
      message: saying(`the newest snapshot, ${CLUSTER}/${id}, is not good`),
      fix: `lifeboat verify ${CLUSTER}/${id} --deep`,
    });
    expect(await order(vault, { although: [] })).toMatchObject({ outcome: "waits" });
  });

  test("that puts its manifest in the place of a good one keeps it, with its data, and a person is told", async () => {
    const [id = ""] = ids;
    const [data = ""] = await keysIn(vault.blobs, `${dataPrefix(CLUSTER)}${id}-`);
    await claimSlot(vault, { real: real(), bytes: BYTES, at: "2026-11-21T10:00:00Z" });
    vault.clock.advance(8 * DAY_MS);
    const { manifest } = await backUp(vault);
    vault.clock.advance(1000);
    await verifyDeep(vault, `${CLUSTER}/${manifest.id}`);
    const planned = await plan(vault);
    expect(planned.unclear).toMatchObject([{ key: manifestKey(CLUSTER, id), reason: saying("countersigns another manifest") }]);
    expect(planned.leftovers).toEqual([]);
    await order(vault);
    await execute(vault);
    expect(await keysIn(vault.blobs, data)).toEqual([data]);
  });

  test("in the future displaces nothing either", async () => {
    const id = await claimSlot(vault, { real: real(), bytes: BYTES, at: "2027-11-21T13:00:00Z" });
    const planned = await plan(vault);
    expect(planned.decisions[0]).toMatchObject({ id, verdict: "keep", good: false });
    expect(goingIn(planned)).toEqual(ids.slice(0, 2));
  });
});

describe("whoever can put plants", () => {
  test.each([
    ["a pin of junk beside one that is to go", (id: string) => pinKey(CLUSTER, id, 7), /7\.json/],
    ["a countersignature of junk", (id: string) => verifiedKey(CLUSTER, id, "20261122T000000Z"), /20261122T000000Z\.json/],
  ])("%s: it stays, and a person is told which document", async (_what, keyOf, named) => {
    plant(vault, keyOf(ids[0] ?? ""), "junk");
    const planned = await plan(vault);
    expect(goingIn(planned)).toEqual([ids[1]]);
    expect(planned.unclear).toEqual([{ key: manifestKey(CLUSTER, ids[0] ?? ""), reason: expect.stringMatching(named) as unknown }]);
    expect(await findingsIn(vault)).toEqual([`custody/unbelieved ${keyOf(ids[0] ?? "")}`]);
  });

  test("junk beside the newest good one: it is good no more, and the one before takes its place as the newest good", async () => {
    plant(vault, verifiedKey(CLUSTER, ids[4] ?? "", "20261122T000000Z"), "junk");
    const planned = await plan(vault, keeping(1));
    expect(planned.brakes.map(({ name }) => name)).toContain("newest-not-good");
    expect(reasonsFor(planned, ids[4] ?? "")).toContain("unknown");
    expect(reasonsFor(planned, ids[3] ?? "")).toContain("newest-good");
  });

  test("a lineage of junk: all is frozen, and a person is told how to look", async () => {
    plant(vault, lineageKey(CLUSTER, 7), "junk");
    const planned = await plan(vault);
    expect([goingIn(planned), planned.brakes[0]]).toEqual([[], expect.objectContaining({ name: "frozen", fix: saying("lineage ls") })]);
  });

  test("ten thousand documents beside one: few are read, and it stays", async () => {
    const [id = ""] = ids;
    for (let number = 1; number <= 3000; number++) plant(vault, pinKey(CLUSTER, id, number), "junk");
    const before = vault.blobs.calls.get;
    const planned = await plan(vault);
    expect(vault.blobs.calls.get - before).toBeLessThan(400);
    expect(reasonsFor(planned, id)).toContain("unknown");
    // Each is a document of its own that is not believed, and one line tells of them.
    expect(planned.unclear).toHaveLength(1);
  });

  test("foreign objects: nothing is removed until a person has moved them away", async () => {
    plant(vault, `clusters/${CLUSTER}/data/readme.txt`, "hello");
    expect(await order(vault, { although: ["many"] })).toMatchObject({
      outcome: "waits",
      brakes: [{ name: "foreign", message: saying("data/readme.txt"), fix: saying("move it out of the store") }],
    });
  });
});
