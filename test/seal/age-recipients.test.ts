import { inspect } from "node:util";
import { generateHybridIdentity, identityToRecipient } from "age-encryption";
import { describe, expect, test } from "vitest";
import { decryptSmall, encryptSmall, newIdentity } from "../../shared/seal/age.ts";
import { checkBreakGlass, checkRecipients, recipientKind } from "../../shared/seal/age-recipients.ts";

const classic = (await newIdentity()).recipient;
const other = (await newIdentity()).recipient;
const hybridIdentity = await generateHybridIdentity();
const hybrid = await identityToRecipient(hybridIdentity);
const WRONG_CHECKSUM = `${classic.slice(0, -1)}${classic.endsWith("q") ? "p" : "q"}`;

function refusal(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("it was accepted");
}

test("kinds are told apart", () => {
  expect(recipientKind(classic)).toBe("classic");
  expect(recipientKind(hybrid)).toBe("post-quantum");
});

test("several X25519 recipients may stand together, and so may post-quantum ones", async () => {
  checkRecipients([classic, other]);
  checkRecipients([hybrid]);
  checkBreakGlass([classic, other]);
  checkBreakGlass([]);
  const file = await encryptSmall([hybrid], Buffer.from("later"));
  expect(Buffer.from(await decryptSmall([hybridIdentity], file)).toString()).toBe("later");
});

describe("refused, with the place and the reason", () => {
  test("a mix of kinds", async () => {
    const error = refusal(() => checkRecipients([classic, hybrid]));
    expect(error).toMatchObject({ code: "config/invalid", hint: "give recipients of one kind only" });
    expect(error).toHaveProperty(
      "message",
      expect.stringMatching(/^recipient 2 \(age1pq1.{33}\.\.\.\) is post-quantum and recipient 1 is classic: age does not mix the two/),
    );
    await expect(encryptSmall([classic, hybrid], Buffer.from("x"))).rejects.toMatchObject({ code: "config/invalid" });
  });

  test("a post-quantum break-glass recipient, since each snapshot's own identity is X25519", () => {
    const error = refusal(() => checkBreakGlass([hybrid]));
    expect(error).toMatchObject({ code: "config/invalid", hint: "give an X25519 recipient (age1... as age-keygen makes it by default)" });
    expect(error).toHaveProperty("message", expect.stringContaining("break-glass recipient 1 (age1pq1"));
    expect(error).toHaveProperty("message", expect.stringContaining("each snapshot's own identity is X25519: age does not mix the two"));
  });

  test("the same one twice", () => {
    expect(refusal(() => checkBreakGlass([classic, other, classic]))).toMatchObject({
      message: `break-glass recipient 3 is the same as break-glass recipient 1: ${classic}`,
    });
  });

  test("none at all", async () => {
    expect(refusal(() => checkRecipients([]))).toMatchObject({ code: "config/invalid", message: "there is no recipient to encrypt to" });
    await expect(encryptSmall([], Buffer.from("x"))).rejects.toMatchObject({ code: "config/invalid" });
  });

  test("a typing error", () => {
    expect(refusal(() => checkRecipients([other, WRONG_CHECKSUM]))).toMatchObject({
      code: "config/invalid",
      message: `recipient 2 is not a valid age recipient: ${WRONG_CHECKSUM}`,
    });
  });

  test.each(["age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t", "age1", "age1pq1qqqq"])("%s", (text) => {
    expect(refusal(() => checkRecipients([text]))).toMatchObject({
      code: "config/invalid",
      message: `recipient 1 is not a valid age recipient: ${text}`,
    });
  });

  test("an ssh key", () => {
    expect(
      refusal(() => checkRecipients(["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN"])),
    ).toMatchObject({
      message: "recipient 1 is an ssh key, which is not supported",
    });
  });

  test("too many for a header that is read back", async () => {
    const many = await Promise.all(Array.from({ length: 700 }, async () => (await newIdentity()).recipient));
    const attempt = encryptSmall(many, Buffer.from("x"));
    await expect(attempt).rejects.toMatchObject({ code: "config/invalid", hint: "give fewer recipients" });
    await expect(attempt).rejects.toThrow(/^700 recipients make an age header of \d+ bytes, more than the 65536 that are read back$/);
  });

  test("a key of low order, which would give everyone the file key", async () => {
    // The bech32 form of 32 zero bytes.
    const zero = "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z";
    expect(recipientKind(zero)).toBe("classic");
    await expect(encryptSmall([zero], Buffer.from("x"))).rejects.toMatchObject({
      code: "config/invalid",
      message: "age cannot encrypt to the given recipients",
    });
  });
});

describe("what may be a secret is not repeated", () => {
  test("an identity where a recipient belongs", async () => {
    const { identity } = await newIdentity();
    const error = refusal(() => checkRecipients([identity]));
    expect(error).toMatchObject({ code: "config/invalid", message: "recipient 1 is an identity (a secret key), not a recipient" });
    expect(inspect(error, { depth: 9 })).not.toContain(identity.slice(20, 40));
  });

  test("a passphrase", () => {
    const error = refusal(() => checkRecipients(["correct horse battery staple"]));
    expect(error).toMatchObject({ code: "config/invalid" });
    expect(error).toHaveProperty("message", expect.stringContaining("passphrases cannot stand beside other recipients"));
    expect(inspect(error, { depth: 9 })).not.toContain("horse");
  });
});
