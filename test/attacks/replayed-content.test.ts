import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { verifyDeep } from "../../shared/jobs/verify/verify.ts";
import { manifestKey } from "../../shared/documents/layout.ts";
import type { Manifest } from "../../shared/documents/manifest.ts";
import { ScriptedEtcd } from "../doubles/scripted-etcd.ts";
import { failureOf, keys as keysIn } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";
import { randomSnapshot } from "../support/snapshots.ts";
import { backUp, CLUSTER, makeTestKeys, newVault, quarantine, rewrite } from "../support/vaults.ts";
import type { TestKeys, TestVault } from "../support/vaults.ts";
import { claimSlot } from "./thief.ts";

/** A stolen writer shows old content for new: the bytes of a snapshot once more, or those of an older state. Its times can be. */

const HOUR_MS = 3_600_000;

let keys: TestKeys;
let vault: TestVault;
beforeAll(async () => {
  keys = await makeTestKeys();
});
afterAll(() => keys.remove());
beforeEach(() => {
  vault = newVault(keys);
});

/** A real backup of these bytes now. */
const taken = async (bytes: Uint8Array, revision: number, into = vault): Promise<Manifest> =>
  (await backUp(into, { etcd: new ScriptedEtcd([{ number: 1, status: { revision }, snapshots: [[{ send: bytes }]] }]) })).manifest;
const countersigned = (): Promise<readonly string[]> => keysIn(vault.blobs, "clusters/prod/verified/");
const now = (): string => vault.clock.now().toISOString();

describe("the bytes of an earlier snapshot", () => {
  test.each([true, false])("are refused, also where that is the newest (countersigned: %s)", async (isVerified) => {
    const bytes = randomSnapshot(3000);
    const real = await taken(bytes, 50);
    if (isVerified) await verifyDeep(vault, `prod/${real.id}`);
    vault.clock.advance(HOUR_MS);
    const id = await claimSlot(vault, { real, bytes, at: now() });
    expect(await failureOf(verifyDeep(vault, `prod/${id}`))).toMatchObject({
      code: "verify/replayed",
      message: `prod/${id} is not believed: it repeats prod/${real.id}: both have the same bytes, which no member sends twice`,
      hint: saying("take a backup now"),
    });
    expect(await countersigned()).toHaveLength(Number(isVerified));
  });

  test("leave the real one as good as it is", async () => {
    const bytes = randomSnapshot(3000);
    const real = await taken(bytes, 50);
    vault.clock.advance(HOUR_MS);
    await claimSlot(vault, { real, bytes, at: now() });
    await verifyDeep(vault, `prod/${real.id}`);
    await verifyDeep(vault, `prod/${real.id}`);
    expect(await countersigned()).toHaveLength(2);
  });

  test("are refused where the thief dates its copy before the real one, which was countersigned", async () => {
    const bytes = randomSnapshot(3000);
    vault.clock.advance(HOUR_MS);
    const real = await taken(bytes, 50);
    await verifyDeep(vault, `prod/${real.id}`);
    const id = await claimSlot(vault, { real, bytes, at: new Date(vault.clock.now().getTime() - 600_000).toISOString() });
    expect(await failureOf(verifyDeep(vault, `prod/${id}`))).toMatchObject({ code: "verify/replayed" });
  });

  test("under an id of long ago are found beside the time at which it says that it was begun", async () => {
    for (let run = 0; run < 3; run += 1) {
      await taken(randomSnapshot(500), 50);
      vault.clock.advance(HOUR_MS);
    }
    const bytes = randomSnapshot(3000);
    const real = await taken(bytes, 50);
    await verifyDeep(vault, `prod/${real.id}`);
    vault.clock.advance(HOUR_MS);
    const id = await claimSlot(vault, { real, bytes, at: "2020-01-01T00:00:00Z", says: { startedAt: now(), createdAt: now() } });
    expect(await failureOf(verifyDeep(vault, `prod/${id}`))).toMatchObject({ code: "verify/replayed" });
  });
});

describe("content of an older revision than one that was countersigned before it", () => {
  /** Another pull of an older state, which the thief kept. */
  const old = randomSnapshot(3000, { revision: 50 });
  let kept: Manifest;
  let newest: Manifest;
  beforeEach(async () => {
    kept = await taken(old, 50, newVault(keys));
    newest = await taken(randomSnapshot(3000, { revision: 60 }), 60);
    vault.clock.advance(HOUR_MS);
  });

  test("is refused", async () => {
    await verifyDeep(vault, `prod/${newest.id}`);
    const id = await claimSlot(vault, { real: kept, bytes: old, at: now() });
    expect(await failureOf(verifyDeep(vault, `prod/${id}`))).toMatchObject({
      code: "verify/stale",
      message: saying(`it is of revision 50, and prod/${newest.id}, which was taken before it and is countersigned, is of revision 60`),
    });
    expect(await countersigned()).toHaveLength(1);
  });

  test("is taken where nobody has countersigned the other: a writer's word alone stands in nobody's way", async () => {
    const id = await claimSlot(vault, { real: kept, bytes: old, at: now() });
    await verifyDeep(vault, `prod/${id}`);
  });

  test("is taken where it is of another lineage, or the other is in quarantine", async () => {
    await verifyDeep(vault, `prod/${newest.id}`);
    const other = await claimSlot(vault, { real: kept, bytes: old, at: now(), says: { lineage: 2 } });
    await verifyDeep(vault, `prod/${other}`);

    vault = newVault(keys);
    const doubtful = await taken(randomSnapshot(3000, { revision: 60 }), 60);
    await quarantine(vault, doubtful.id);
    await verifyDeep(vault, `prod/${doubtful.id}`);
    vault.clock.advance(HOUR_MS);
    await verifyDeep(vault, `prod/${await claimSlot(vault, { real: kept, bytes: old, at: now() })}`);
  });

  test("is no matter of the same revision: the cluster is idle", async () => {
    await verifyDeep(vault, `prod/${newest.id}`);
    const idle = await taken(randomSnapshot(3000, { revision: 60 }), 60);
    await verifyDeep(vault, `prod/${idle.id}`);
    vault.clock.advance(HOUR_MS);
    expect((await taken(randomSnapshot(3000, { revision: 61 }), 61)).lineage).toBe(1);
    await verifyDeep(vault, "prod/latest");
    expect(await countersigned()).toHaveLength(3);
  });

  test("late verification of older ones, in any order, refuses none of an honest row", async () => {
    const ids = [newest.id];
    for (const revision of [60, 75, 75, 90]) {
      vault.clock.advance(HOUR_MS);
      ids.push((await taken(randomSnapshot(500, { revision }), revision)).id);
    }
    for (const id of [ids[4], ids[0], ids[3], ids[1], ids[2]]) await verifyDeep(vault, `prod/${id}`);
    expect(await countersigned()).toHaveLength(5);
  });
});

test("many neighbours are read in parallel, and one that does not hold says nothing", async () => {
  for (let run = 0; run < 20; run += 1) {
    await backUp(vault, {});
    vault.clock.advance(60_000);
  }
  await rewrite(vault, "snapshot", manifestKey(CLUSTER, "20261121T100500Z"), (each) => ({ ...each, cluster: "staging" }));
  vault.blobs.calls.get = 0;
  await verifyDeep(vault, "prod/20261121T101900Z");
  expect(vault.blobs.calls.get).toBeLessThan(30);
});
