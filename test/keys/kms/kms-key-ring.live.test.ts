import {
  DisableKeyCommand,
  EnableKeyCommand,
  ScheduleKeyDeletionCommand,
  type CreateKeyCommandInput,
  type KMSClient,
} from "@aws-sdk/client-kms";
import { randomBytes } from "node:crypto";
import { execa } from "execa";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openClient } from "../../../shared/keys/kms/client.ts";
import { KmsKeyRing } from "../../../shared/keys/kms/kms-key-ring.ts";
import { KmsWrappingKey } from "../../../shared/keys/kms/kms-wrapping-key.ts";
import type { KmsSettings } from "../../../shared/keys/kms/settings.ts";
import { verifyDeep } from "../../../shared/jobs/verify/verify.ts";
import type { TrustedKeys } from "../../../shared/documents/signed-document.ts";
import { SealedStore } from "../../../shared/store/sealed/sealed-store.ts";
import { verifySignature } from "../../../shared/keys/public-key.ts";
import { newIdentity } from "../../../shared/seal/age.ts";
import { startMiniStack, type MiniStack } from "../../../tools/lab/ministack.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { expectNoSecret, keyRingContract } from "../../contract/key-ring.ts";
import { awsProxy } from "../../support/aws-proxy.ts";
import { failureOf } from "../../support/blobs.ts";
import { ACCOUNT, createKmsKeys, kmsClient, newKey, pointAlias, SIGNING_KEY, WRAPPING_KEY } from "../../support/kms-keys.ts";
import { saying } from "../../support/matchers.ts";
import { requireProgram } from "../../support/programs.ts";
import { backUp, bothPorts, makeTestKeys, newVault } from "../../support/vaults.ts";

const CONTEXT = { cluster: "prod", snapshot: "20261121T100000Z" };
let stack: MiniStack;
let admin: KMSClient;
let made = 0;

beforeAll(async () => {
  stack = await startMiniStack();
  admin = kmsClient(stack);
});
afterAll(() => stack.stop());

/** The real client but for the account's credentials. */
function ringOf(settings: KmsSettings, account = ACCOUNT): KmsKeyRing {
  return new KmsKeyRing(settings, openerFor(account));
}

function openerFor(account: string): typeof openClient {
  return (given, region) => {
    const client = openClient(given, region);
    client.config.credentials = () => Promise.resolve({ accessKeyId: account, secretAccessKey: "test" });
    return client;
  };
}

async function newRing(): Promise<KmsKeyRing> {
  return ringOf((await newKeys()).settings);
}

async function trustedOf(ring: KmsKeyRing): Promise<TrustedKeys> {
  const [snapshot, audit, bundle] = [await ring.publicKey("snapshot"), await ring.publicKey("audit"), await ring.publicKey("bundle")];
  return { snapshot: [snapshot.fingerprint], audit: [audit.fingerprint], bundle: [bundle.fingerprint] };
}

function newKeys() {
  return createKmsKeys(admin, stack, `ring-${made++}`);
}

keyRingContract("the KMS key ring", async () => {
  const account = "444455556666";
  const keys = await createKmsKeys(kmsClient(stack, account), stack, `other-${made++}`);
  // MiniStack takes the key's id, which a ciphertext begins with, from the request.
  return { ring: await newRing(), other: ringOf(keys.settings, account), ignoredBytes: 36 };
});

describe("keys by alias", () => {
  test("after the alias goes on, old wrappings open by a retired key that is listed and old signatures verify; new ones are by the new keys", async () => {
    const keys = await newKeys();
    const before = ringOf(keys.settings);
    const { identity } = await newIdentity();
    const wrapped = await before.wrap(identity, CONTEXT);
    const signed = await before.sign("snapshot", Buffer.from("payload"));
    expect(wrapped.key).toBe(keys.wrap);
    const [wrap, snapshot] = [await newKey(admin, WRAPPING_KEY), await newKey(admin, SIGNING_KEY)];
    await pointAlias(admin, keys.settings.wrap, wrap, false);
    await pointAlias(admin, keys.settings.sign.snapshot, snapshot, false);

    // A process that runs meanwhile goes on signing with the key that it stated.
    expect((await before.sign("snapshot", Buffer.from("payload"))).publicKey).toEqual(signed.publicKey);
    const after = ringOf(keys.settings);
    expect(await after.wrappingKey()).toBe(wrap);
    expect((await after.wrap(identity, CONTEXT)).key).toBe(wrap);
    // The manifest names the old key, and that alone is no reason to ask for it.
    expect(await failureOf(after.unwrap(wrapped, CONTEXT))).toMatchObject({ code: "keys/no-match", hint: saying("keys.retired") });
    expect(await ringOf({ ...keys.settings, retired: [keys.wrap] }).unwrap(wrapped, CONTEXT)).toBe(identity);
    const fresh = await after.sign("snapshot", Buffer.from("payload"));
    expect(fresh.publicKey.fingerprint).not.toBe(signed.publicKey.fingerprint);
    expect(verifySignature(signed.publicKey, Buffer.from("payload"), signed.signature)).toBe(true);
  });

  test("a wrapping under a retired key of another region opens there", async () => {
    const elsewhere = { endpoint: stack.endpoint, region: "us-east-1" };
    const keys = await createKmsKeys(kmsClient(elsewhere), elsewhere, `far-${made++}`);
    const { identity } = await newIdentity();
    const wrapped = await ringOf(keys.settings).wrap(identity, CONTEXT);
    expect(wrapped.key).toMatch(/^arn:aws:kms:us-east-1:111122223333:key\//);
    const { settings } = await newKeys();
    expect(await failureOf(ringOf(settings).unwrap(wrapped, CONTEXT))).toMatchObject({ code: "keys/no-match" });
    expect(await ringOf({ ...settings, retired: [keys.wrap] }).unwrap(wrapped, CONTEXT)).toBe(identity);
  });

  test("a replica's key in another region wraps, and opens for a key ring of that region first", async () => {
    const elsewhere = { endpoint: stack.endpoint, region: "us-east-1" };
    const keys = await createKmsKeys(kmsClient(elsewhere), elsewhere, `replica-${made++}`);
    const [here, there] = [await newRing(), ringOf(keys.settings)];
    const key = new KmsWrappingKey({ key: keys.settings.wrap, ...elsewhere }, "replicas.offsite.wrap", openerFor(ACCOUNT));
    const { identity } = await newIdentity();
    const [ours, theirs] = [await here.wrap(identity, CONTEXT), await key.wrap(identity, CONTEXT)];
    expect(theirs).toMatchObject({ kind: "kms", key: keys.wrap });
    for (const by of [there, key]) expect(await by.unwrap(theirs, CONTEXT)).toBe(identity);
    expect(await failureOf(key.unwrap(ours, CONTEXT))).toMatchObject({ code: "keys/no-match" });
    expect(await failureOf(there.unwrap(theirs, { ...CONTEXT, cluster: "staging" }))).toMatchObject({ code: "verify/sealed" });
    expect([ours, theirs].map((each) => [here.isAtHand(each), there.isAtHand(each)])).toEqual([
      [true, false],
      [false, true],
    ]);
    expect(there.isAtHand({ kind: "local", key: "age1" })).toBe(false);
  });

  test("a replica's key that is not there, or none that wraps, is told by its own setting", async () => {
    const { identity } = await newIdentity();
    const failureWith = (id: string): Promise<Error> =>
      failureOf(
        new KmsWrappingKey({ key: id, endpoint: stack.endpoint, region: stack.region }, "replicas.offsite.wrap", openerFor(ACCOUNT)).wrap(
          identity,
          CONTEXT,
        ),
      );
    expect(await failureWith("alias/nowhere")).toMatchObject({
      code: "keys/missing",
      message: saying("it encrypts the keys of snapshots for a replica"),
      hint: "see aws kms list-aliases, and correct replicas.offsite.wrap and the region beside it in the configuration",
    });
    expect(await failureWith(await newKey(admin, SIGNING_KEY))).toMatchObject({
      code: "keys/invalid",
      hint: saying("point replicas.offsite.wrap at a symmetric key for encryption and decryption"),
    });
  });

  test("openssl verifies what KMS signed", async () => {
    await using folder = await temporaryFolder();
    const { signature, publicKey } = await (await newRing()).sign("audit", Buffer.from("a payload"));
    const file = async (name: string, bytes: Uint8Array): Promise<string> => {
      await writeFile(join(folder.path, name), bytes);
      return join(folder.path, name);
    };
    const key = await file("key", publicKey.spki);
    const args = ["dgst", "-sha256", "-keyform", "DER", "-verify", key, "-signature", await file("sig", signature)];
    const { stdout } = await execa(requireProgram("openssl"), [...args, await file("payload", Buffer.from("a payload"))]);
    expect(stdout).toBe("Verified OK");
  });
});

describe("keys that cannot be used", () => {
  test("an alias that is not there", async () => {
    const ring = ringOf({
      ...(await newKeys()).settings,
      wrap: "alias/nowhere",
      sign: { snapshot: "alias/x", audit: "alias/y", bundle: "alias/z" },
    });
    const { identity } = await newIdentity();
    const failure = await failureOf(ring.wrap(identity, CONTEXT));
    expect(failure).toMatchObject({
      code: "keys/missing",
      message: "key alias/nowhere not found in KMS in eu-central-1: it encrypts the keys of snapshots",
      hint: "see aws kms list-aliases, and correct keys.wrap and keys.region in the configuration",
    });
    expectNoSecret(failure, identity);
    await expect(ring.wrappingKey()).rejects.toMatchObject({ code: "keys/missing" });
    for (const [purpose, alias, use] of [
      ["snapshot", "alias/x", "signs manifests"],
      ["audit", "alias/y", "signs verifications"],
      ["bundle", "alias/z", "signs restore bundles"],
    ] as const) {
      const message = `key ${alias} not found in KMS in eu-central-1: it ${use}`;
      await expect(ring.sign(purpose, Buffer.from("x"))).rejects.toMatchObject({ code: "keys/missing", message });
      await expect(ring.publicKey(purpose)).rejects.toMatchObject({ code: "keys/missing", message });
    }
  });

  const wrongSigners: readonly (readonly [string, CreateKeyCommandInput, string])[] = [
    ["for encryption", WRAPPING_KEY, "GetPublicKey is only valid for asymmetric keys"],
    ["of P-384", { KeySpec: "ECC_NIST_P384", KeyUsage: "SIGN_VERIFY" }, "it is ECC_NIST_P384 for SIGN_VERIFY"],
    ["of RSA", { KeySpec: "RSA_2048", KeyUsage: "SIGN_VERIFY" }, "it is RSA_2048 for SIGN_VERIFY"],
  ];
  test.each(wrongSigners)("a signing key %s", async (_, input, what) => {
    const keys = await newKeys();
    await pointAlias(admin, keys.settings.sign.audit, await newKey(admin, input), false);
    await expect(ringOf(keys.settings).signingKey("audit")).rejects.toMatchObject({
      code: "keys/invalid",
      message: `the key ${keys.settings.sign.audit} (keys.sign.audit) in KMS in eu-central-1 is not an ECC_NIST_P256 key for signing and verification: ${what}`,
      hint: saying("point keys.sign.audit at an ECC_NIST_P256 key"),
    });
  });

  test("a wrapping key that signs", async () => {
    const keys = await newKeys();
    await pointAlias(admin, keys.settings.wrap, keys.sign.audit, false);
    const ring = ringOf(keys.settings);
    const { identity } = await newIdentity();
    for (const use of [() => ring.wrap(identity, CONTEXT), () => ring.wrappingKey()]) {
      await expect(use()).rejects.toMatchObject({
        code: "keys/invalid",
        message: saying(
          `the key ${keys.settings.wrap} (keys.wrap) in KMS in eu-central-1 is not a symmetric key for encryption and decryption: `,
        ),
      });
    }
  });

  test("keys that were disabled say so to each use, and serve once they are enabled", async () => {
    const keys = await newKeys();
    const ring = ringOf(keys.settings);
    const { identity } = await newIdentity();
    const wrapped = await ring.wrap(identity, CONTEXT);
    await ring.signingKey("snapshot");
    for (const KeyId of [keys.wrap, keys.sign.snapshot]) await admin.send(new DisableKeyCommand({ KeyId }));
    const wrapping = `the key ${keys.settings.wrap} (keys.wrap) is disabled in KMS in eu-central-1: it encrypts the keys of snapshots`;
    await expect(ring.wrap(identity, CONTEXT)).rejects.toMatchObject({ code: "keys/disabled", message: wrapping });
    await expect(ring.wrappingKey()).rejects.toMatchObject({ code: "keys/disabled", message: wrapping });
    await expect(ring.unwrap(wrapped, CONTEXT)).rejects.toMatchObject({ code: "keys/disabled", message: wrapping });
    for (const use of [() => ring.signingKey("snapshot"), () => ring.sign("snapshot", Buffer.from("x"))])
      await expect(use()).rejects.toMatchObject({ code: "keys/disabled", hint: saying("aws kms enable-key") });
    for (const KeyId of [keys.wrap, keys.sign.snapshot]) await admin.send(new EnableKeyCommand({ KeyId }));
    expect(await ring.wrappingKey()).toBe(keys.wrap);
    expect(await ring.unwrap(wrapped, CONTEXT)).toBe(identity);
    await ring.signingKey("snapshot");
  });

  test("keys that are about to be deleted say so to each use", async () => {
    const keys = await newKeys();
    const ring = ringOf(keys.settings);
    const { identity } = await newIdentity();
    const wrapped = await ring.wrap(identity, CONTEXT);
    for (const KeyId of [keys.wrap, keys.sign.bundle]) await admin.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
    for (const use of [
      () => ring.wrap(identity, CONTEXT),
      () => ring.unwrap(wrapped, CONTEXT),
      () => ring.wrappingKey(),
      () => ring.signingKey("bundle"),
    ]) {
      await expect(use()).rejects.toMatchObject({
        code: "keys/deleting",
        message: saying("is about to be deleted in KMS in eu-central-1"),
        hint: saying("aws kms cancel-key-deletion"),
      });
    }
  });

  test("a wrapping that names no key of KMS", async () => {
    const ring = await newRing();
    const wrapped = await ring.wrap((await newIdentity()).identity, CONTEXT);
    for (const key of ["alias/x", "arn:aws:kms:eu-central-1:111122223333:alias/x", "age1xyz", ""])
      await expect(ring.unwrap({ ...wrapped, key }, CONTEXT)).rejects.toMatchObject({ code: "keys/no-match" });
  });
});

describe("a service in trouble", () => {
  test("throttling is waited out, and told where it lasts", async () => {
    const keys = await newKeys();
    await using proxy = await awsProxy(stack.endpoint);
    const ring = ringOf({ ...keys.settings, endpoint: proxy.endpoint });
    const { identity } = await newIdentity();
    proxy.refuse(2, "ThrottlingException", 400);
    const wrapped = await ring.wrap(identity, CONTEXT);
    expect(proxy.refused).toBe(2);
    proxy.refuse(1, "KMSInternalException", 500);
    expect(await ring.unwrap(wrapped, CONTEXT)).toBe(identity);
    proxy.refuse(Infinity, "ThrottlingException", 400);
    const failure = await failureOf(ring.wrap(identity, CONTEXT));
    expect(failure).toMatchObject({
      code: "keys/throttled",
      retryable: true,
      message: `KMS in eu-central-1 takes no more calls for now: Encrypt with the key ${keys.settings.wrap} (keys.wrap)`,
    });
    expectNoSecret(failure, identity);
    proxy.refuse(0, "", 200);
    expect((await ring.wrap(identity, CONTEXT)).key).toBe(keys.wrap);
  });

  test("throttled at any one of the calls that a backup and its verification make, both go through", async () => {
    const keys = await newKeys();
    await using proxy = await awsProxy(stack.endpoint);
    const trusted = await trustedOf(ringOf(keys.settings));
    const local = await makeTestKeys();
    const run = async (): Promise<void> => {
      // A new one each time: a ring keeps what it was told of its keys.
      const ring = ringOf({ ...keys.settings, endpoint: proxy.endpoint });
      const plain = newVault(local);
      const { blobs } = plain;
      const vault = {
        ...plain,
        keys: ring,
        trusted,
        ...bothPorts(new SealedStore({ blobs, keys: ring, breakGlass: [], randomBytes })),
      };
      await backUp(vault, { slot: "2026-11-21T10:00:00Z" });
      expect(await verifyDeep(vault, "prod/latest")).toMatchObject({ manifest: { id: "20261121T100000Z" } });
    };
    try {
      await run();
      const calls = [...proxy.calls];
      expect(new Set(calls)).toEqual(new Set(["Encrypt", "Decrypt", "Sign", "GetPublicKey"]));
      for (let at = 0; at < calls.length; at++) {
        const before = proxy.refused;
        proxy.refuse(1, "ThrottlingException", 400, at);
        await run();
        expect(proxy.refused - before, `${calls[at]}, call ${at + 1}`).toBe(1);
      }
    } finally {
      await local.remove();
    }
  });

  test("a role that may not is told which permission it lacks", async () => {
    const keys = await newKeys();
    await using proxy = await awsProxy(stack.endpoint);
    const ring = ringOf({ ...keys.settings, endpoint: proxy.endpoint });
    proxy.refuse(1, "AccessDeniedException", 400);
    await expect(ring.wrap((await newIdentity()).identity, CONTEXT)).rejects.toMatchObject({
      code: "keys/denied",
      message: `Encrypt with the key ${keys.settings.wrap} (keys.wrap) is denied in KMS in eu-central-1`,
      hint: saying("give this role kms:Encrypt on the key"),
    });
  });

  test("a signature by another key is not passed on", async () => {
    const keys = await newKeys();
    const ring = ringOf(keys.settings);
    await ring.publicKey("snapshot");
    await using proxy = await awsProxy(stack.endpoint);
    const deceived = ringOf({ ...keys.settings, endpoint: proxy.endpoint });
    await deceived.publicKey("snapshot");
    proxy.rewrite((body) => body.replace(keys.sign.snapshot, keys.sign.audit));
    await expect(deceived.sign("snapshot", Buffer.from("x"))).rejects.toMatchObject({
      code: "keys/failed",
      message: saying("gave a signature that is not by"),
    });
  });

  test("a service that is not there", async () => {
    const { settings } = await newKeys();
    const proxy = await awsProxy(stack.endpoint);
    await proxy[Symbol.asyncDispose]();
    await expect(ringOf({ ...settings, endpoint: proxy.endpoint }).publicKey("audit")).rejects.toMatchObject({
      code: "keys/failed",
      retryable: true,
      message: saying("ECONNREFUSED"),
      hint: saying("endpoint and region"),
    });
  });
});
