import { generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isLifeboatError, LifeboatError } from "../../shared/errors.ts";
import { LocalKeyRing } from "../../shared/keys/local/local-key-ring.ts";
import { decodeEnvelope } from "../../shared/documents/envelope.ts";
import { lineageSchema } from "../../shared/documents/lineage.ts";
import { manifestSchema } from "../../shared/documents/manifest.ts";
import type { Lineage } from "../../shared/documents/lineage.ts";
import { digestOf, openDocument, signDocument } from "../../shared/documents/signed-document.ts";
import type { TrustedKeys, Unsigned } from "../../shared/documents/signed-document.ts";
import { failureOf } from "../support/blobs.ts";
import { payloadOf, rawEnvelope, signedBy, withPayload, withSignature } from "../support/envelopes.ts";
import { anyText, saying } from "../support/matchers.ts";
import { needs, requireProgram } from "../support/programs.ts";
import { flipped } from "../support/snapshots.ts";
import { makeTestKeys } from "../support/vaults.ts";
import type { TestKeys } from "../support/vaults.ts";

/** The smallest of the documents; the others are signed and read by the same code. */
const LINEAGE: Unsigned<"lineage"> = {
  type: "lineage",
  formatVersion: 1,
  cluster: "prod",
  number: 1,
  clusterId: "cafe",
  openedAt: "2026-11-21T10:00:00.000Z",
  reason: "first-backup",
  revision: 50,
  tool: { name: "etcd-lifeboat", version: "0.1.0" },
};

let keys: TestKeys;
let others: TestKeys;
let bytes: Uint8Array;
beforeAll(async () => {
  [keys, others] = [await makeTestKeys(), await makeTestKeys()];
  ({ bytes } = await signDocument(keys.ring, "lineage", LINEAGE));
});
afterAll(async () => {
  await keys.remove();
  await others.remove();
});

function open(stored: Uint8Array | string, trusted: TrustedKeys = keys.trusted): Lineage {
  return openDocument("lineage", Buffer.from(stored), trusted, "lineage/1.json");
}

function refusal(stored: Uint8Array | string, trusted?: TrustedKeys): LifeboatError {
  try {
    open(stored, trusted);
  } catch (error) {
    if (isLifeboatError(error)) return error;
    throw error;
  }
  throw new Error("the document was believed");
}

describe("a signed document", () => {
  test("comes back as it was, with its signer", async () => {
    const { signer, ...document } = open(bytes);
    expect(document).toEqual(LINEAGE);
    const { fingerprint, spki } = await keys.ring.publicKey("snapshot");
    expect(signer).toEqual({ purpose: "snapshot", fingerprint, publicKey: Buffer.from(spki).toString("base64") });
    expect(fingerprint).toBe(digestOf(spki));
    expect(rawEnvelope(bytes)).toMatchObject({
      payloadType: "application/vnd.etcd-lifeboat.lineage.v1+json",
      signatures: [{ keyid: fingerprint }],
    });
  });

  test("begins with its type, format version and cluster, whatever the order that it was given in", async () => {
    const { type, formatVersion, cluster, ...rest } = LINEAGE;
    const signed = await signDocument(keys.ring, "lineage", { ...rest, cluster, formatVersion, type });
    expect(payloadOf(signed.bytes)).toMatch(/^\{"type":"lineage","formatVersion":1,"cluster":"prod",/);
    expect(signed.digest).toBe(digestOf(signed.bytes));
  });

  test("keeps fields of later minor versions, at every depth", async () => {
    const later = { ...LINEAGE, later: [1], tool: { ...LINEAGE.tool, later: true } };
    expect(open((await signDocument(keys.ring, "lineage", later)).bytes)).toMatchObject(later);
  });

  test("that is not valid is not signed", async () => {
    await expect(signDocument(keys.ring, "lineage", { ...LINEAGE, number: 0 })).rejects.toThrow("number");
    await expect(signDocument(keys.ring, "lineage", { ...LINEAGE, clusterId: "CAFE" })).rejects.toThrow("expected an id in hex");
  });

  test("is not made where the key changes meanwhile", async () => {
    const changing = new LocalKeyRing(join(keys.folder, "keys"));
    changing.sign = (purpose, what) => others.ring.sign(purpose, what);
    expect(await failureOf(signDocument(changing, "lineage", LINEAGE))).toMatchObject({
      code: "keys/failed",
      message: saying("was changed while it signed"),
    });
  });

  test.skipIf(needs("openssl"))("is verified by openssl over the encoding of the specification", async () => {
    const { payloadType, payload, signature } = decodeEnvelope(bytes, "it");
    const at = (name: string): string => join(keys.folder, name);
    await writeFile(at("signed"), `DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} ${Buffer.from(payload).toString()}`);
    await writeFile(at("signature"), signature);
    const check = async (file: string): Promise<string> =>
      (
        await execa(
          requireProgram("openssl"),
          ["dgst", "-sha256", "-verify", at("keys/snapshot.pub"), "-signature", at("signature"), at(file)],
          {
            reject: false,
          },
        )
      ).stdout;
    expect(await check("signed")).toBe("Verified OK");
    await writeFile(at("other"), `DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} ${Buffer.from(payload).toString()} `);
    expect(await check("other")).toBe("Verification failure");
  });
});

describe("what is not what was signed is refused", () => {
  test("wherever a bit of the object is flipped: an error of its kind, or the very same content", () => {
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 7 }), (offset, bit) => {
        const altered = flipped(bytes, offset, 1 << bit);
        try {
          // Spare bits of base64 carry nothing.
          expect(open(altered)).toEqual(open(bytes));
        } catch (error) {
          if (!isLifeboatError(error, "verify/")) throw error;
          expect(error.message).toContain("lineage/1.json");
        }
      }),
      { numRuns: 400 },
    );
  });

  test("wherever a bit of the payload or of the signature is flipped", () => {
    const payload = payloadOf(bytes);
    for (let offset = 0; offset < payload.length; offset += 5) {
      expect(refusal(withPayload(bytes, flipped(Buffer.from(payload), offset))).code, `payload byte ${offset}`).toMatch(
        /^verify\/(signature|format)$/,
      );
    }
    withSignature(bytes, (signature) => {
      for (let offset = 0; offset < signature.length; offset += 1) {
        expect(refusal(withSignature(bytes, (each) => flipped(each, offset))).code, `signature byte ${offset}`).toBe("verify/signature");
      }
      return signature;
    });
  });

  test.each<[string, (stored: Uint8Array) => string, object]>([
    [
      "a value",
      (stored) => withPayload(stored, payloadOf(stored).replace('"revision":50', '"revision":51')),
      { code: "verify/signature", hint: saying("do not restore") },
    ],
    ["another signature", (stored) => withSignature(stored, () => Buffer.alloc(70)), { code: "verify/signature" }],
    ["an empty signature", (stored) => withSignature(stored, () => Buffer.alloc(0)), { code: "verify/signature" }],
    [
      "a signature with something after it",
      (stored) => withSignature(stored, (each) => Buffer.concat([each, Buffer.from([0])])),
      { code: "verify/signature" },
    ],
    [
      "another key id",
      (stored) =>
        JSON.stringify({
          ...rawEnvelope(stored),
          signatures: [{ ...rawEnvelope(stored).signatures[0], keyid: `sha256:${"0".repeat(64)}` }],
        }),
      { code: "verify/format", message: saying("names another key") },
    ],
    [
      "another payload type",
      (stored) => JSON.stringify({ ...rawEnvelope(stored), payloadType: "application/vnd.etcd-lifeboat.snapshot.v1+json" }),
      { code: "verify/format", message: saying("not application/vnd.etcd-lifeboat.lineage.v1+json") },
    ],
    ["a payload that is no JSON", (stored) => withPayload(stored, "{"), { code: "verify/format", message: saying("is not JSON") }],
    [
      "a payload of another kind",
      (stored) => withPayload(stored, payloadOf(stored).replace('"type":"lineage"', '"type":"snapshot"')),
      { code: "verify/format" },
    ],
  ])("%s", (_what, change, error) => expect(refusal(change(bytes))).toMatchObject(error));

  test("another key in the signer's place, with nothing else changed", async () => {
    const ours = Buffer.from((await keys.ring.publicKey("snapshot")).spki).toString("base64");
    const theirs = Buffer.from((await others.ring.publicKey("snapshot")).spki).toString("base64");
    expect(refusal(withPayload(bytes, payloadOf(bytes).replace(ours, theirs)))).toMatchObject({ code: "verify/signature" });
    const p384 = generateKeyPairSync("ec", { namedCurve: "secp384r1" }).publicKey.export({ type: "spki", format: "der" });
    for (const key of ["", "AAAA", p384.toString("base64")]) {
      expect(refusal(withPayload(bytes, payloadOf(bytes).replace(ours, key)))).toMatchObject({ code: "verify/format" });
    }
  });
});

describe("a right signature is not enough", () => {
  test("by the key of another purpose", async () => {
    const { fingerprint } = await keys.ring.publicKey("audit");
    expect(refusal(await signedBy(keys.ring, "audit", LINEAGE, "lineage"))).toMatchObject({
      code: "verify/untrusted",
      message: `lineage/1.json is signed by ${fingerprint}, which is not trusted for purpose snapshot`,
      hint: saying("trustedKeys.snapshot"),
    });
  });

  test("by a key that is trusted for nothing, or no longer", async () => {
    expect(refusal((await signDocument(others.ring, "lineage", LINEAGE)).bytes)).toMatchObject({ code: "verify/untrusted" });
    expect(refusal(bytes, { ...keys.trusted, snapshot: [] })).toMatchObject({ code: "verify/untrusted" });
    expect(open(bytes, { ...keys.trusted, snapshot: [...others.trusted.snapshot, ...keys.trusted.snapshot] }).number).toBe(1);
  });

  test("where a trusted fingerprint is only named", async () => {
    const [named] = keys.trusted.snapshot;
    const claims = await signedBy(others.ring, "snapshot", LINEAGE, "lineage", { signer: { fingerprint: named }, keyId: named ?? "" });
    expect(refusal(claims)).toMatchObject({ code: "verify/untrusted" });
  });

  test("where it names another key or purpose than its own", async () => {
    for (const signer of [{ fingerprint: others.trusted.snapshot[0] }, { purpose: "audit" }]) {
      const odd = await signedBy(keys.ring, "snapshot", LINEAGE, "lineage", { signer });
      expect(refusal(odd)).toMatchObject({ code: "verify/format", message: saying("names another key or purpose") });
    }
  });

  test("for a format version of the future, which is told as such", async () => {
    const future = await signedBy(keys.ring, "snapshot", { ...LINEAGE, formatVersion: 2, number: "a new meaning" }, "lineage");
    expect(refusal(future)).toMatchObject({
      code: "verify/format",
      message: "lineage/1.json has format version 2; this lifeboat reads version 1",
      hint: "use a newer lifeboat",
    });
  });

  test.each<[string, object]>([
    ["a number below one", { number: 0 }],
    ["no cluster", { cluster: undefined }],
    ["a cluster that leads elsewhere", { cluster: "../prod" }],
    ["format version 0", { formatVersion: 0 }],
    ["format version 1 as text", { formatVersion: "1" }],
    ["a reason that is no word", { reason: "because of \u001b[31m" }],
    ["a time that is none", { openedAt: "yesterday" }],
  ])("for a document with %s", async (_what, change) => {
    expect(refusal(await signedBy(keys.ring, "snapshot", { ...LINEAGE, ...change }, "lineage"))).toMatchObject({
      code: "verify/format",
      message: saying("lineage/1.json is not a valid lineage document"),
    });
  });

  test("for a document in another kind's place", () => {
    expect(() => openDocument("snapshot", bytes, keys.trusted, "it")).toThrow("it is of type");
    expect(() => openDocument("verification", bytes, keys.trusted, "it")).toThrow("it is of type");
  });
});

test("the schemas refuse what lies outside of the store's names", () => {
  expect(lineageSchema.safeParse({ ...LINEAGE, cluster: "a".repeat(64), signer: anyText }).success).toBe(false);
  expect(manifestSchema.shape.id.safeParse("20261121T100000Z-2").success).toBe(true);
  for (const id of ["20261121T100000Z-0", "20261121T100000Z/..", "latest", "20261121T100000Z\n"]) {
    expect(manifestSchema.shape.id.safeParse(id).success, id).toBe(false);
  }
});
