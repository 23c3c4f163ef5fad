import { inspect } from "node:util";
import { generateHybridIdentity, identityToRecipient } from "age-encryption";
import { describe, expect, test } from "vitest";
import { decryptSmall, encryptSmall, newIdentity, readIdentities, recipientOf } from "../../shared/seal/age.ts";

test("a new identity is X25519, belongs to its recipient and is never the same", async () => {
  const [one, other] = await Promise.all([newIdentity(), newIdentity()]);
  expect(one.identity).toMatch(/^AGE-SECRET-KEY-1[0-9A-Z]{58}$/);
  expect(one.recipient).toMatch(/^age1[0-9a-z]{58}$/);
  expect(await recipientOf(one.identity)).toBe(one.recipient);
  expect(other.identity).not.toBe(one.identity);
});

test("a post-quantum identity has its recipient too", async () => {
  const identity = await generateHybridIdentity();
  expect(await recipientOf(identity)).toBe(await identityToRecipient(identity));
});

describe("an identity file", () => {
  test("gives its identities in order, past comments, blank lines and Windows line ends", async () => {
    const [one, other] = await Promise.all([newIdentity(), newIdentity()]);
    expect(
      readIdentities(`# created: 2026-11-21\r\n# public key: ${one.recipient}\r\n${one.identity}\r\n\r\n\t${other.identity}  \n`),
    ).toEqual([one.identity, other.identity]);
    expect(readIdentities(one.identity)).toEqual([one.identity]);
  });

  test.each(["", "\n\n", "# a comment only\n"])("without an identity is refused: %j", (text) => {
    expect(() => readIdentities(text)).toThrow("the identity file holds no identity");
  });

  test("with a broken line is refused by its number; no part of the secret is in the error, nor in its cause", async () => {
    const { identity } = await newIdentity();
    const broken = `${identity.slice(0, -1)}${identity.endsWith("Q") ? "P" : "Q"}`;
    const file = await encryptSmall([(await newIdentity()).recipient], Buffer.from("x"));
    const attempts: [string, () => Promise<unknown>][] = [
      ["line 2 of the identity file is not an age identity", async () => readIdentities(`# mine\n${broken}\n`)],
      ["the identity is not an age identity", () => recipientOf(broken)],
      ["identity 2 is not an age identity", () => decryptSmall([identity, broken], file)],
    ];
    for (const [message, attempt] of attempts) {
      const error: unknown = await attempt().catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: "keys/invalid", message });
      expect(inspect(error, { depth: 9 })).not.toContain(identity.slice(20, 40));
    }
  });

  test.each([
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "AGE-PLUGIN-YUBIKEY-1Q9SHMZ5Q",
    "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z",
    "AGE-SECRET-KEY-1",
  ])("with %s is refused", (line) => {
    expect(() => readIdentities(line)).toThrow("line 1 of the identity file is not an age identity");
  });
});
