import { createPublicKey, verify } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { LifeboatError } from "../../shared/errors.ts";
import { decodeEnvelope, encodeEnvelope, fromBase64, preAuthEncoding } from "../../shared/documents/envelope.ts";

/** The example in DSSE's protocol.md (version 1.0.0), "Test Vectors". */
const VECTOR = {
  payloadType: "http://example.com/HelloWorld",
  payload: "hello world",
  encoded: "DSSEv1 29 http://example.com/HelloWorld 11 hello world",
  base64: "aGVsbG8gd29ybGQ=",
  x: 46950820868899156662930047687818585632848591499744589407958293238635476079160n,
  y: 5640078356564379163099075877009565129882514886557779369047442380624545832820n,
  signature: "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==",
};

test("the pre-authentication encoding is that of the specification, and its signature holds over it", () => {
  const encoded = preAuthEncoding(VECTOR.payloadType, Buffer.from(VECTOR.payload));
  expect(Buffer.from(encoded).toString()).toBe(VECTOR.encoded);
  const coordinate = (value: bigint): string => Buffer.from(value.toString(16).padStart(64, "0"), "hex").toString("base64url");
  const key = createPublicKey({ key: { kty: "EC", crv: "P-256", x: coordinate(VECTOR.x), y: coordinate(VECTOR.y) }, format: "jwk" });
  const raw = Buffer.from(VECTOR.signature, "base64");
  expect(verify("sha256", encoded, { key, dsaEncoding: "ieee-p1363" }, raw)).toBe(true);
  expect(decodeEnvelope(Buffer.from(envelope({})), "it")).toEqual({
    payloadType: VECTOR.payloadType,
    payload: Buffer.from(VECTOR.payload),
    keyId: "k",
    signature: raw,
  });
});

test("lengths are counted in bytes, not characters", () => {
  expect(Buffer.from(preAuthEncoding("é", Buffer.from("→"))).toString()).toBe("DSSEv1 2 é 3 →");
  expect(Buffer.from(preAuthEncoding("", new Uint8Array())).toString()).toBe("DSSEv1 0  0 ");
});

test("no two pairs of type and payload have one encoding", () => {
  const pair = fc.tuple(
    fc.string({ unit: fc.constantFrom("1", " ", "a", "é"), maxLength: 6 }),
    fc.string({ unit: fc.constantFrom("1", " ", "a"), maxLength: 6 }),
  );
  fc.assert(
    fc.property(pair, pair, ([type, body], [otherType, otherBody]) => {
      const same = type === otherType && body === otherBody;
      expect(Buffer.from(preAuthEncoding(type, Buffer.from(body))).equals(preAuthEncoding(otherType, Buffer.from(otherBody)))).toBe(same);
    }),
  );
});

test("what was encoded comes back, as one line", () => {
  fc.assert(
    fc.property(fc.string(), fc.uint8Array(), fc.string(), fc.uint8Array(), (payloadType, payload, keyId, sig) => {
      const bytes = encodeEnvelope({ payloadType, payload, keyId, signature: sig });
      expect(Buffer.from(bytes).indexOf("\n")).toBe(bytes.length - 1);
      const decoded = decodeEnvelope(bytes, "it");
      expect(decoded).toMatchObject({ payloadType, keyId });
      expect(Buffer.from(decoded.payload).equals(payload)).toBe(true);
      expect(Buffer.from(decoded.signature).equals(sig)).toBe(true);
    }),
  );
});

test.each<[string, string | Uint8Array, string]>([
  ["nothing", "", "is not JSON"],
  ["half of one", envelope({}).slice(0, 50), "is not JSON"],
  ["what is not UTF-8", Buffer.concat([Buffer.from('{"payloadType":"'), Buffer.from([0xff]), Buffer.from('"}')]), "is not JSON"],
  ["a list", "[]", "is not a signed envelope"],
  ["null", "null", "is not a signed envelope"],
  ["an envelope without a type", envelope({ payloadType: undefined }), "payloadType"],
  ["an envelope whose payload is no base64", envelope({ payload: "@@@" }), "payload"],
  ["an envelope without a signature", envelope({ signatures: [] }), "signatures"],
  ["an envelope with two", envelope({ signatures: [signature(), signature()] }), "signatures"],
  ["a signature without a key id", envelope({ signatures: [{ sig: VECTOR.signature }] }), "signatures[0].keyid"],
  ["a signature that is no base64", envelope({ signatures: [{ keyid: "k", sig: "é" }] }), "signatures[0].sig"],
])("%s is no envelope", (_what, bytes, message) => {
  const attempt = (): unknown => decodeEnvelope(Buffer.from(bytes), "the manifest");
  expect(attempt).toThrow(LifeboatError);
  expect(attempt).toThrow(message);
  expect(attempt).toThrow(/^the manifest /);
});

test("a text is base64 where zod says so, and stands for what Node makes of it", () => {
  const schema = z.base64();
  const close = fc.string({ unit: fc.constantFrom("A", "Q", "z", "9", "+", "/", "=", "-", "_", " ", "\n", "é", "\0"), maxLength: 12 });
  const whole = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("base64"));
  const spoiled = fc.tuple(whole, fc.nat(60), close).map(([text, at, word]) => text.slice(0, at) + word + text.slice(at + word.length));
  fc.assert(
    fc.property(fc.oneof(close, whole, spoiled), (text) => {
      const bytes = fromBase64(text);
      expect(bytes !== undefined).toBe(schema.safeParse(text).success);
      if (bytes !== undefined) expect(Buffer.from(bytes).equals(Buffer.from(text, "base64"))).toBe(true);
    }),
    { numRuns: 5000 },
  );
});

test("fields that are not known are passed over", () => {
  expect(decodeEnvelope(Buffer.from(envelope({ later: 1, signatures: [{ ...signature(), cert: "x" }] })), "it")).toMatchObject({
    keyId: "k",
  });
});

function signature(): { readonly keyid: string; readonly sig: string } {
  return { keyid: "k", sig: VECTOR.signature };
}

function envelope(change: object): string {
  return JSON.stringify({ payloadType: VECTOR.payloadType, payload: VECTOR.base64, signatures: [signature()], ...change });
}
