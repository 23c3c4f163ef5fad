import { expect, test } from "vitest";
import { catalogKey, dataKey, indexKey, manifestKey, verifiedKey } from "../../../shared/documents/layout.ts";
import { catalogue } from "../../../shared/jobs/catalog.ts";
import { rehearseRemovals } from "../../../shared/jobs/prune/plan.ts";
import type { RehearsedPlan } from "../../../shared/jobs/prune/plan.ts";
import { once } from "../../support/blobs.ts";
import { useBuiltVault } from "../../support/use-vault.ts";
import { bytesAt, CLUSTER } from "../../support/vaults.ts";
import type { TestVault } from "../../support/vaults.ts";
import { DAY_MS, hourly, KEEP_THREE, pin, plan } from "./history.ts";

/** A plan that is only shown believes segments of the catalog, and says what the plan by the documents says. */

const SNAPSHOTS = 6;
const { vault, built } = useBuiltVault(async (first) => {
  const indexing = { ...first, indexFrom: () => 1 };
  const ids = await hourly(indexing, SNAPSHOTS, (index) => index !== 1);
  const { rows } = await catalogue(indexing, CLUSTER);
  return { ids, rows };
});

const rehearse = (on: TestVault = vault): Promise<RehearsedPlan> => rehearseRemovals({ ...on, replicas: [] }, CLUSTER, KEEP_THREE);

/** What a person sees of a plan. */
async function expectSame(): Promise<RehearsedPlan> {
  const [rehearsed, planned] = [await rehearse(), await plan(vault)];
  const seen = ({ decisions, leftovers, unclear, brakes }: RehearsedPlan): unknown => ({
    decisions: decisions.map(({ id, verdict, reasons, lineage, good, bytes }) => ({ id, verdict, reasons, lineage, good, bytes })),
    leftovers: leftovers.map(({ holding, bytes, reason }) => ({ id: holding.id, bytes, reason })),
    unclear,
    brakes,
  });
  expect(seen(rehearsed)).toEqual(seen(planned));
  return rehearsed;
}

/** Reads of documents of snapshots that a rehearsal makes. */
async function readsOf(): Promise<readonly string[]> {
  const read: string[] = [];
  const blobs = new Proxy(vault.blobs, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...args: readonly unknown[]): unknown => {
        if (name === "get") read.push(String(args[0]));
        return Reflect.apply(value, target, args);
      };
    },
  });
  await rehearse({ ...vault, blobs });
  return read.filter((key) => /\/(?:snapshots|verified)\//.test(key));
}

const [manifest, id] = [(index: number): string => manifestKey(CLUSTER, id(index)), (index: number): string => built.ids[index] ?? ""];

test("says the same, and reads no document of what the catalog tells of", async () => {
  expect(built.rows).toBe(SNAPSHOTS - 1);
  const { decisions } = await expectSame();
  expect(decisions.filter(({ verdict }) => verdict === "remove")).not.toEqual([]);
  // The one that nobody countersigned is in no segment.
  expect(await readsOf()).toEqual([manifest(1)]);
});

test("pins are read, and keep", async () => {
  await pin(vault, id(0));
  const { decisions } = await expectSame();
  expect(decisions.find((each) => each.id === id(0))?.verdict).toBe("keep");
});

test("what was put in the place of a manifest since is read, and said to be bad", async () => {
  vault.clock.advance(1000);
  const bytes = bytesAt(vault, manifest(5));
  bytes[200] = (bytes[200] ?? 0) ^ 1;
  await vault.blobs.put(manifest(5), once(bytes.toString("latin1")));
  const { unclear } = await expectSame();
  expect(unclear.map(({ key }) => key)).toEqual([manifest(5)]);
  expect(await readsOf()).toContain(manifest(5));
});

test.each([
  ["data of a run that lost the race", () => dataKey(CLUSTER, id(5), "0123abcd")],
  ["an index that no countersignature names", () => indexKey(CLUSTER, id(5), "20261121T235959Z")],
])("%s is told from what belongs to the snapshot by its documents", async (_, key) => {
  await vault.blobs.put(key(), once("left by a run that was killed"));
  vault.clock.advance(2 * DAY_MS);
  const { leftovers } = await expectSame();
  expect(leftovers.map(({ holding }) => holding.id)).toEqual([id(5)]);
  expect(await readsOf()).toContain(manifest(5));
});

test("a countersignature more, or one less, makes its snapshot be read", async () => {
  vault.blobs.objects.delete(verifiedKey(CLUSTER, id(4), timeOf(4)));
  await expectSame();
  expect(await readsOf()).toContain(manifest(4));
});

function timeOf(index: number): string {
  const prefix = verifiedKey(CLUSTER, id(index), "");
  const key = [...vault.blobs.objects.keys()].find((each) => each.startsWith(prefix.replace(/\.json$/, "")) && each.endsWith("Z.json"));
  return key?.slice(prefix.length - ".json".length, -".json".length) ?? "";
}

test("without a segment, or with one that is not believed, all is read", async () => {
  for (const key of [...vault.blobs.objects.keys()].filter((each) => each.startsWith(catalogKey(CLUSTER, "").replace(/\.json$/, ""))))
    await vault.blobs.put(key, once("{}"));
  await expectSame();
  expect(new Set(await readsOf())).toEqual(
    new Set([...vault.blobs.objects.keys()].filter((key) => /\/(?:snapshots|verified)\/[^/]*Z\.json$/.test(key))),
  );
});
