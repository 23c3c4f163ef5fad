import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dataPrefix, verifiedPrefix } from "../../../shared/documents/layout.ts";
import { keys as keysIn } from "../../support/blobs.ts";
import { CLUSTER, custodyOf, makeTestKeys, newVault } from "../../support/vaults.ts";
import type { TestKeys } from "../../support/vaults.ts";
import { execute, findingsIn, goingIn, hourly, idsIn, order, plan } from "./history.ts";

let keys: TestKeys;
beforeAll(async () => {
  keys = await makeTestKeys();
});
afterAll(() => keys.remove());

describe.each([{ versions: false }, { versions: true }])("in a store with %o", (options) => {
  test("what the policy does not keep is planned, ordered and removed, and the log explains its absence", async () => {
    const vault = newVault(keys, undefined, options);
    const ids = await hourly(vault, 6);
    const before = await plan(vault);
    expect(goingIn(before)).toEqual(ids.slice(0, 3));
    expect(before.brakes.map(({ name }) => name)).toEqual(["many"]);
    expect(await order(vault)).toMatchObject({ outcome: "ordered", subjects: 9 });
    expect(custodyOf(vault).at(-1)).toMatchObject({
      event: "removed",
      details: { reason: "retention", order: { part: 1, parts: 1, although: ["many"] } },
    });
    expect(await idsIn(vault)).toEqual(ids);
    expect(await order(vault)).toMatchObject({ outcome: "already", subjects: 9 });

    const done = await execute(vault);
    expect(done).toMatchObject({ refused: [], locked: [], orderRefused: undefined, brakes: [] });
    expect(done.removed.map(({ id }) => id)).toEqual(ids.slice(0, 3));
    expect(await idsIn(vault)).toEqual(ids.slice(3));
    expect(await keysIn(vault.blobs, dataPrefix(CLUSTER))).toHaveLength(3);
    expect(await keysIn(vault.blobs, verifiedPrefix(CLUSTER))).toHaveLength(3);
    expect(done.bytesBefore - done.bytesAfter).toBe(
      before.decisions.filter(({ verdict }) => verdict === "remove").reduce((sum, { bytes }) => sum + bytes, 0),
    );
    expect(await findingsIn(vault)).toEqual([]);
    expect(await order(vault)).toEqual({ outcome: "nothing" });
    expect(await execute(vault)).toMatchObject({ order: undefined, removed: [] });
  });
});
