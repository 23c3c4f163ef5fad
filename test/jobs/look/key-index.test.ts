import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { openKeyIndex } from "../../../shared/jobs/look/key-index.ts";
import type { KeyIndex } from "../../../shared/jobs/look/key-index.ts";
import { verifyDeep } from "../../../shared/jobs/verify/verify.ts";
import type { Verification } from "../../../shared/documents/verification.ts";
import { openDocument } from "../../../shared/documents/signed-document.ts";
import type { FoundManifest } from "../../../shared/vault/catalog.ts";
import { ScriptedEtcd } from "../../doubles/scripted-etcd.ts";
import { boltFile, keyValue, revisionKey } from "../../snapshot/support/bolt-file.ts";
import { failureOf, keys as keysIn } from "../../support/blobs.ts";
import { fitting, saying } from "../../support/matchers.ts";
import { seal } from "../../../shared/seal/seal.ts";
import { whole } from "../../seal/streams.ts";
import { asSent, flipped } from "../../support/snapshots.ts";
import { useBuiltVault } from "../../support/use-vault.ts";
import { backUp, bytesAt, custodyOf, plant, rewrite, sealedObject } from "../../support/vaults.ts";

/** Every key is written twice, and every fifth is deleted in the end. */
const NAMES = Array.from({ length: 1500 }, (_, index) => `/registry/configmaps/ns-${index % 7}/map-${String(index).padStart(4, "0")}`);
const CHANGES = [
  ...NAMES.map((name) => ({ name, value: "old", isDelete: false })),
  ...NAMES.map((name, index) => ({ name, value: `new ${index} `.repeat(20), isDelete: false })),
  ...NAMES.filter((_, index) => index % 5 === 0).map((name) => ({ name, value: "", isDelete: true })),
];
const DATABASE = boltFile(
  CHANGES.map(({ name, value, isDelete }, index) => ({
    key: revisionKey(index + 2, 0, isDelete),
    value: isDelete ? keyValue(Buffer.from(name)) : keyValue(Buffer.from(name), Buffer.from(value)),
  })),
).bytes;
const REF = "prod/20261121T100000Z";
const LIVE = NAMES.filter((_, index) => index % 5 !== 0).toSorted();

const { keys, vault, built } = useBuiltVault(async (first) => {
  const { manifest, manifestDigest } = await backUp(first, {
    etcd: new ScriptedEtcd([{ number: 1, snapshots: [[{ send: asSent(DATABASE) }]] }]),
  });
  first.clock.advance(3_600_000);
  const { countersignature } = await verifyDeep({ ...first, indexFrom: () => DATABASE.length }, REF);
  return { found: { manifest, digest: manifestDigest } satisfies FoundManifest, countersignature };
});

function verification(): Verification {
  return openDocument("verification", bytesAt(vault, built.countersignature), vault.trusted, built.countersignature);
}

async function open(): Promise<KeyIndex> {
  const index = await openKeyIndex(vault, built.found);
  if (index === undefined) throw new Error("there is no index");
  return index;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const warnings = (): readonly string[] => vault.progress.warnings;

describe("a deep verification of a large snapshot", () => {
  test("leaves an index beside its countersignature, which names it, and the custody log has its digest", () => {
    const { index } = verification();
    const key = "clusters/prod/verified/20261121T100000Z-20261121T110000Z.index.age";
    expect(index).toEqual({ key, bytes: bytesAt(vault, key).length, sha256: fitting(/^sha256:/), last: fitting(/^sha256:[0-9a-f]{64}$/) });
    expect(custodyOf(vault).at(-1)).toMatchObject({ event: "verified", subjects: [{}, {}, { key, digest: index?.sha256 }] });
  });

  test("makes no second one while that stands, and another where it is gone", async () => {
    const ports = { ...vault, indexFrom: () => 1 };
    const later = async (): Promise<Verification> => {
      const { countersignature } = await verifyDeep(ports, REF);
      return openDocument("verification", bytesAt(vault, countersignature), vault.trusted, countersignature);
    };
    expect((await later()).index).toBeUndefined();
    vault.blobs.objects.delete(verification().index?.key ?? "");
    expect((await later()).index).toBeDefined();
  });

  test("goes on without one where the store does not take it, and leaves none of a smaller snapshot", async () => {
    vault.blobs.objects.delete(verification().index?.key ?? "");
    vault.blobs.inject({ call: "put", key: /\.index\.age$/, fault: { kind: "error" } });
    expect((await verifyDeep({ ...vault, indexFrom: () => 1 }, REF)).lacks).toEqual([]);
    expect(warnings()).toContainEqual(saying("prod/20261121T100000Z gets no index of its keys: "));
    await verifyDeep({ ...vault, indexFrom: () => DATABASE.length + 33 }, REF);
    expect((await keysIn(vault.blobs, "clusters/prod/verified/")).filter((key) => key.endsWith(".age"))).toEqual([]);
  });
});

describe("a lookup by the index", () => {
  test("gives every live key as the snapshot has it, and none that was deleted", async () => {
    const index = await open();
    expect(index.count).toBe(LIVE.length);
    for (const [number, name] of NAMES.entries()) {
      const found = await index.lookup(Buffer.from(name));
      if (number % 5 === 0) expect(found).toBeUndefined();
      else {
        expect([text(found!.key), text(found!.value)]).toEqual([name, `new ${number} `.repeat(20)]);
        expect(found!.revision).toBe(NAMES.length + number + 2);
      }
    }
    for (const name of ["", "/registry", `${NAMES[1]}x`, "~"]) expect(await index.lookup(Buffer.from(name))).toBeUndefined();
  });

  test("lists keys in order from any one on", async () => {
    const index = await open();
    const listed = async (from: string): Promise<readonly string[]> =>
      (await Array.fromAsync(index.from(Buffer.from(from)))).map(({ key }) => text(key));
    expect(await listed("")).toEqual(LIVE);
    expect(await listed("/registry/configmaps/ns-3/")).toEqual(LIVE.filter((name) => name >= "/registry/configmaps/ns-3/"));
    expect(await listed("~")).toEqual([]);
    for await (const record of index.from(Buffer.from("/registry/configmaps/ns-6/"))) {
      expect(text((await index.read(record)).key)).toBe(text(record.key));
      break;
    }
  });

  test("opens with a break-glass identity alone", async () => {
    const index = await openKeyIndex(vault, built.found, { identities: [keys.breakGlass.identity] });
    expect(text((await index!.lookup(Buffer.from(NAMES[1]!)))!.key)).toBe(NAMES[1]);
  });

  test("reads nothing but what it needs", async () => {
    const { get } = vault.blobs.calls;
    const index = await open();
    await index.lookup(Buffer.from(NAMES[1]!));
    // The countersignature, and both objects; they are so small that each is read at once.
    expect(vault.blobs.calls.get - get).toBeLessThanOrEqual(5);
  });
});

describe("an index that cannot be used is as none, and the person is told", () => {
  const sealedKey = (): string => verification().index?.key ?? "";

  test.each([
    ["in front", 0],
    ["at the end", -1],
    ["in its last piece", -300],
  ])("one that was altered %s", async (_where, at) => {
    plant(vault, sealedKey(), flipped(bytesAt(vault, sealedKey()), at));
    expect(await openKeyIndex(vault, built.found)).toBeUndefined();
    expect(warnings()).toContainEqual(saying("the index of prod/20261121T100000Z cannot be used, so all of the snapshot is read: "));
  });

  test("one of another countersignature, encrypted to the same recipients", async () => {
    await verifyDeep({ ...vault, indexFrom: () => 1 }, REF);
    await rewrite(vault, "verification", built.countersignature, (document) => ({
      ...document,
      index: { ...verification().index!, last: `sha256:${"0".repeat(64)}` },
    }));
    expect(await openKeyIndex(vault, built.found)).toBeUndefined();
    expect(warnings()).toContainEqual(saying("is another one than was verified"));
  });

  test("one that is not there, as in a replica, is passed over without a word", async () => {
    vault.blobs.objects.delete(sealedKey());
    expect(await openKeyIndex(vault, built.found)).toBeUndefined();
    expect(warnings()).toEqual([]);
  });

  test("one that stands elsewhere than beside its snapshot is not looked at", async () => {
    await rewrite(vault, "verification", built.countersignature, (document) => ({
      ...document,
      index: { ...verification().index!, key: "clusters/other/verified/20261121T100000Z-20261121T110000Z.index.age" },
    }));
    expect(await openKeyIndex(vault, built.found)).toBeUndefined();
  });
});

test("a snapshot that was replaced by another of the same size, encrypted to the same recipients, is refused where it differs", async () => {
  const { manifest } = built.found;
  const { key, bytes, encryption } = sealedObject(manifest.stored);
  const reader = await vault.snapshots.openAt?.(manifest, manifest.stored, { bytes: manifest.snapshot.bytes });
  const blocks: Buffer[] = [];
  for (let piece = 0; piece < (reader?.pieces ?? 0); piece++) blocks.push(Buffer.from(await reader!.piece(piece)));
  const changed = blocks.find((block) => block.includes("new 1 new 1"));
  const at = changed?.indexOf("new 1 new 1") ?? -1;
  // What anybody can make who may put into the store: recipients are no secret.
  let forged: Uint8Array = new Uint8Array(0);
  for (const other of ["new 1 nex 1", "new 1 oew 1", "new 2 new 2", "new 7 new 1", "wen 1 new 1", "new 1 new 3"]) {
    if (forged.length === bytes) break;
    changed?.write(other, at);
    forged = await whole(
      seal(Readable.from(blocks.map((block) => ({ bytes: block, release: () => undefined }))), [
        encryption.recipient,
        ...encryption.breakGlass,
      ]),
    );
  }
  expect(forged.length).toBe(bytes);
  plant(vault, key, forged);
  const index = await open();
  expect(await failureOf(index.lookup(Buffer.from(NAMES[1]!)))).toMatchObject({
    code: "verify/sealed",
    message: fitting(/^zstd frame \d+ of the compressed data is another one than was verified$/),
  });
});

test("an index that says that a key lies where another entry is, is refused", async () => {
  const index = await open();
  const [one, two] = await Array.fromAsync(index.from(Buffer.from("")));
  expect(await failureOf(index.read({ ...one!, at: two!.at, bytes: two!.bytes }))).toMatchObject({
    code: "verify/content",
    message: "the index of prod/20261121T100000Z says that a key lies where another entry is",
  });
  expect(await failureOf(index.read({ ...one!, revision: 1 }))).toMatchObject({ code: "verify/content" });
  expect(await failureOf(index.read({ ...one!, bytes: 3 }))).toMatchObject({ code: "verify/content" });
});
