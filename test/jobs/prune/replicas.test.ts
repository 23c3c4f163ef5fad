import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dataPrefix, manifestKey } from "../../../shared/documents/layout.ts";
import { LifeboatError } from "../../../shared/errors.ts";
import { planRemovals } from "../../../shared/jobs/prune/plan.ts";
import type { RemovalPlan } from "../../../shared/jobs/prune/plan.ts";
import { orderRemovals } from "../../../shared/jobs/prune/order.ts";
import { MemoryBlobStore } from "../../doubles/memory-blob-store.ts";
import { failureOf, keys as keysIn } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";
import { CLUSTER, makeTestKeys, rewrite } from "../../support/vaults.ts";
import type { TestKeys } from "../../support/vaults.ts";
import { execute, goingIn, historyOf, KEEP_THREE } from "./history.ts";
import type { History } from "./history.ts";

/** `requireReplica`: nothing goes before what stands in its place is in each of the replicas. */

let keys: TestKeys;
beforeAll(async () => {
  keys = await makeTestKeys();
});
afterAll(() => keys.remove());

const four = historyOf(4);

interface Replicated extends History {
  readonly replica: MemoryBlobStore;
  readonly plan: () => Promise<RemovalPlan>;
}

/** One is to go. What stands in its place is the oldest that is kept; the replica has all. */
async function replicated(): Promise<Replicated> {
  const { vault, ids } = await four(keys);
  const replica = new MemoryBlobStore(vault.clock);
  for (const [key, kept] of vault.blobs.objects) replica.objects.set(key, kept);
  const policy = { ...KEEP_THREE, requireReplica: ["away"] };
  return { vault, ids, replica, plan: () => planRemovals({ ...vault, replicas: [{ name: "away", blobs: replica }] }, CLUSTER, policy) };
}

test("where the replica has it, the older one goes; the keeper asks no replica", async () => {
  const { vault, ids, plan } = await replicated();
  const planned = await plan();
  expect(goingIn(planned)).toEqual(ids.slice(0, 1));
  await orderRemovals(vault, CLUSTER, planned, { although: [] });
  expect((await execute(vault)).removed).toMatchObject([{ id: ids[0] }]);
});

describe("it stays where the replica", () => {
  test.each([
    [
      "misses what stands in its place",
      "missing",
      ({ replica, ids }: Replicated) => replica.objects.delete(manifestKey(CLUSTER, ids[1] ?? "")),
    ],
    [
      "has another one under its name",
      "different",
      async ({ vault, replica, ids }: Replicated) => {
        const key = manifestKey(CLUSTER, ids[1] ?? "");
        await rewrite({ ...vault, blobs: replica }, "snapshot", key, (manifest) => ({ ...manifest, startedAt: manifest.createdAt }));
      },
    ],
    [
      "has it without its data",
      "incomplete",
      async ({ replica, ids }: Replicated) => {
        for (const key of await keysIn(replica, `${dataPrefix(CLUSTER)}${ids[1]}-`)) replica.objects.delete(key);
      },
    ],
    [
      "does not answer",
      "unknown",
      ({ replica }: Replicated) => {
        replica.head = () => Promise.reject(new LifeboatError("store/failed", "no route"));
        replica.get = () => {
          throw new LifeboatError("store/failed", "no route");
        };
      },
    ],
  ] as const)("%s", async (_what, state, change) => {
    const all = await replicated();
    await change(all);
    const planned = await all.plan();
    expect(goingIn(planned)).toEqual([]);
    expect(planned.decisions.at(-1)?.reasons).toEqual([
      { code: "replica", by: all.ids[1], text: saying(`is ${state} in the replica away`) },
    ]);
    expect(await orderRemovals(all.vault, CLUSTER, planned, { although: [] })).toEqual({ outcome: "nothing" });
  });
});

test("a replica that the configuration does not have is an error, and nothing is planned", async () => {
  const { vault } = await four(keys);
  const policy = { ...KEEP_THREE, requireReplica: ["nowhere"] };
  expect(await failureOf(planRemovals({ ...vault, replicas: [] }, CLUSTER, policy))).toMatchObject({ code: "config/not-found" });
});
