import { createHash } from "node:crypto";
import { inflateSync } from "node:zlib";
import { armor } from "age-encryption";
import * as vectors from "cctv-age";
import { describe, expect, test } from "vitest";
import { type AgeIdentity, decryptAge } from "../../shared/seal/age.ts";
import { isLifeboatError } from "../../shared/errors.ts";
import { drain, inChunksOf } from "./streams.ts";

// Every vector of https://c2sp.org/CCTV/age: malformed, altered and odd files, and what a correct reader makes of each.

const HANDLED = new Set(["expect", "payload", "file key", "identity", "passphrase", "armored", "compressed", "comment"]);
const CODES: Record<string, readonly string[]> = {
  "no match": ["keys/no-match"],
  "HMAC failure": ["verify/sealed"],
  "header failure": ["verify/sealed"],
  "payload failure": ["verify/sealed"],
};

interface Vector {
  readonly expected: string;
  readonly payload: string | undefined;
  readonly identities: readonly AgeIdentity[];
  readonly isArmored: boolean;
  readonly body: Buffer;
}

function parse(file: Uint8Array): Vector {
  const bytes = Buffer.from(file);
  const end = bytes.indexOf("\n\n");
  const fields = bytes
    .subarray(0, end)
    .toString()
    .split("\n")
    .map((line) => line.split(": ", 2));
  const all = (name: string): string[] => fields.filter(([key]) => key === name).map(([, value]) => value ?? "");
  for (const [key] of fields) if (!HANDLED.has(key ?? "")) throw new Error(`a vector has the unknown field ${key}`);
  const body = bytes.subarray(end + 2);
  return {
    expected: all("expect")[0] ?? "",
    payload: all("payload")[0],
    identities: [...all("identity"), ...all("passphrase").map((passphrase) => ({ passphrase }))],
    isArmored: all("armored")[0] === "yes",
    body: all("compressed")[0] === "zlib" ? inflateSync(body) : body,
  };
}

const files = Object.entries(vectors).filter(([, file]) => file instanceof Uint8Array);

test("there are as many vectors as cctv-age 0.2.0 has", () => {
  expect(files.length).toBe(143);
});

describe.each(files)("%s", (_name, file) => {
  const { expected, payload, identities, isArmored, body } = parse(file);
  const unarmored = (): Uint8Array => (isArmored ? armor.decode(body.toString("latin1")) : body);

  if (expected === "armor failure") {
    test("is refused by the armor's decoder", () => {
      expect(unarmored).toThrow();
    });
    return;
  }
  // Small files also byte by byte; scrypt takes a second each, so once is enough there.
  const sizes = identities.some((identity) => typeof identity !== "string")
    ? [Infinity]
    : body.length < 70_000
      ? [Infinity, 1, 23]
      : [Infinity, 65_537];
  test.each(sizes)(`${expected}, in chunks of %d bytes`, async (size) => {
    const { bytes, error } = await drain(decryptAge(identities, inChunksOf(unarmored(), size)));
    if (expected === "success") expect(error).toBeUndefined();
    else expect(isLifeboatError(error) ? error.code : error).toBeOneOf([...(CODES[expected] ?? ["a code"])]);
    if (payload === undefined) expect(bytes.length).toBe(0);
    else expect(createHash("sha256").update(bytes).digest("hex")).toBe(payload);
  });
});
