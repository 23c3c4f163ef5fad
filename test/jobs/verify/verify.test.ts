import { copyFile, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { verifyDeep, verifyShallow } from "../../../shared/jobs/verify/verify.ts";
import type { DeepVerification } from "../../../shared/jobs/verify/verify.ts";
import { LocalKeyRing } from "../../../shared/keys/local/local-key-ring.ts";
import type { Verification } from "../../../shared/documents/verification.ts";
import { digestOf, openDocument } from "../../../shared/documents/signed-document.ts";
import { SealedStore } from "../../../shared/store/sealed/sealed-store.ts";
import { RecordedProgress } from "../../doubles/recorded-progress.ts";
import { failureOf, keys as keysIn } from "../../support/blobs.ts";
import { anyText, saying } from "../../support/matchers.ts";
import { useBuiltVault } from "../../support/use-vault.ts";
import { backUp, bothPorts, bytesAt, CLUSTER, oneMember } from "../../support/vaults.ts";

const REF = "prod/20261121T100000Z";

const { keys, vault, built } = useBuiltVault(async (first) => {
  const backedUp = await backUp(first, { etcd: oneMember(50_000) });
  first.clock.advance(3_600_000);
  return { backedUp };
});

const countersignatures = (): Promise<readonly string[]> => keysIn(vault.blobs, "clusters/prod/verified/");

function read(key: string | undefined): Verification {
  return openDocument("verification", bytesAt(vault, key ?? ""), vault.trusted, key ?? "");
}

describe("a shallow verification", () => {
  test("says what it checked, opens nothing and leaves nothing", async () => {
    const result = await verifyShallow(vault, REF);
    expect(result).toEqual({
      manifest: built.backedUp.manifest,
      digest: built.backedUp.manifestDigest,
      checks: ["signature", "trust", "times", "presence", "size", "checksum"],
      lacks: [{ code: "not-countersigned", reason: "not countersigned" }],
    });
    expect(vault.blobs.calls).toMatchObject({ get: 1, checksum: 1 });
    expect(await countersignatures()).toEqual([]);
  });

  test("needs no private key at all", async () => {
    const keyless = new LocalKeyRing(join(keys.folder, "nowhere"));
    const snapshots = new SealedStore({ blobs: vault.blobs, keys: keyless, breakGlass: [], randomBytes: () => Buffer.alloc(4) });
    expect((await verifyShallow({ ...vault, keys: keyless, ...bothPorts(snapshots) }, REF)).digest).toBe(built.backedUp.manifestDigest);
  });

  test("takes any form of ref", async () => {
    for (const ref of ["prod/latest", "prod@2026-11-21T10:00:00Z"])
      expect((await verifyShallow(vault, ref)).digest).toBe(built.backedUp.manifestDigest);
    expect(await failureOf(verifyShallow(vault, "prod@2026-11-21T09:59:59Z"))).toMatchObject({ code: "ref/not-found" });
  });

  test("stops by the signal", async () => {
    expect(await failureOf(verifyShallow(vault, REF, AbortSignal.abort()))).toMatchObject({ code: "interrupted" });
  });

  test("passes the store's failure on as such", async () => {
    vault.blobs.inject({ call: "checksum", key: /data/, fault: { kind: "error" } });
    expect(await failureOf(verifyShallow(vault, REF))).toMatchObject({ code: "store/failed" });
  });
});

describe("a deep verification", () => {
  test("reads everything back, and leaves a countersignature that is bound to the manifest", async () => {
    const result = await verifyDeep(vault, REF);
    expect(result.checks).toEqual([
      "signature",
      "trust",
      "times",
      "no replay",
      "presence",
      "size",
      "checksum",
      "encryption",
      "stored digest",
      "snapshot digest",
      "trailer",
      "page tree",
      "hash",
      "HashKV",
    ]);
    expect(result.countersignature).toBe("clusters/prod/verified/20261121T100000Z-20261121T110000Z.json");
    expect(read(result.countersignature)).toEqual({
      type: "verification",
      formatVersion: 1,
      cluster: "prod",
      id: "20261121T100000Z",
      manifestDigest: digestOf(bytesAt(vault, "clusters/prod/snapshots/20261121T100000Z.json")),
      verifiedAt: "2026-11-21T11:00:00.000Z",
      level: "deep",
      snapshot: { bytes: built.backedUp.manifest.snapshot.bytes, sha256: built.backedUp.manifest.snapshot.sha256 },
      opened: [await keys.ring.wrappingKey()],
      wrappings: [],
      breakGlass: { recipients: [keys.breakGlass.recipient], ciphertext: anyText },
      confirmed: "not asked",
      confirmation: { reason: "the test asks nobody" },
      tool: built.backedUp.manifest.tool,
      custody: result.custody,
      signer: { ...read(result.countersignature).signer, purpose: "audit", fingerprint: keys.trusted.audit[0] },
    });
    expect(vault.progress.phases.at(-1)).toBe("verify");
    expect(vault.progress).toMatchObject({
      bytes: built.backedUp.manifest.snapshot.bytes,
      totalBytes: built.backedUp.manifest.snapshot.bytes,
    });
  });

  test("may be repeated: each leaves a countersignature of its own, also within a second", async () => {
    const results: DeepVerification[] = [];
    for (let run = 0; run < 3; run += 1) results.push(await verifyDeep(vault, REF));
    expect(results.map(({ countersignature }) => countersignature)).toEqual(
      ["", "-2", "-3"].map((number) => `clusters/prod/verified/20261121T100000Z-20261121T110000Z${number}.json`),
    );
    expect(new Set(results.map(({ digest }) => digest)).size).toBe(1);
  });

  test("is not begun where nobody would believe it", async () => {
    const distrusting = { ...vault, trusted: { ...vault.trusted, audit: keys.trusted.snapshot } };
    expect(await failureOf(verifyDeep(distrusting, REF))).toMatchObject({ code: "config/invalid", message: saying("trustedKeys.audit") });
    const without = { ...vault, keys: new LocalKeyRing(join(keys.folder, "nowhere")) };
    expect(await failureOf(verifyDeep(without, REF))).toMatchObject({ code: "keys/missing", message: saying("audit.key") });
    expect(vault.blobs.calls.get).toBe(0);
  });

  test("is not what the backup role can do: it holds neither key", async () => {
    const folder = join(keys.folder, "backup-role");
    await mkdir(folder, { mode: 0o700 });
    try {
      for (const file of ["snapshot.key", "snapshot.pub", "wrapping.pub"])
        await copyFile(join(keys.folder, "keys", file), join(folder, file));
      const ring = new LocalKeyRing(folder);
      const snapshots = new SealedStore({ blobs: vault.blobs, keys: ring, breakGlass: [], randomBytes: () => Buffer.alloc(4) });
      expect(await failureOf(verifyDeep({ ...vault, keys: ring, ...bothPorts(snapshots) }, REF))).toMatchObject({
        code: "keys/missing",
        message: saying("audit"),
      });
      // Even with somebody else's audit key it could not open the data.
      expect(await failureOf(verifyDeep({ ...vault, ...bothPorts(snapshots) }, REF))).toMatchObject({
        code: "keys/missing",
        message: saying("wrapping.key"),
      });
      vault.clock.advance(1000);
      expect((await backUp({ ...vault, keys: ring, ...bothPorts(snapshots) })).existing).toBe(false);
    } finally {
      await rm(folder, { recursive: true });
    }
    expect(await countersignatures()).toEqual([]);
  });

  test("that is interrupted leaves none", async () => {
    const controller = new AbortController();
    const progress = new RecordedProgress();
    progress.advance = () => controller.abort();
    expect(await failureOf(verifyDeep({ ...vault, progress }, REF, controller.signal))).toMatchObject({ code: "interrupted" });
    expect(await countersignatures()).toEqual([]);
    expect(vault.blobs.openReads).toBe(0);
  });

  test.each(["head", "checksum", "get"] as const)("passes the store's failure in a %s on as such, and leaves none", async (call) => {
    vault.blobs.inject({ call, key: /data/, fault: { kind: "error" } });
    expect(await failureOf(verifyDeep(vault, REF))).toMatchObject({ code: "store/failed", retryable: true });
    expect(await countersignatures()).toEqual([]);
  });

  test("does not count where its countersignature could not be written", async () => {
    vault.blobs.inject({ call: "put", key: /verified/, fault: { kind: "error" } });
    expect(await failureOf(verifyDeep(vault, REF))).toMatchObject({ code: "store/failed" });
    expect(await countersignatures()).toEqual([]);
  });

  test("counts where only the acknowledgement of that was lost", async () => {
    vault.blobs.inject({ call: "put", key: /verified/, fault: { kind: "lost-acknowledgement" } });
    const { countersignature } = await verifyDeep(vault, REF);
    expect(await countersignatures()).toEqual([countersignature]);
  });

  test("of one cluster's snapshot says nothing of another's", async () => {
    await backUp(vault, { cluster: "staging" });
    await verifyDeep(vault, "staging/latest");
    expect(await countersignatures()).toEqual([]);
    expect(await keysIn(vault.blobs, "clusters/staging/verified/")).toHaveLength(1);
    expect(CLUSTER).toBe("prod");
  });
});
