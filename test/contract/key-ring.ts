import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { PURPOSES, type KeyRing, type WrapContext, type Wrapping } from "../../shared/keys/key-ring.ts";
import { parsePublicKey, verifySignature } from "../../shared/keys/public-key.ts";
import { newIdentity } from "../../shared/seal/age.ts";
import { failureOf } from "../support/blobs.ts";
import { anyText, saying } from "../support/matchers.ts";

/** A key ring to hold against the contract of KeyRing, and another with keys of its own. */
export interface KeyRingsUnderTest {
  readonly ring: KeyRing;
  readonly other: KeyRing;
  /** How many of a ciphertext's first bytes the service does not look at: real KMS looks at all. */
  readonly ignoredBytes?: number;
}

const CONTEXT: WrapContext = { cluster: "prod", snapshot: "20261121T100000Z" };

/** The conformance suite of KeyRing: every adapter passes it. */
export function keyRingContract(name: string, makeRings: () => Promise<KeyRingsUnderTest>): void {
  describe(`${name} keeps the contract of KeyRing`, () => {
    let ring: KeyRing;
    let other: KeyRing;
    let ignoredBytes: number;
    let identity: string;
    beforeEach(async () => {
      ({ ring, other, ignoredBytes = 0 } = await makeRings());
      ({ identity } = await newIdentity());
    });

    describe("wrap and unwrap", () => {
      test("give the identity back, under the key that wrappingKey names", async () => {
        const wrapping = await ring.wrap(identity, CONTEXT);
        expect(wrapping.key).toBe(await ring.wrappingKey());
        expect(Buffer.from(wrapping.ciphertext).includes(identity)).toBe(false);
        expect(await ring.unwrap(wrapping, CONTEXT)).toBe(identity);
      });

      test("bind the identity to its snapshot and its cluster", async () => {
        const wrapping = await ring.wrap(identity, CONTEXT);
        for (const context of [
          { ...CONTEXT, snapshot: "20261121T110000Z" },
          { ...CONTEXT, cluster: "staging" },
          { cluster: CONTEXT.snapshot, snapshot: CONTEXT.cluster },
          { cluster: "", snapshot: "" },
        ]) {
          const failure = await failureOf(ring.unwrap(wrapping, context));
          expect(failure).toMatchObject({ code: "verify/sealed", retryable: false });
          expectNoSecret(failure, identity);
        }
      });

      test("keep names apart that would run together in a careless encoding", async () => {
        const wrapping = await ring.wrap(identity, { cluster: 'a","snapshot":"b', snapshot: "c" });
        await expect(ring.unwrap(wrapping, { cluster: "a", snapshot: 'b","snapshot":"c' })).rejects.toMatchObject({
          code: "verify/sealed",
        });
        expect(await ring.unwrap(wrapping, { cluster: 'a","snapshot":"b', snapshot: "c" })).toBe(identity);
        const lines = { cluster: "a\nb", snapshot: "c\r\n# d" };
        expect(await ring.unwrap(await ring.wrap(identity, lines), lines)).toBe(identity);
      });

      test("notice every altered byte and every cut", async () => {
        const wrapping = await ring.wrap(identity, CONTEXT);
        const { ciphertext } = wrapping;
        const altered: Uint8Array[] = [new Uint8Array(), Buffer.concat([ciphertext, Buffer.from([0])]), randomBytes(200)];
        for (let at = 0; at < ciphertext.length; at += 7) {
          const copy = Uint8Array.from(ciphertext);
          copy[at] = (copy[at] ?? 0) ^ 1;
          if (at >= ignoredBytes) altered.push(copy);
          altered.push(ciphertext.slice(0, at));
        }
        for (const bytes of altered) {
          const failure = await failureOf(ring.unwrap({ ...wrapping, ciphertext: bytes }, CONTEXT));
          expect(failure).toMatchObject({ code: "verify/sealed" });
          expectNoSecret(failure, identity);
        }
      });

      test("name both keys where the wrapping is under another", async () => {
        const wrapping = await other.wrap(identity, CONTEXT);
        const failure = await failureOf(ring.unwrap(wrapping, CONTEXT));
        expect(failure).toMatchObject({ code: "keys/no-match", hint: anyText });
        expect(failure.message).toContain(wrapping.key);
        expect(failure.message).toContain(await ring.wrappingKey());
        expect(failure.message).toContain("prod/20261121T100000Z");
      });

      test("notice a wrapping that is passed off as this ring's", async () => {
        const foreign: Wrapping = { ...(await other.wrap(identity, CONTEXT)), key: await ring.wrappingKey() };
        await expect(ring.unwrap(foreign, CONTEXT)).rejects.toMatchObject({ code: "verify/sealed" });
      });

      test("refuse the wrapping of another kind of ring", async () => {
        const wrapping = await ring.wrap(identity, CONTEXT);
        const kind = wrapping.kind === "local" ? "kms" : "local";
        await expect(ring.unwrap({ ...wrapping, kind }, CONTEXT)).rejects.toMatchObject({ code: "keys/no-match", message: saying(kind) });
      });

      test.each(["", "AGE-SECRET-KEY-1", "something else", "two\nlines"])("refuse to wrap %j, which is no identity", async (text) => {
        await expect(ring.wrap(text, CONTEXT)).rejects.toMatchObject({
          code: "keys/invalid",
          message: saying("not an X25519 age identity"),
        });
        const failure = await failureOf(ring.wrap(`${identity}\n${identity}`, CONTEXT));
        expect(failure).toMatchObject({ code: "keys/invalid" });
        expectNoSecret(failure, identity);
      });
    });

    describe("sign", () => {
      test.each([...PURPOSES])("makes signatures that verify with the %s key, over nothing, little and much", async (purpose) => {
        const publicKey = await ring.publicKey(purpose);
        expect(parsePublicKey(publicKey.spki, "the key")).toEqual(publicKey);
        for (const bytes of [new Uint8Array(), Buffer.from("payload"), randomBytes(1024 * 1024)]) {
          const signed = await ring.sign(purpose, bytes);
          expect(await ring.signingKey(purpose)).toEqual(signed.publicKey);
          expect(signed.publicKey.fingerprint).toBe(publicKey.fingerprint);
          expect(verifySignature(publicKey, bytes, signed.signature)).toBe(true);
          expect(verifySignature(publicKey, Buffer.concat([bytes, Buffer.from("x")]), signed.signature)).toBe(false);
        }
      });

      test("has a key of its own for each purpose and ring", async () => {
        const keys = await Promise.all([ring, other].flatMap((each) => PURPOSES.map((purpose) => each.publicKey(purpose))));
        expect(new Set(keys.map(({ fingerprint }) => fingerprint)).size).toBe(PURPOSES.length * 2);
        const { signature } = await ring.sign("audit", Buffer.from("payload"));
        for (const key of keys) {
          const isAudit = key.fingerprint === (await ring.publicKey("audit")).fingerprint;
          expect(verifySignature(key, Buffer.from("payload"), signature)).toBe(isAudit);
        }
      });
    });

    test("says where it is", () => {
      expect(ring.location).not.toBe("");
    });
  });
}

/** The secret of an identity stands in no message, hint or cause. */
export function expectNoSecret(error: Error, identity: string): void {
  for (let each: unknown = error; each instanceof Error; each = each.cause) {
    expect(`${each.message} ${"hint" in each ? String(each.hint) : ""} ${each.stack ?? ""}`).not.toContain(
      identity.slice("AGE-SECRET-KEY-1".length, 40),
    );
  }
}
