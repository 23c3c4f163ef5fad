import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { appendRecord } from "../../shared/vault/custody/append.ts";
import { readCountersignatures, readManifest } from "../../shared/vault/catalog.ts";
import { copySnapshot } from "../../shared/jobs/copy/snapshot.ts";
import { verifyCustody } from "../../shared/jobs/audit/custody.ts";
import { readLineages } from "../../shared/vault/lineage/lineages.ts";
import { requireTrustedKey } from "../../shared/vault/require-trusted-key.ts";
import { verifyDeep } from "../../shared/jobs/verify/verify.ts";
import { custodyKey, dataKey, manifestKey, verifiedKey } from "../../shared/documents/layout.ts";
import type { CustodyReceipt } from "../../shared/documents/parts.ts";
import { digestOf } from "../../shared/documents/signed-document.ts";
import { MemoryBlobStore } from "../doubles/memory-blob-store.ts";
import { failureOf } from "../support/blobs.ts";
import { signedBy } from "../support/envelopes.ts";
import { saying } from "../support/matchers.ts";
import { useBuiltVault } from "../support/use-vault.ts";
import { backUp, bytesAt, CLUSTER, custodyOf, makeTestKeys, plant, sealedObject } from "../support/vaults.ts";
import type { TestKeys, TestVault } from "../support/vaults.ts";

/** A key that was replaced because it may be stolen, and stays trusted for what it signed before. The thief signs on with it, and dates back. */

/** A backup at 10:00, its deep verification at 10:01. */
const {
  keys: old,
  vault: thief,
  built,
} = useBuiltVault(async (first) => {
  const { id: taken } = (await backUp(first)).manifest;
  first.clock.advance(60_000);
  await verifyDeep(first, `${CLUSTER}/${taken}`);
  return { id: taken };
});
let next: TestKeys;
let id: string;

const NOT_AFTER = "2026-11-21T12:00:00.000Z";
const FORGED = "20261121T080000Z";

beforeAll(async () => {
  next = await makeTestKeys();
});
afterAll(() => next.remove());
beforeEach(() => {
  ({ id } = built);
});

/** Who reads after the rotation of the keys for one purpose, or for both. */
function reader(...stolen: readonly ("snapshot" | "audit")[]): TestVault {
  const ends = Object.fromEntries(stolen.map((purpose) => [old.trusted[purpose][0] ?? "", NOT_AFTER]));
  const rotated = Object.fromEntries(stolen.map((purpose) => [purpose, [...next.trusted[purpose], ...old.trusted[purpose]]]));
  return { ...thief, trusted: { ...old.trusted, ...rotated, ends } };
}

async function findings(vault: TestVault, isReplica = false): Promise<readonly string[]> {
  const report = await verifyCustody(vault, CLUSTER, { isReplica, onRecord: () => undefined });
  return report.findings.map(({ code, subject }) => `${code} ${subject}`);
}

/** A manifest with an old id over data of the thief's; `announce` gives the record that it names. */
async function forgeManifest(announce?: (subjects: { key: string; digest?: string }[]) => Promise<CustodyReceipt>): Promise<string> {
  const { manifest } = await readManifest(thief, CLUSTER, id);
  const stored = sealedObject(manifest.stored);
  const data = dataKey(CLUSTER, FORGED, "00000000");
  plant(thief, data, bytesAt(thief, stored.key));
  const subjects = [{ key: manifestKey(CLUSTER, FORGED) }, { key: data, digest: stored.sha256 }];
  // As any writer would, and the record says a time of before.
  const custody = await (announce ?? ((about) => appendRecord(thief, CLUSTER, "snapshot", { event: "backup", subjects: about })))(subjects);
  const forged = { ...manifest, id: FORGED, stored: { ...stored, key: data }, custody };
  plant(thief, manifestKey(CLUSTER, FORGED), await signedBy(old.ring, "snapshot", forged, "snapshot"));
  return manifestKey(CLUSTER, FORGED);
}

async function tellAnything(vault: TestVault, purpose: "snapshot" | "audit"): Promise<void> {
  await appendRecord(vault, CLUSTER, purpose, { event: "failed", subjects: [] });
}

describe("a stolen snapshot key", () => {
  test("a manifest that is dated back is not believed, and those of before are", async () => {
    const key = await forgeManifest();
    const vault = reader("snapshot");
    const failure = await failureOf(readManifest(vault, CLUSTER, FORGED));
    expect(failure).toMatchObject({
      code: "verify/untrusted",
      message: saying(`trusted only for what was in the custody log by ${NOT_AFTER}`),
    });
    expect((await readManifest(vault, CLUSTER, id)).manifest.id).toBe(id);
    const { links, faults } = await readLineages(vault, CLUSTER);
    expect([links.length, faults]).toEqual([1, []]);
    const last = custodyOf(thief).length;
    expect(await findings(vault)).toEqual([
      `custody/forged ${custodyKey(CLUSTER, last)}`,
      `custody/unbelieved ${key}`,
      `custody/announced-absence ${key}`,
    ]);
  });

  test("records of later times by the other keys do not witness it", async () => {
    await forgeManifest();
    thief.clock.advance(4 * 3_600_000);
    await tellAnything(thief, "audit");
    await tellAnything({ ...reader("snapshot"), keys: next.ring }, "snapshot");
    expect(await failureOf(readManifest(reader("snapshot"), CLUSTER, FORGED))).toMatchObject({
      code: "verify/untrusted",
      message: saying("that another key signed is"),
    });
    expect((await readManifest(reader("snapshot"), CLUSTER, id)).manifest.id).toBe(id);
  });

  test("it cannot name a record of before that announced another", async () => {
    const { custody } = (await readManifest(thief, CLUSTER, id)).manifest;
    await forgeManifest(() => Promise.resolve(custody ?? { sequence: 0, digest: "" }));
    const failure = await failureOf(readManifest(reader("snapshot"), CLUSTER, FORGED));
    expect(failure).toMatchObject({ code: "verify/untrusted", message: saying("is about something else") });
  });

  test("other data does not take the place of what a record of before announced", async () => {
    const { manifest } = await readManifest(thief, CLUSTER, id);
    const stored = { ...sealedObject(manifest.stored), sha256: `sha256:${"0".repeat(64)}` };
    plant(thief, manifestKey(CLUSTER, id), await signedBy(old.ring, "snapshot", { ...manifest, stored }, "snapshot"));
    expect(await failureOf(readManifest(reader("snapshot"), CLUSTER, id))).toMatchObject({ code: "verify/untrusted" });
  });

  test("a record that was written anew in the place of an old one is not followed by the next", async () => {
    const { custody } = (await readManifest(thief, CLUSTER, id)).manifest;
    const sequence = custody?.sequence ?? 0;
    const record = custodyOf(thief).find((each) => each.sequence === sequence);
    await forgeManifest(async (subjects) => {
      const bytes = await signedBy(old.ring, "snapshot", { ...record, subjects }, "custody");
      plant(thief, custodyKey(CLUSTER, sequence), bytes);
      return { sequence, digest: digestOf(bytes) };
    });
    expect(await failureOf(readManifest(reader("snapshot"), CLUSTER, FORGED))).toMatchObject({
      code: "verify/untrusted",
      message: saying(`record ${sequence + 1} does not follow record ${sequence} as it is stored now`),
    });
    expect(await findings(reader("snapshot"))).toContain(`custody/forged ${custodyKey(CLUSTER, sequence)}`);
  });

  test("a document of a later kind by that key is not passed over", async () => {
    const at = verifiedKey(CLUSTER, id, "20261121T235959Z");
    plant(thief, at, await signedBy(old.ring, "snapshot", { type: "later", formatVersion: 1, cluster: CLUSTER, id }, "later"));
    expect((await readCountersignatures(reader("snapshot"), CLUSTER, id)).bad.map(({ key }) => key)).toEqual([at]);
  });

  test("signs nothing more here", async () => {
    const failure = await failureOf(requireTrustedKey(old.ring, reader("snapshot").trusted, "snapshot"));
    expect(failure).toMatchObject({ code: "config/invalid", message: saying(`has notAfter ${NOT_AFTER}`) });
  });
});

describe("a stolen audit key", () => {
  async function forgeCountersignature(): Promise<string> {
    const at = verifiedKey(CLUSTER, id, "20261121T085900Z");
    const manifestDigest = digestOf(bytesAt(thief, manifestKey(CLUSTER, id)));
    const custody = await appendRecord(thief, CLUSTER, "audit", {
      event: "verified",
      subjects: [{ key: at }, { key: manifestKey(CLUSTER, id), digest: manifestDigest }],
    });
    const [genuine] = (await readCountersignatures(thief, CLUSTER, id)).good.get(id) ?? [];
    plant(thief, at, await signedBy(old.ring, "audit", { ...genuine, custody }, "verification"));
    return at;
  }

  test("a countersignature that is dated back is not believed", async () => {
    await backUp(thief, { slot: "2026-11-21T10:00:00Z" });
    // Another key wrote behind the genuine one, and in time.
    await tellAnything(thief, "snapshot");
    const forged = await forgeCountersignature();
    const { good, bad } = await readCountersignatures(reader("audit"), CLUSTER, id);
    expect([good.get(id)?.length, bad.map(({ key }) => key)]).toEqual([1, [forged]]);
  });

  test("with nothing of another key behind it, the genuine one does not count either, and it says why", async () => {
    const { good, bad } = await readCountersignatures(reader("audit"), CLUSTER, id);
    expect([good.get(id), bad.length]).toEqual([undefined, 1]);
    expect(bad[0]?.error).toMatchObject({
      message: saying("no record that another key signed follows its record"),
      hint: saying("set notAfter in trustedKeys"),
    });
  });
});

describe("both stolen at once", () => {
  test("a record of a new key in time witnesses all before it, and nothing after", async () => {
    thief.clock.advance(60_000);
    await tellAnything({ ...reader("snapshot"), keys: next.ring }, "snapshot");
    await forgeManifest();
    const vault = reader("snapshot", "audit");
    expect((await readManifest(vault, CLUSTER, id)).manifest.id).toBe(id);
    expect((await readCountersignatures(vault, CLUSTER, id)).good.get(id)).toHaveLength(1);
    expect(await failureOf(readManifest(vault, CLUSTER, FORGED))).toMatchObject({ code: "verify/untrusted" });
  });
});

test("in a replica the copied log is the witness", async () => {
  const blobs = new MemoryBlobStore(thief.clock);
  const vault = reader("snapshot");
  await copySnapshot(thief, await readManifest(thief, CLUSTER, id), { name: "far", blobs }, { purpose: "audit" });
  expect((await readManifest({ ...vault, blobs }, CLUSTER, id)).manifest.id).toBe(id);
  expect(await findings({ ...vault, blobs }, true)).toEqual([]);
});

test("a reader takes a few reads of the log, however long it is", async () => {
  for (let turn = 0; turn < 40; turn += 1) await tellAnything(thief, "snapshot");
  const vault = reader("snapshot");
  thief.blobs.calls.get = 0;
  await readManifest(vault, CLUSTER, id);
  expect(thief.blobs.calls.get).toBeLessThan(10);
});
