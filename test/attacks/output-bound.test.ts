import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { beforeEach, describe, expect, test } from "vitest";
import type { Block } from "../../shared/blocks.ts";
import type { LifeboatError } from "../../shared/errors.ts";
import { exportSnapshot } from "../../shared/jobs/inspect/export.ts";
import { snapshotStatus } from "../../shared/jobs/inspect/status.ts";
import { StoredInput } from "../../shared/jobs/inspect/stored-input.ts";
import { verifyDeep } from "../../shared/jobs/verify/verify.ts";
import { manifestKey } from "../../shared/documents/layout.ts";
import type { Manifest } from "../../shared/documents/manifest.ts";
import { openDocument } from "../../shared/documents/signed-document.ts";
import { SealedStore } from "../../shared/store/sealed/sealed-store.ts";
import { encryptAge } from "../../shared/seal/age.ts";
import { seal } from "../../shared/seal/seal.ts";
import type { BlobStore } from "../../shared/store/blob-store.ts";
import { collect, failureOf } from "../support/blobs.ts";
import { useBuiltVault } from "../support/use-vault.ts";
import { backUp, bytesAt, CLUSTER, plant, rewrite, sealedObject } from "../support/vaults.ts";
import type { TestVault } from "../support/vaults.ts";

/**
 * Issue 6a.9. A stolen writer (W) signs a manifest of a few bytes over an object that decompresses without end, or somebody who may put objects (P) lays one without
 * end in the place of a signed one. Both know the recipient, which stands in the manifest, so what they lay down opens.
 */

const MIB = 1024 * 1024;
const FRAME = 4 * MIB;
const ID = "20261121T100000Z";
const REF = `${CLUSTER}/${ID}`;

const { keys, vault, built } = useBuiltVault(async (first) => {
  const { manifest } = await backUp(first);
  return { manifest, bomb: await bomb(manifest, 100) };
});

/** An object that opens for the snapshot's key, to so many frames of zeros: a few hundred bytes each. */
async function bomb({ stored }: Manifest, frames: number): Promise<Buffer> {
  async function* blocks(): AsyncGenerator<Block, void, undefined> {
    for (let index = 0; index < frames; index++) yield { bytes: new Uint8Array(FRAME), release: () => undefined };
  }
  const { encryption } = sealedObject(stored);
  return Buffer.concat((await collect(seal(blocks(), [encryption.recipient]))).map((piece) => Uint8Array.from(piece)));
}

/** W's work: the manifest names the bomb rightly, and claims that it opens to `bytes`. */
async function signOver(object: Buffer, bytes = built.manifest.snapshot.bytes): Promise<void> {
  plant(vault, sealedObject(built.manifest.stored).key, object);
  await rewrite(vault, "snapshot", manifestKey(CLUSTER, ID), (document) => ({
    ...document,
    snapshot: { ...document.snapshot, bytes },
    stored: {
      ...sealedObject(document.stored),
      bytes: object.length,
      sha256: `sha256:${createHash("sha256").update(object).digest("hex")}`,
      crc32: crc32(object).toString(16).padStart(8, "0"),
    },
  }));
}

interface Came {
  readonly bytes: number;
  readonly error: LifeboatError;
}

/** How much came out before the reader stopped. */
async function exported(ports: TestVault = vault): Promise<Came> {
  let bytes = 0;
  const error = await failureOf(
    exportSnapshot(ports, {
      ref: REF,
      unverified: true,
      async write(pieces) {
        for await (const piece of pieces) bytes += piece.length;
      },
    }),
  );
  return { bytes, error: error as LifeboatError };
}

describe("an object of a few KiB that decompresses to 400 MiB, under a manifest that says 20,512 bytes", () => {
  beforeEach(async () => signOver(built.bomb));

  test("export hands out no more than the manifest says", async () => {
    const { bytes, error } = await exported();
    expect(error.code).toBe("verify/size");
    expect(bytes).toBeLessThanOrEqual(built.manifest.snapshot.bytes);
  });

  test("a deep verification and status stop there, too", async () => {
    expect(await failureOf(verifyDeep(vault, REF))).toMatchObject({ code: "verify/size" });
    expect(vault.progress.bytes).toBeLessThanOrEqual(built.manifest.snapshot.bytes);
    const { manifest: signed } = { manifest: openDocument("snapshot", bytesAt(vault, manifestKey(CLUSTER, ID)), vault.trusted, ID) };
    const status = snapshotStatus(new StoredInput(vault.snapshots, signed), vault.progress, new AbortController().signal);
    expect(await failureOf(status)).toMatchObject({ code: "verify/size" });
    expect(vault.progress.bytes).toBeLessThanOrEqual(built.manifest.snapshot.bytes);
  });
});

test("a manifest that claims more than the configuration allows is refused before anything is read", async () => {
  await signOver(built.bomb, 5_000 * 1024 * MIB);
  const { bytes, error } = await exported({ ...vault, snapshots: storeOver(vault.blobs) });
  expect(error.hint).toContain("raise maxDatabaseSize");
  expect({ bytes, code: error.code }).toEqual({ bytes: 0, code: "verify/size" });
});

test("an object without an end in the place of a signed one is read as far as it was signed, and no further", async () => {
  let served = 0;
  // Whoever may put need not put bytes: here the store itself serves what P laid there.
  const { encryption, key } = sealedObject(built.manifest.stored);
  async function* zeros(): AsyncGenerator<Uint8Array, void, undefined> {
    // An empty frame of zstd, over and over: nothing ever comes out.
    const empty = Buffer.from("28b52ffd2000010000", "hex");
    const many = Buffer.concat(Array.from({ length: 7000 }, () => empty));
    for (let index = 0; index < 500; index++) yield many;
  }
  const endless: BlobStore["get"] = async function* endless(name, options) {
    if (name !== key) yield* vault.blobs.get(name, options);
    else
      for await (const piece of encryptAge([encryption.recipient], zeros())) {
        served += piece.length;
        yield Uint8Array.from(piece);
      }
  };
  const blobs = new Proxy(vault.blobs, {
    get: (target, name) => (name === "get" ? endless : bound(target, name)),
  });
  const { bytes, error } = await exported({ ...vault, snapshots: storeOver(blobs) });
  expect({ bytes, code: error.code }).toEqual({ bytes: 0, code: "verify/size" });
  expect(served).toBeLessThan(4 * MIB);
});

/** As the configuration of `lifeboat init` opens it. */
function storeOver(blobs: BlobStore): SealedStore {
  return new SealedStore({
    blobs,
    keys: keys.ring,
    breakGlass: [],
    randomBytes: (count) => Buffer.alloc(count),
    maxBytes: 64 * 1024 * MIB,
  });
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name);
  return typeof value === "function" ? (...args: unknown[]): unknown => Reflect.apply(value, target, args) : value;
}
