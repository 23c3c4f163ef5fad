import { generateKeyPair } from "node:crypto";
import { lstat, open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { LifeboatError, messageOf } from "../../errors.ts";
import { errnoOf, makeFolders, syncFolder } from "../../folders.ts";
import { newIdentity } from "../../seal/age.ts";
import { PURPOSES, type PublicKey, type Purpose } from "../key-ring.ts";
import { publicKeyOf, spkiOf } from "../public-key.ts";
import { privateKeyFile, publicKeyFile, WRAPPING_IDENTITIES, WRAPPING_RECIPIENT } from "./key-files.ts";

export interface LocalKeys {
  readonly publicKeys: Readonly<Record<Purpose, PublicKey>>;
  /** The age recipient of the wrapping identity. */
  readonly wrappingKey: string;
}

interface KeyFile {
  readonly name: string;
  readonly text: string;
  readonly mode: number;
}

/**
 * Makes every key of a local key ring in `folder` (made with mode 0700 where it is missing) and gives the public halves. Never
 * overwrites: `output/exists`, and nothing written, where any of the files is there; `output/failed`, and nothing left, where one cannot be written.
 */
export async function createLocalKeys(folder: string): Promise<LocalKeys> {
  const signing = { snapshot: await newSigningKey("snapshot"), audit: await newSigningKey("audit"), bundle: await newSigningKey("bundle") };
  const { identity, recipient } = await newIdentity();
  const files: readonly KeyFile[] = [
    ...PURPOSES.flatMap((purpose) => signing[purpose].files),
    { name: WRAPPING_IDENTITIES, text: `# public key: ${recipient}\n${identity}\n`, mode: 0o600 },
    { name: WRAPPING_RECIPIENT, text: `${recipient}\n`, mode: 0o644 },
  ];
  await refuseExisting(folder, files);
  const written: string[] = [];
  try {
    await makeFolders(folder);
    for (const file of files) {
      await writeNew(join(folder, file.name), file, () => written.push(join(folder, file.name)));
    }
    await syncFolder(folder);
  } catch (error) {
    for (const path of written) await unlink(path).catch(() => undefined);
    if (errnoOf(error) === "EEXIST") throw exists(folder, "a key file", error);
    throw new LifeboatError("output/failed", `cannot write keys to ${folder}: ${messageOf(error)}`, {
      hint: "check that the folder can be written by this user and that its disk has room",
      cause: error,
    });
  }
  return {
    publicKeys: { snapshot: signing.snapshot.publicKey, audit: signing.audit.publicKey, bundle: signing.bundle.publicKey },
    wrappingKey: recipient,
  };
}

async function newSigningKey(purpose: Purpose): Promise<{ readonly publicKey: PublicKey; readonly files: readonly KeyFile[] }> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)("ec", { namedCurve: "prime256v1" });
  return {
    publicKey: publicKeyOf(spkiOf(publicKey)),
    files: [
      { name: privateKeyFile(purpose), text: privateKey.export({ type: "pkcs8", format: "pem" }).toString(), mode: 0o600 },
      { name: publicKeyFile(purpose), text: publicKey.export({ type: "spki", format: "pem" }).toString(), mode: 0o644 },
    ],
  };
}

async function refuseExisting(folder: string, files: readonly KeyFile[]): Promise<void> {
  for (const { name } of files) {
    try {
      await lstat(join(folder, name));
    } catch {
      // Not there, or not to be seen: then writing tells.
      continue;
    }
    throw exists(folder, name);
  }
}

function exists(folder: string, what: string, cause?: unknown): LifeboatError {
  return new LifeboatError("output/exists", `there is ${what} in ${folder} already: keys are never overwritten`, {
    hint: "use another folder, or move the keys there away: without them no snapshot that they wrapped can be opened",
    cause,
  });
}

/** The mode holds from the first byte; `created` is called when the file is ours to remove. */
async function writeNew(path: string, { text, mode }: KeyFile, created: () => void): Promise<void> {
  const handle = await open(path, "wx", mode);
  created();
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
