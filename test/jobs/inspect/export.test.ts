import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { exportSnapshot } from "../../../shared/jobs/inspect/export.ts";
import { verifyDeep } from "../../../shared/jobs/verify/verify.ts";
import { LocalKeyRing } from "../../../shared/keys/local/local-key-ring.ts";
import { manifestKey } from "../../../shared/documents/layout.ts";
import { writeOutput } from "../../../shared/host/files/output-file.ts";
import { newIdentity } from "../../../shared/seal/age.ts";
import { SealedStore } from "../../../shared/store/sealed/sealed-store.ts";
import { ScriptedEtcd } from "../../doubles/scripted-etcd.ts";
import { collect, failureOf } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";
import { flipped, randomSnapshot } from "../../support/snapshots.ts";
import { useBuiltVault } from "../../support/use-vault.ts";
import { backUp, bytesAt, CLUSTER, plant, rewrite, sealedObject } from "../../support/vaults.ts";

const REF = "prod/20261121T100000Z";
/** What is tried here is content, not who said that it is good. */
const ANY = { ref: REF, unverified: true };

const { keys, vault, built } = useBuiltVault(async (first) => {
  const bytes = randomSnapshot(1_500_000);
  const { manifest } = await backUp(first, { etcd: new ScriptedEtcd([{ number: 1, snapshots: [[{ send: bytes }]] }]) });
  return { snapshot: bytes, dataKey: sealedObject(manifest.stored).key };
});
let snapshot: Buffer;
let dataKey: string;
let out: string;
beforeEach(() => {
  out = join(keys.folder, "out.db");
  ({ snapshot, dataKey } = built);
});
afterEach(() => rm(out, { force: true }));

const toFile = (bytes: AsyncIterable<Uint8Array>): Promise<void> => writeOutput(out, bytes);

async function expectNoFile(): Promise<void> {
  expect((await readdir(keys.folder)).filter((name) => name.includes("out.db"))).toEqual([]);
}

describe("an export", () => {
  test("is what etcd sent, byte by byte, in a file of its owner's", async () => {
    await verifyDeep(vault, REF);
    const { manifest, lacks } = await exportSnapshot(vault, { ref: "prod/good", write: toFile });
    expect(lacks).toEqual([]);
    expect((await readFile(out)).equals(snapshot)).toBe(true);
    expect((await stat(out)).mode & 0o777).toBe(0o600);
    expect(manifest.id).toBe("20261121T100000Z");
    expect(vault.progress).toMatchObject({ bytes: snapshot.length, totalBytes: snapshot.length });
    expect(vault.progress.phases.at(-1)).toBe("export");
  });

  test("works with the break-glass identity where all keys are lost", async () => {
    const keyless = new LocalKeyRing(join(keys.folder, "nowhere"));
    const snapshots = new SealedStore({ blobs: vault.blobs, keys: keyless, breakGlass: [], randomBytes: () => Buffer.alloc(4) });
    await exportSnapshot({ ...vault, snapshots }, { ...ANY, identities: [keys.breakGlass.identity], write: toFile });
    expect((await readFile(out)).equals(snapshot)).toBe(true);
  });

  test("refuses another identity, and leaves no file", async () => {
    const { identity } = await newIdentity();
    expect(await failureOf(exportSnapshot(vault, { ...ANY, identities: [identity], write: toFile }))).toMatchObject({
      code: "keys/no-match",
      hint: saying(keys.breakGlass.recipient),
    });
    await expectNoFile();
  });
});

describe("nothing is left of an export", () => {
  test.each([100, 1_200_000, -1])("of data that was altered at byte %i", async (offset) => {
    plant(vault, dataKey, flipped(bytesAt(vault, dataKey), offset));
    expect(await failureOf(exportSnapshot(vault, { ...ANY, write: toFile }))).toMatchObject({ code: saying("verify/") });
    await expectNoFile();
  });

  test("of data that was cut", async () => {
    plant(vault, dataKey, bytesAt(vault, dataKey).subarray(0, -100_000));
    expect(await failureOf(exportSnapshot(vault, { ...ANY, write: toFile }))).toMatchObject({ code: "verify/size" });
    await expectNoFile();
  });

  test.each<[string, object, string]>([
    ["digest", { sha256: `sha256:${"0".repeat(64)}` }, "verify/digest"],
    ["size", { bytes: 1 }, "verify/size"],
    ["trailer", { trailer: `sha256:${"0".repeat(64)}` }, "verify/trailer"],
  ])("that does not come to the %s in its manifest", async (_what, change, code) => {
    await rewrite(vault, "snapshot", manifestKey(CLUSTER, "20261121T100000Z"), (manifest) => ({
      ...manifest,
      snapshot: { ...manifest.snapshot, ...change },
    }));
    expect(await failureOf(exportSnapshot(vault, { ...ANY, write: toFile }))).toMatchObject({ code });
    await expectNoFile();
  });

  test("that the store breaks off", async () => {
    vault.blobs.inject({ call: "get", key: /data/, fault: { kind: "error", atByte: 1_100_000 } });
    expect(await failureOf(exportSnapshot(vault, { ...ANY, write: toFile }))).toMatchObject({ code: "store/failed" });
    await expectNoFile();
  });

  test("that is interrupted", async () => {
    const controller = new AbortController();
    vault.progress.advance = () => controller.abort();
    expect(await failureOf(exportSnapshot(vault, { ...ANY, signal: controller.signal, write: toFile }))).toMatchObject({
      code: "interrupted",
    });
    expect(vault.blobs.openReads).toBe(0);
    await expectNoFile();
  });

  test("whose disk is full: the error passes, and nothing is read any further", async () => {
    const full = new Error("no space");
    const failing = async (bytes: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const _ of bytes) throw full;
    };
    await expect(exportSnapshot(vault, { ...ANY, write: failing })).rejects.toBe(full);
    expect(vault.blobs.openReads).toBe(0);
  });
});

test("what is wrong is thrown into the writer before it can take the bytes for whole", async () => {
  plant(vault, dataKey, flipped(bytesAt(vault, dataKey), -1));
  let whole = false;
  const writer = async (bytes: AsyncIterable<Uint8Array>): Promise<void> => {
    await collect(bytes);
    whole = true;
  };
  expect(await failureOf(exportSnapshot(vault, { ...ANY, write: writer }))).toMatchObject({ code: saying("verify/") });
  expect(whole).toBe(false);
});
