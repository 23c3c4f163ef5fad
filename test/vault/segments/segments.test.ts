import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Segment } from "../../../shared/documents/catalog.ts";
import { catalogKey, catalogPrefix, manifestKey, verifiedPrefix } from "../../../shared/documents/layout.ts";
import { digestOf, MAX_DOCUMENT_BYTES, openDocument } from "../../../shared/documents/signed-document.ts";
import { LifeboatError } from "../../../shared/errors.ts";
import { verifyCustody } from "../../../shared/jobs/audit/custody.ts";
import { catalogue } from "../../../shared/jobs/catalog.ts";
import { listSnapshots } from "../../../shared/jobs/list.ts";
import type { Listing } from "../../../shared/jobs/list.ts";
import { verifyDeep } from "../../../shared/jobs/verify/verify.ts";
import { keys as keysIn } from "../../support/blobs.ts";
import { signedBy } from "../../support/envelopes.ts";
import { fitting, saying } from "../../support/matchers.ts";
import { flipped } from "../../support/snapshots.ts";
import {
  backUp,
  bytesAt,
  CLUSTER,
  countersignAs,
  custodyOf,
  makeTestKeys,
  newVault,
  oneMember,
  plant,
  quarantine,
  rewrite,
} from "../../support/vaults.ts";
import type { TestKeys, TestVault } from "../../support/vaults.ts";

/** So many backups, each verified: the 16th and the 32nd verification leave a segment, and the second takes the first in. */
const SNAPSHOTS = 40;
const IN_SEGMENTS = 32;

let keys: TestKeys;
let strangers: TestKeys;
let made: TestVault;
let ids: readonly string[];
beforeAll(async () => {
  [keys, strangers] = [await makeTestKeys(), await makeTestKeys()];
  made = newVault(keys);
  for (let count = 0; count < SNAPSHOTS; count++) {
    const backup = await backUp(made, { etcd: oneMember(10) });
    await verifyDeep(made, `${CLUSTER}/${backup.manifest.id}`);
    made.clock.advance(60_000);
  }
  ids = (await listSnapshots(made, CLUSTER)).snapshots.map(({ id }) => id);
});
afterAll(async () => {
  await keys.remove();
  await strangers.remove();
});

/** The same store once more, for one test to tamper with. */
function copy(): TestVault {
  const vault = newVault(keys, made.clock.now().toISOString());
  for (const [key, kept] of made.blobs.objects) vault.blobs.objects.set(key, kept);
  return vault;
}

const segmentKeys = ({ blobs }: TestVault): Promise<readonly string[]> => keysIn(blobs, catalogPrefix(CLUSTER));
const newestKey = async (vault: TestVault): Promise<string> => (await segmentKeys(vault)).at(-1) ?? "";
const segmentAt = (vault: TestVault, key: string): Segment => openDocument("catalog", bytesAt(vault, key), vault.trusted, key);

async function countReads(
  vault: TestVault,
  action: () => Promise<Listing>,
): Promise<{ readonly listing: Listing; readonly reads: number }> {
  const before = vault.blobs.calls.get;
  const listing = await action();
  return { listing, reads: vault.blobs.calls.get - before };
}

const list = (vault: TestVault, full = false): Promise<Listing> => listSnapshots(vault, CLUSTER, { full });
const troubles = ({ snapshots }: Listing): readonly string[] =>
  snapshots.flatMap((each) => ("error" in each ? [`${each.id} ${each.error.code}`] : []));

describe("verifications leave segments", () => {
  test("where enough is new, and each is in the custody log", async () => {
    const [first = "", second = "", ...more] = await segmentKeys(made);
    expect(more).toEqual([]);
    expect(segmentAt(made, first).rows).toHaveLength(16);
    const { rows, others, custody, custodyHead } = segmentAt(made, second);
    expect([rows.length, others]).toEqual([IN_SEGMENTS, []]);
    expect(rows.map(({ id }) => id)).toEqual(ids.slice(0, IN_SEGMENTS));
    expect(custodyOf(made).filter(({ event }) => event === "catalogued")).toMatchObject([
      { subjects: [{ key: first }] },
      { subjects: [{ key: second }], sequence: custody?.sequence },
    ]);
    expect(custodyHead?.sequence).toBe((custody?.sequence ?? 0) - 1);
    // A row, and what the log of its last days says of it: of 1 MiB.
    expect(bytesAt(made, second).length).toBeLessThan(IN_SEGMENTS * 2000);
  });

  test("that custody --verify knows", async () => {
    expect((await verifyCustody(made, CLUSTER, { onRecord: () => undefined })).findings).toEqual([]);
    const vault = copy();
    vault.blobs.objects.delete(await newestKey(vault));
    const { findings } = await verifyCustody(vault, CLUSTER, { onRecord: () => undefined });
    expect(findings).toMatchObject([{ code: "custody/announced-absence", subject: await newestKey(made) }]);
  });
});

describe("a list", () => {
  test("reads the newest segment, and one by one what is in none", async () => {
    const { listing, reads } = await countReads(made, () => list(made));
    expect(reads).toBe(1 + 2 * (SNAPSHOTS - IN_SEGMENTS));
    const all = await countReads(made, () => list(made, true));
    expect(all.reads).toBe(1 + 2 * SNAPSHOTS);
    expect(all.listing).toEqual({ ...listing, differences: [] });
    expect(listing.snapshots.every((each) => "lacks" in each && each.lacks.length === 0)).toBe(true);
  });

  test("of few reads those themselves", async () => {
    const { listing, reads } = await countReads(made, () => listSnapshots(made, CLUSTER, { limit: 5 }));
    expect([listing.snapshots.length, reads]).toEqual([5, 10]);
  });

  test("leaves out what was removed", async () => {
    const vault = copy();
    vault.blobs.objects.delete(manifestKey(CLUSTER, ids[3] ?? ""));
    expect((await list(vault)).snapshots).toHaveLength(SNAPSHOTS - 1);
  });

  test("reads a snapshot anew that was countersigned once more", async () => {
    const vault = copy();
    const [id = "", other = ""] = ids;
    vault.clock.advance(3_600_000);
    await verifyDeep(vault, `${CLUSTER}/${id}`);
    const { listing, reads } = await countReads(vault, () => list(vault));
    expect(listing.snapshots[0]).toMatchObject({ id, verifiedAt: vault.clock.now().toISOString() });
    expect(reads).toBe(1 + 2 * (SNAPSHOTS - IN_SEGMENTS) + 3);
    for (const key of await keysIn(vault.blobs, verifiedPrefix(CLUSTER, other))) vault.blobs.objects.delete(key);
    expect((await list(vault)).snapshots[1]).toMatchObject({ id: other, lacks: [{ code: "not-countersigned" }] });
  });

  test("tells of a manifest that was replaced, by its time or size", async () => {
    const vault = copy();
    const key = manifestKey(CLUSTER, ids[4] ?? "");
    vault.clock.advance(1000);
    plant(vault, key, flipped(bytesAt(vault, key), 40));
    expect(troubles(await list(vault))).toEqual([`${ids[4]} verify/format`]);
  });

  test("--full tells of one that has the same time and size", async () => {
    const vault = copy();
    const [damaged = "", changed = ""] = ids.slice(4);
    const key = manifestKey(CLUSTER, damaged);
    const { modified } = vault.blobs.objects.get(key) ?? { modified: vault.clock.now() };
    vault.blobs.objects.set(key, { bytes: flipped(bytesAt(vault, key), 40), modified });
    await rewrite(vault, "snapshot", manifestKey(CLUSTER, changed), (manifest) => ({ ...manifest, lineage: 2 }));
    expect(troubles(await list(vault))).toEqual([]);
    const { differences, ...full } = await list(vault, true);
    expect(troubles({ ...full, differences })).toEqual([`${damaged} verify/format`]);
    expect(differences).toEqual([
      { id: damaged, message: saying("the catalog tells of it, and its manifest is not believed") },
      { id: changed, message: "the catalog and its documents differ in lineage, manifestDigest, verifiedAt, lacks" },
    ]);
  });

  test("judges by the configuration of now", async () => {
    const vault = { ...copy(), policyOf: () => ({ agreement: "quorum", confirm: "required", rpoMs: 3_600_000 }) as const };
    const { snapshots } = await listSnapshots(vault, CLUSTER);
    expect(snapshots.every((each) => "lacks" in each && each.lacks[0]?.code === "not-confirmed")).toBe(true);
    expect((await listSnapshots(vault, CLUSTER, { full: true })).differences).toEqual([]);
  });

  test("of a role that may not read segments reads all", async () => {
    const vault = copy();
    const error = new LifeboatError("store/denied", "no");
    vault.blobs.inject({ call: "get", key: /catalog/, times: 9, fault: { kind: "error", error } });
    const { listing, reads } = await countReads(vault, () => list(vault));
    expect([listing.snapshots.length, listing.badSegments, reads]).toEqual([SNAPSHOTS, [], 2 + 2 * SNAPSHOTS]);
  });
});

describe("a segment that somebody tampered with", () => {
  async function listed(change: (vault: TestVault, key: string) => Promise<void> | void): Promise<Listing & { readonly reads: number }> {
    const vault = copy();
    await change(vault, await newestKey(vault));
    const { listing, reads } = await countReads(vault, () => list(vault));
    expect(listing.snapshots).toEqual((await list(made, true)).snapshots);
    return { ...listing, reads };
  }

  test.each(["snapshot", "bundle"] as const)("is not believed by the %s key, and the one before it serves", async (purpose) => {
    const { badSegments, reads } = await listed(async (vault, key) =>
      plant(vault, key, await signedBy(vault.keys, purpose, segmentAt(vault, key), "catalog")),
    );
    expect(badSegments).toMatchObject([{ error: { code: "verify/untrusted" } }]);
    expect(reads).toBe(2 + 2 * (SNAPSHOTS - 16));
  });

  test("is not believed by a stranger's, nor with a changed byte, nor in another's place, nor of another cluster", async () => {
    const codes: (string | undefined)[] = [];
    for (const change of [
      async (vault, key) => plant(vault, key, await signedBy(strangers.ring, "audit", segmentAt(vault, key), "catalog")),
      (vault, key) => plant(vault, key, flipped(bytesAt(vault, key), 300)),
      (vault, key) => plant(vault, catalogKey(CLUSTER, "20261121T103930Z"), bytesAt(vault, key)),
      async (vault, key) =>
        plant(vault, key, await signedBy(keys.ring, "audit", { ...segmentAt(vault, key), cluster: "other" }, "catalog")),
    ] satisfies ((vault: TestVault, key: string) => void | Promise<void>)[])
      codes.push((await listed(change)).badSegments[0]?.error.code);
    expect(codes).toEqual(["verify/untrusted", fitting(/^verify\/(signature|format)$/), "verify/format", "verify/format"]);
  });

  test("that another was put in the place of is told, and what it says is not taken", async () => {
    const vault = copy();
    const [older = "", newest = ""] = await segmentKeys(vault);
    const { rows, ...rest } = segmentAt(vault, newest);
    const others = [{ id: segmentAt(vault, older).id, digest: digestOf(Buffer.from("another")) }];
    plant(vault, newest, await signedBy(keys.ring, "audit", { ...rest, others, rows: rows.slice(16) }, "catalog"));
    const { listing, reads } = await countReads(vault, () => list(vault));
    expect(listing.badSegments).toMatchObject([{ key: older, error: { code: "verify/digest" } }]);
    expect(reads).toBe(2 + 2 * (SNAPSHOTS - 16));
  });

  test("with many planted before it makes everything be read, and no more", async () => {
    const { badSegments, reads } = await listed((vault) => {
      for (let second = 10; second < 40; second++) plant(vault, catalogKey(CLUSTER, `20261121T1039${second}Z`), "{}");
      // No run writes one of the future: it is not even looked at.
      plant(vault, catalogKey(CLUSTER, "20361121T100000Z"), "{}");
    });
    expect([badSegments.length, reads]).toEqual([8, 8 + 2 * SNAPSHOTS]);
  });

  test("says nothing of snapshots whose key is trusted no more, and new ones are written of what is still believed", async () => {
    const vault = { ...copy(), trusted: { ...keys.trusted, snapshot: strangers.trusted.snapshot } };
    expect(troubles(await list(vault))).toEqual(ids.map((id) => `${id} verify/untrusted`));
  });
});

test("a key that gets an end has its snapshots read, until segments say that the log witnesses them", async () => {
  const vault = copy();
  const [fingerprint = ""] = keys.trusted.snapshot;
  const ended = { ...vault, trusted: { ...keys.trusted, ends: { [fingerprint]: vault.clock.now().toISOString() } } };
  const before = await countReads(vault, () => listSnapshots(ended, CLUSTER));
  expect(before.reads).toBeGreaterThan(1 + 2 * SNAPSHOTS);
  expect(troubles(before.listing)).toEqual([]);
  vault.clock.advance(60_000);
  expect(await catalogue(ended, CLUSTER)).toMatchObject({ written: [{ rows: SNAPSHOTS, merged: [] }], rows: SNAPSHOTS, segments: 1 });
  expect((await countReads(vault, () => listSnapshots(ended, CLUSTER))).reads).toBe(1);
  // Without the end these rows are of another trust.
  expect((await countReads(vault, () => list(vault))).reads).toBe(1 + 2 * SNAPSHOTS);
});

describe("by hand", () => {
  test("all settled snapshots come into segments, and nothing is written twice", async () => {
    const vault = copy();
    const outcome = await catalogue(vault, CLUSTER);
    expect(outcome).toMatchObject({ written: [{ rows: 8, merged: [] }], rows: SNAPSHOTS, unsegmented: 0, segments: 2, bad: [] });
    expect((await countReads(vault, () => list(vault))).reads).toBe(2);
    expect(await catalogue(vault, CLUSTER)).toMatchObject({ written: [], segments: 2 });
    expect(segmentAt(vault, await newestKey(vault)).others).toMatchObject([{ digest: digestOf(bytesAt(vault, await newestKey(made))) }]);
  });

  test("what is not settled stays out", async () => {
    const vault = copy();
    const [quarantined = "", unverified = "", torn = "", twice = ""] = ids.slice(-4);
    vault.clock.advance(60_000);
    await quarantine(vault, quarantined);
    await countersignAs(vault, quarantined, ids[0] ?? "");
    for (const id of [quarantined, unverified])
      for (const key of await keysIn(vault.blobs, verifiedPrefix(CLUSTER, id)))
        if (id === unverified || !key.includes(`${id}-${id}`)) vault.blobs.objects.delete(key);
    plant(vault, manifestKey(CLUSTER, torn), "{}");
    // Another manifest's countersignature beside its own.
    await countersignAs(vault, twice, ids[0] ?? "");
    await rewrite(vault, "snapshot", manifestKey(CLUSTER, twice), (manifest) => ({ ...manifest, lineage: 2 }));
    const { rows, unsegmented } = await catalogue(vault, CLUSTER);
    expect([rows, unsegmented]).toEqual([SNAPSHOTS - 3, 3]);
    const { snapshots } = await list(vault);
    expect(snapshots.find(({ id }) => id === quarantined)).toMatchObject({ quarantined: true, lacks: [{ code: "quarantine" }] });
    expect((await list(vault, true)).differences).toEqual([]);
  });

  test("a clock that is behind writes no segment that nobody would take", async () => {
    const vault = newVault(keys, "2026-11-21T10:35:00.000Z");
    for (const [key, kept] of made.blobs.objects) vault.blobs.objects.set(key, kept);
    const { written } = await catalogue(vault, CLUSTER);
    expect(written).toHaveLength(1);
    expect(await newestKey(vault)).toBe(written[0]?.key);
  });

  test("without a trusted audit key nothing is announced", async () => {
    const vault = { ...copy(), keys: strangers.ring };
    await expect(catalogue(vault, CLUSTER)).rejects.toMatchObject({ code: "config/invalid" });
    expect(await segmentKeys(vault)).toEqual(await segmentKeys(made));
  });

  test("a store that fails while one is put is told to the log", async () => {
    const vault = copy();
    const error = new LifeboatError("store/failed", "no more");
    vault.blobs.inject({ call: "put", key: /catalog/, fault: { kind: "error", error } });
    await expect(catalogue(vault, CLUSTER)).rejects.toMatchObject({ code: "store/failed" });
    expect(custodyOf(vault).at(-1)).toMatchObject({ event: "failed" });
    expect((await verifyCustody(vault, CLUSTER, { onRecord: () => undefined })).findings).toEqual([]);
  });
});

test("a verification does not fail where its segment does", async () => {
  const vault = copy();
  const error = new LifeboatError("store/failed", "no more");
  vault.blobs.inject({ call: "list", key: /catalog/, times: 99, fault: { kind: "error", error } });
  await verifyDeep(vault, `${CLUSTER}/${ids.at(-1)}`);
  expect(vault.progress.warnings).toContainEqual(fitting(/no segment of the catalog of prod was written: no more/));
});

test("thousands come into segments of at most 1 MiB", async () => {
  const vault = copy();
  const [template = ""] = ids;
  const manifest = openDocument("snapshot", bytesAt(vault, manifestKey(CLUSTER, template)), vault.trusted, template);
  const [beside = ""] = await keysIn(vault.blobs, verifiedPrefix(CLUSTER, template));
  const countersignature = openDocument("verification", bytesAt(vault, beside), vault.trusted, beside);
  for (let index = 0; index < 1500; index++) {
    const id = `20261120T${String(10 + Math.floor(index / 3600)).padStart(2, "0")}${String(Math.floor(index / 60) % 60).padStart(2, "0")}${String(index % 60).padStart(2, "0")}Z`;
    const stored = { ...manifest.stored, key: `clusters/${CLUSTER}/data/${id}-00000000.age` };
    const bytes = await signedBy(keys.ring, "snapshot", {
      ...manifest,
      id,
      stored,
      proof: { ...manifest.proof, status: "unproven", reason: "x".repeat(900) },
    });
    plant(vault, manifestKey(CLUSTER, id), bytes);
    plant(
      vault,
      `${verifiedPrefix(CLUSTER, id)}${id}.json`,
      await signedBy(keys.ring, "audit", { ...countersignature, id, manifestDigest: digestOf(bytes) }, "verification"),
    );
  }
  const { written, rows } = await catalogue(vault, CLUSTER);
  expect(rows).toBe(SNAPSHOTS + 1500);
  expect(written.length).toBeGreaterThan(3);
  for (const { key } of written) {
    expect(bytesAt(vault, key).length).toBeGreaterThan(1000);
    expect(bytesAt(vault, key).length).toBeLessThanOrEqual(MAX_DOCUMENT_BYTES);
  }
  expect((await countReads(vault, () => list(vault))).reads).toBe((await catalogue(vault, CLUSTER)).segments);
});
