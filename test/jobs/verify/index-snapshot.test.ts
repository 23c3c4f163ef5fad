import { describe, expect, test } from "vitest";
import { documentsAbout } from "../../../shared/jobs/copy/documents-about.ts";
import { SnapshotIndexer } from "../../../shared/jobs/verify/index-snapshot.ts";
import { verifyDeep } from "../../../shared/jobs/verify/verify.ts";
import type { FoundManifest } from "../../../shared/vault/catalog.ts";
import { boltFile, keyValue, revisionKey } from "../../snapshot/support/bolt-file.ts";
import { scanned } from "../../snapshot/support/scanned.ts";
import { failureOf, keys as keysIn } from "../../support/blobs.ts";
import { flipped } from "../../support/snapshots.ts";
import { useBuiltVault } from "../../support/use-vault.ts";
import { backUp } from "../../support/vaults.ts";

const { vault, built } = useBuiltVault(async (first) => {
  const { manifest, manifestDigest } = await backUp(first);
  return { found: { manifest, digest: manifestDigest } satisfies FoundManifest };
});

const database = (keys: readonly Buffer[]): Buffer =>
  boltFile(keys.map((key, index) => ({ key: revisionKey(index + 2), value: keyValue(key, Buffer.from("value")) }))).bytes;
const indexes = async (): Promise<readonly string[]> =>
  (await keysIn(vault.blobs, "clusters/prod/verified/")).filter((key) => key.endsWith(".index.age"));

describe("a snapshot of which no index can be made is told of, and nothing is left", () => {
  const few = database([Buffer.from("a"), Buffer.from("b")]);
  const long = database(Array.from({ length: 30 }, (_, index) => Buffer.concat([Buffer.alloc(200_000, 1), Buffer.from([index])])));

  test.each([
    ["its page tree is broken", flipped(few, 4096 * 2), {}],
    ["it has too many keys", few, { keptBytes: 30 }],
    ["its keys are too long", long, {}],
  ])("%s", async (why, bytes, less) => {
    const indexer = new SnapshotIndexer(vault, built.found);
    const scan = scanned(bytes, undefined, { filter: { ...indexer.filter, ...less } });
    expect(await indexer.put(scan)).toBeUndefined();
    expect(vault.progress.warnings).toEqual([`prod/20261121T100000Z gets no index of its keys: ${why}`]);
    expect(await indexes()).toEqual([]);
  });
});

test("a signal that comes while an index is put ends the verification, and leaves none", async () => {
  const stop = new AbortController();
  vault.blobs.inject({ call: "put", key: /\.index\.age$/, fault: { kind: "delay", ms: 1e9 } });
  const verifying = failureOf(verifyDeep({ ...vault, indexFrom: () => 1 }, "prod/latest", stop.signal));
  await expect.poll(() => vault.blobs.calls.put).toBeGreaterThan(0);
  stop.abort();
  expect(await verifying).toMatchObject({ code: "interrupted" });
  expect(await keysIn(vault.blobs, "clusters/prod/verified/")).toEqual([]);
});

test("a copy takes the countersignature along, and no index", async () => {
  const { countersignature } = await verifyDeep({ ...vault, indexFrom: () => 1 }, "prod/latest");
  expect(await indexes()).toHaveLength(1);
  const { documents, unbelieved } = await documentsAbout(vault, built.found.manifest);
  expect(documents.map(({ key }) => key)).toContain(countersignature);
  expect(documents.filter(({ key }) => key.endsWith(".age"))).toEqual([]);
  expect(unbelieved).toEqual([]);
});
