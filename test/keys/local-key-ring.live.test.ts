import { generateKeyPairSync } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createLocalKeys, type LocalKeys } from "../../shared/keys/local/create-local-keys.ts";
import { LocalKeyRing } from "../../shared/keys/local/local-key-ring.ts";
import { PURPOSES } from "../../shared/keys/key-ring.ts";
import { encryptSmall, newIdentity } from "../../shared/seal/age.ts";
import { expectNoSecret, keyRingContract } from "../contract/key-ring.ts";
import { failureOf } from "../support/blobs.ts";
import { needs, requireProgram } from "../support/programs.ts";
import { anyText, saying } from "../support/matchers.ts";

const FILES = ["audit.key", "audit.pub", "bundle.key", "bundle.pub", "snapshot.key", "snapshot.pub", "wrapping.key", "wrapping.pub"];
const CONTEXT = { cluster: "prod", snapshot: "20261121T100000Z" };

let above: string;
let folder: string;
let keys: LocalKeys;
let ring: LocalKeyRing;
beforeEach(async () => {
  above = await mkdtemp(join(tmpdir(), "lifeboat-keys-"));
  folder = join(above, "keys");
  keys = await createLocalKeys(folder);
  ring = new LocalKeyRing(folder);
});
afterEach(() => rm(above, { recursive: true, force: true }));

keyRingContract("the local key ring", async () => {
  await createLocalKeys(join(above, "others"));
  return { ring, other: new LocalKeyRing(join(above, "others")) };
});

describe("createLocalKeys", () => {
  test("makes every key, the private ones for their owner only, whatever the umask", async () => {
    const umask = process.umask(0);
    try {
      await createLocalKeys(join(above, "a/b"));
    } finally {
      process.umask(umask);
    }
    expect((await readdir(join(above, "a/b"))).toSorted()).toEqual(FILES);
    for (const path of ["a", "a/b"]) expect((await stat(join(above, path))).mode & 0o7777).toBe(0o700);
    for (const file of FILES)
      expect((await stat(join(above, "a/b", file))).mode & 0o7777, file).toBe(file.endsWith(".key") ? 0o600 : 0o644);
  });

  test("gives the public halves, which are those of the ring", async () => {
    for (const purpose of PURPOSES) expect(await ring.publicKey(purpose)).toEqual(keys.publicKeys[purpose]);
    expect(await ring.wrappingKey()).toBe(keys.wrappingKey);
  });

  test.each(FILES)("overwrites nothing and writes nothing where %s is there", async (file) => {
    const half = join(above, "half");
    await mkdir(half);
    await writeFile(join(half, file), "precious");
    await expect(createLocalKeys(half)).rejects.toMatchObject({
      code: "output/exists",
      message: `there is ${file} in ${half} already: keys are never overwritten`,
    });
    expect(await readdir(half)).toEqual([file]);
    expect(await readFile(join(half, file), "utf8")).toBe("precious");
  });

  test("says so where the folder cannot be made", async () => {
    await writeFile(join(above, "file"), "");
    await expect(createLocalKeys(join(above, "file/keys"))).rejects.toMatchObject({
      code: "output/failed",
      message: saying("cannot write keys to"),
      hint: anyText,
    });
  });

  test("two at once: one makes the keys, and they are all its own", async () => {
    const shared = join(above, "shared");
    const results = await Promise.allSettled(Array.from({ length: 4 }, () => createLocalKeys(shared)));
    const made = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(made).toHaveLength(1);
    for (const result of results) if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "output/exists" });
    expect((await readdir(shared)).toSorted()).toEqual(FILES);
    expect(await new LocalKeyRing(shared).publicKey("bundle")).toEqual(made[0]?.publicKeys.bundle);
    expect(await new LocalKeyRing(shared).wrappingKey()).toBe(made[0]?.wrappingKey);
  });
});

describe("a host with the keys of its role only", () => {
  test("backs up with snapshot.key and wrapping.pub, and can open nothing", async () => {
    for (const file of FILES) if (file !== "snapshot.key" && file !== "wrapping.pub") await unlink(join(folder, file));
    const { identity } = await newIdentity();
    const wrapping = await ring.wrap(identity, CONTEXT);
    expect((await ring.sign("snapshot", Buffer.from("x"))).publicKey).toEqual(keys.publicKeys.snapshot);
    expect(await ring.publicKey("snapshot")).toEqual(keys.publicKeys.snapshot);
    await expect(ring.unwrap(wrapping, CONTEXT)).rejects.toMatchObject({
      code: "keys/missing",
      message: `wrapping.key not found in ${folder}: it opens the keys of snapshots`,
      hint: saying("copy wrapping.key"),
    });
    await expect(ring.sign("audit", Buffer.from("x"))).rejects.toMatchObject({
      code: "keys/missing",
      message: `audit.key not found in ${folder}: it signs verifications`,
    });
    await expect(ring.publicKey("bundle")).rejects.toMatchObject({
      code: "keys/missing",
      message: `bundle.pub not found in ${folder}: it names the key that signs restore bundles`,
    });
  });

  test("is told before the work that it could not sign, though it knows the public key", async () => {
    await unlink(join(folder, "audit.key"));
    expect(await ring.publicKey("audit")).toEqual(keys.publicKeys.audit);
    await expect(ring.signingKey("audit")).rejects.toMatchObject({
      code: "keys/missing",
      message: `audit.key not found in ${folder}: it signs verifications`,
    });
    await writeFile(join(folder, "snapshot.key"), "garbage", { mode: 0o600 });
    await expect(ring.signingKey("snapshot")).rejects.toMatchObject({ code: "keys/invalid" });
  });

  test("says which file is missing to wrap, also where the folder is", async () => {
    const nowhere = new LocalKeyRing(join(above, "nowhere"));
    await expect(nowhere.wrappingKey()).rejects.toMatchObject({
      code: "keys/missing",
      message: `wrapping.pub not found in ${join(above, "nowhere")}: it encrypts the keys of snapshots`,
    });
  });

  test("sees a file that was put there after it was missed", async () => {
    const text = await readFile(join(folder, "audit.key"));
    await unlink(join(folder, "audit.key"));
    await expect(ring.sign("audit", Buffer.from("x"))).rejects.toMatchObject({ code: "keys/missing" });
    await writeFile(join(folder, "audit.key"), text, { mode: 0o600 });
    expect((await ring.sign("audit", Buffer.from("x"))).publicKey).toEqual(keys.publicKeys.audit);
  });
});

describe("key files that cannot be used", () => {
  test.each([0o640, 0o604, 0o620, 0o660])("a private key of mode %o is refused with the command that mends it", async (mode) => {
    for (const [file, use] of [
      ["snapshot.key", () => ring.sign("snapshot", Buffer.from("x"))],
      ["wrapping.key", async () => ring.unwrap(await ring.wrap((await newIdentity()).identity, CONTEXT), CONTEXT)],
    ] as const) {
      const path = join(folder, file);
      await chmod(path, mode);
      await expect(use()).rejects.toMatchObject({
        code: "keys/invalid",
        message: `${path} is a private key that users other than its owner can access (mode 0${mode.toString(8)})`,
        hint: saying(`chmod 600 ${path}`),
      });
      await chmod(path, 0o400);
      await use();
    }
  });

  test("a signing key that is another kind, or none", async () => {
    const p384 = generateKeyPairSync("ec", { namedCurve: "secp384r1" }).privateKey.export({ type: "pkcs8", format: "pem" });
    const locked = generateKeyPairSync("ec", { namedCurve: "prime256v1" }).privateKey.export({
      type: "pkcs8",
      format: "pem",
      cipher: "aes-256-cbc",
      passphrase: "hush",
    });
    const path = join(folder, "audit.key");
    for (const [content, problem] of [
      [p384, "is secp384r1, not an ECDSA key on P-256"],
      [locked, "is not a private key in PEM without a passphrase"],
      ["", "is not a private key in PEM without a passphrase"],
      [await readFile(join(folder, "audit.pub"), "utf8"), "is not a private key in PEM without a passphrase"],
      ["x".repeat(70_000), "is too large for a key file (70000 bytes)"],
    ] as const) {
      await writeFile(path, content);
      await expect(ring.sign("audit", Buffer.from("x"))).rejects.toMatchObject({
        code: "keys/invalid",
        message: `${path} ${problem}`,
        hint: "put back the audit.key that lifeboat init made: it signs verifications",
      });
    }
    await unlink(path);
    await mkdir(path);
    await expect(ring.sign("audit", Buffer.from("x"))).rejects.toMatchObject({ code: "keys/invalid", message: `${path} is not a file` });
  });

  test("a public half that belongs to another key", async () => {
    await writeFile(join(folder, "audit.pub"), await readFile(join(folder, "bundle.pub")));
    await expect(ring.sign("audit", Buffer.from("x"))).rejects.toMatchObject({
      code: "keys/invalid",
      message: `${join(folder, "audit.pub")} is not the public half of audit.key`,
      hint: saying("openssl pkey"),
    });
  });

  test("a public half that is a private key, or nothing", async () => {
    await writeFile(join(folder, "audit.pub"), await readFile(join(folder, "audit.key")));
    await expect(ring.publicKey("audit")).rejects.toMatchObject({
      code: "keys/invalid",
      message: `${join(folder, "audit.pub")} is a private key, and readable by others`,
    });
    await writeFile(join(folder, "bundle.pub"), "-----BEGIN PUBLIC KEY-----\n");
    await expect(ring.publicKey("bundle")).rejects.toMatchObject({
      code: "keys/invalid",
      message: `${join(folder, "bundle.pub")} is not a public key in PEM`,
      hint: "put back the bundle.pub that lifeboat init made: it names the key that signs restore bundles",
    });
  });

  test("a wrapping recipient that is none, or several", async () => {
    const { identity, recipient } = await newIdentity();
    for (const content of [
      "",
      "# only a comment\n",
      identity,
      `${recipient}\n${keys.wrappingKey}\n`,
      "age1pq1xyz",
      recipient.slice(0, -1),
    ]) {
      await writeFile(join(folder, "wrapping.pub"), content);
      const failure = await failureOf(ring.wrappingKey());
      expect(failure).toMatchObject({
        code: "keys/invalid",
        message: `${join(folder, "wrapping.pub")} is not one age recipient (age1...)`,
      });
      expectNoSecret(failure, identity);
    }
    await writeFile(join(folder, "wrapping.pub"), `# the laptop's\n\n  ${recipient}  \r\n`);
    expect(await ring.wrappingKey()).toBe(recipient);
  });

  test("an identity file with a line that is none names the line and not its content", async () => {
    const wrapping = await ring.wrap((await newIdentity()).identity, CONTEXT);
    const { identity } = await newIdentity();
    const broken = `${identity.slice(0, -1)}${identity.endsWith("Q") ? "P" : "Q"}`;
    await writeFile(join(folder, "wrapping.key"), `# keys\n${identity}\n${broken}\n`);
    const failure = await failureOf(ring.unwrap(wrapping, CONTEXT));
    expect(failure).toMatchObject({ code: "keys/invalid", message: saying(`${join(folder, "wrapping.key")}: line 3`) });
    expectNoSecret(failure, broken);
    expectNoSecret(failure, identity);
  });
});

describe("rotation of the wrapping key", () => {
  test("old wrappings open while their identity stays in the file, and new ones are to the first", async () => {
    const { identity } = await newIdentity();
    const old = await ring.wrap(identity, CONTEXT);
    const next = await newIdentity();
    const before = await readFile(join(folder, "wrapping.key"), "utf8");
    await writeFile(join(folder, "wrapping.key"), `${next.identity}\n${before}`);
    await writeFile(join(folder, "wrapping.pub"), `${next.recipient}\n`);
    const rotated = new LocalKeyRing(folder);
    const fresh = await rotated.wrap(identity, CONTEXT);
    expect([old.key, fresh.key]).toEqual([keys.wrappingKey, next.recipient]);
    expect(await rotated.unwrap(old, CONTEXT)).toBe(identity);
    expect(await rotated.unwrap(fresh, CONTEXT)).toBe(identity);
    await writeFile(join(folder, "wrapping.key"), `${next.identity}\n`);
    await expect(new LocalKeyRing(folder).unwrap(old, CONTEXT)).rejects.toMatchObject({
      code: "keys/no-match",
      hint: saying("add the older identity"),
    });
  });
});

describe("a wrapping that someone else made to our recipient", () => {
  test.each([
    ["no context", (identity: string) => `${identity}\n`],
    ["a context that is not at the start", (identity: string) => `\n# context: ${JSON.stringify(CONTEXT)}\n${identity}\n`],
    [
      "a context with its keys turned round",
      (identity: string) => `# context: {"snapshot":"20261121T100000Z","cluster":"prod"}\n${identity}\n`,
    ],
    ["no end of line", (identity: string) => `# context: ${JSON.stringify(CONTEXT)}\n${identity}`],
    ["a second identity", (identity: string) => `# context: ${JSON.stringify(CONTEXT)}\n${identity}\n${identity}\n`],
    ["no identity", () => `# context: ${JSON.stringify(CONTEXT)}\n\n`],
    ["an identity that is none", (identity: string) => `# context: ${JSON.stringify(CONTEXT)}\n${identity.slice(0, -1)}\n`],
    ["nothing", () => ""],
  ])("is refused with %s", async (_, textOf) => {
    const { identity } = await newIdentity();
    const ciphertext = await encryptSmall([keys.wrappingKey], Buffer.from(textOf(identity)));
    const failure = await failureOf(ring.unwrap({ kind: "local", key: keys.wrappingKey, ciphertext }, CONTEXT));
    expect(failure).toMatchObject({ code: "verify/sealed", message: saying("prod/20261121T100000Z") });
    expectNoSecret(failure, identity);
  });
});

describe("stock programs", () => {
  test.skipIf(needs("age", "age-keygen"))(
    "age opens a wrapping and what its identity encrypts; age-keygen agrees on the recipient",
    async () => {
      const { identity, recipient } = await newIdentity();
      const { ciphertext } = await ring.wrap(identity, CONTEXT);
      await writeFile(join(above, "wrapped"), ciphertext);
      await writeFile(join(above, "data.age"), await encryptSmall([recipient], Buffer.from("the snapshot")));
      const age = requireProgram("age");
      const wrapping = join(folder, "wrapping.key");
      const { stdout: file } = await execa(age, ["-d", "-i", wrapping, join(above, "wrapped")]);
      expect(file).toBe(`# context: {"cluster":"prod","snapshot":"20261121T100000Z"}\n${identity}`);
      const opened = await execa("sh", [
        "-c",
        '"$1" -d -i "$2" "$3" | "$1" -d -i - "$4"',
        "sh",
        age,
        wrapping,
        join(above, "wrapped"),
        join(above, "data.age"),
      ]);
      expect(opened.stdout).toBe("the snapshot");
      expect((await execa(requireProgram("age-keygen"), ["-y", wrapping])).stdout).toBe(keys.wrappingKey);
    },
  );

  test.skipIf(needs("openssl"))("openssl reads the keys, verifies a signature, and finds the same fingerprint", async () => {
    const openssl = (...args: readonly string[]) =>
      execa(requireProgram("openssl"), args, { cwd: folder, encoding: "buffer", stripFinalNewline: false, reject: false });
    const bytes = Buffer.from("a payload");
    for (const purpose of PURPOSES) {
      const { signature, publicKey } = await ring.sign(purpose, bytes);
      await writeFile(join(above, "payload"), bytes);
      await writeFile(join(above, "signature"), signature);
      const verify = ["dgst", "-sha256", "-verify", `${purpose}.pub`, "-signature", join(above, "signature"), join(above, "payload")];
      expect(Buffer.from((await openssl(...verify)).stdout).toString()).toBe("Verified OK\n");
      await writeFile(join(above, "payload"), "another payload");
      expect((await openssl(...verify)).exitCode).toBe(1);
      const spki = await openssl("pkey", "-in", `${purpose}.key`, "-pubout", "-outform", "DER");
      await writeFile(join(above, "spki"), spki.stdout);
      const digest = Buffer.from((await openssl("dgst", "-sha256", "-r", join(above, "spki"))).stdout).toString();
      expect(publicKey.fingerprint).toBe(`sha256:${digest.split(" ")[0]}`);
    }
  });
});
