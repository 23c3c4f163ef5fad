import { createPrivateKey, createPublicKey, createSign, type KeyObject } from "node:crypto";
import { join } from "node:path";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { decryptSmall, readIdentities } from "../../seal/age.ts";
import { recipientIn } from "../identity.ts";
import { identityInText } from "../identity-text.ts";
import type { KeyRing, Pieces, PublicKey, Purpose, Signature, WrapContext, Wrapping } from "../key-ring.ts";
import { piecesOf, publicKeyOf, requireP256, spkiOf } from "../public-key.ts";
import {
  missingFile,
  privateKeyFile,
  publicKeyFile,
  readPrivate,
  readPublic,
  useOf,
  WRAPPING_IDENTITIES,
  WRAPPING_RECIPIENT,
} from "./key-files.ts";
import { LocalWrappingKey } from "./local-wrapping-key.ts";

interface Signer {
  readonly privateKey: KeyObject;
  readonly publicKey: PublicKey;
}

/**
 * Keys as files in a folder. Each file is read when it is first needed, so a host holds only those of its role: one that backs up needs `snapshot.key` and
 * `wrapping.pub`, and then can open nothing.
 */
export class LocalKeyRing implements KeyRing {
  readonly location: string;
  readonly #folder: string;
  readonly #read = new Map<string, Promise<unknown>>();

  constructor(folder: string) {
    this.location = folder;
    this.#folder = folder;
  }

  async wrap(identity: string, context: WrapContext): Promise<Wrapping> {
    return new LocalWrappingKey(await this.wrappingKey()).wrap(identity, context);
  }

  isAtHand({ kind }: Pick<Wrapping, "kind">): boolean {
    return kind === "local";
  }

  async unwrap(wrapping: Wrapping, context: WrapContext): Promise<string> {
    const snapshot = `${context.cluster}/${context.snapshot}`;
    if (wrapping.kind !== "local") {
      throw new LifeboatError(
        "keys/no-match",
        `the key of ${snapshot} is wrapped by ${wrapping.key} (${wrapping.kind}), and ${this.#folder} has local keys`,
      );
    }
    const identities = await this.#once(WRAPPING_IDENTITIES, () => this.#wrappingIdentities());
    const identity = identities.get(wrapping.key);
    if (identity === undefined) {
      const ours = [...identities.keys()].join(", ");
      throw new LifeboatError(
        "keys/no-match",
        `the key of ${snapshot} is wrapped to ${wrapping.key}, and ${this.#path(WRAPPING_IDENTITIES)} has ${ours}`,
        {
          hint: `add the older identity to ${this.#path(WRAPPING_IDENTITIES)} on a line below the present one, or use the break-glass identity`,
        },
      );
    }
    const unwrapped = identityInText(await decryptWrapped(identity, wrapping.ciphertext, snapshot), context);
    await recipientIn(unwrapped, `the wrapped key of ${snapshot}`, "verify/sealed");
    return unwrapped;
  }

  async sign(purpose: Purpose, bytes: Pieces): Promise<Signature> {
    const { privateKey, publicKey } = await this.#signer(purpose);
    const signer = createSign("sha256");
    for (const piece of piecesOf(bytes)) signer.update(piece);
    return { signature: signer.sign({ key: privateKey, dsaEncoding: "der" }), publicKey };
  }

  async signingKey(purpose: Purpose): Promise<PublicKey> {
    return (await this.#signer(purpose)).publicKey;
  }

  async publicKey(purpose: Purpose): Promise<PublicKey> {
    const file = publicKeyFile(purpose);
    const stated = await this.#once(file, () => this.#statedPublicKey(purpose));
    if (stated !== undefined) return stated;
    try {
      return await this.signingKey(purpose);
    } catch (error) {
      throw isLifeboatError(error, "keys/missing") ? missingFile(this.#folder, file) : error;
    }
  }

  async wrappingKey(): Promise<string> {
    return this.#once(WRAPPING_RECIPIENT, async () => {
      const text = await readPublic(this.#folder, WRAPPING_RECIPIENT);
      if (text === undefined) throw missingFile(this.#folder, WRAPPING_RECIPIENT);
      const [recipient, ...more] = text
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line !== "" && !line.startsWith("#"));
      // X25519 only: the wrapping is undone by an identity of wrapping.key, and those are X25519.
      if (recipient !== undefined && more.length === 0 && /^age1[02-9ac-hj-np-z]{58}$/.test(recipient)) return recipient;
      throw new LifeboatError("keys/invalid", `${this.#path(WRAPPING_RECIPIENT)} is not one age recipient (age1...)`, {
        hint: `write it anew: age-keygen -y ${this.#path(WRAPPING_IDENTITIES)}, the first line of what it prints`,
      });
    });
  }

  /** By recipient, the present one first. */
  async #wrappingIdentities(): Promise<ReadonlyMap<string, string>> {
    const path = this.#path(WRAPPING_IDENTITIES);
    const text = await readPrivate(this.#folder, WRAPPING_IDENTITIES);
    const identities = invalidIfThrown(() => readIdentities(text), path);
    const byRecipient = new Map<string, string>();
    for (const identity of identities) byRecipient.set(await recipientIn(identity, path), identity);
    return byRecipient;
  }

  async #signer(purpose: Purpose): Promise<Signer> {
    return this.#once(privateKeyFile(purpose), () => this.#readSigner(purpose));
  }

  async #readSigner(purpose: Purpose): Promise<Signer> {
    const file = privateKeyFile(purpose);
    const text = await readPrivate(this.#folder, file);
    const privateKey = invalidIfThrown(
      () => createPrivateKey({ key: text, format: "pem" }),
      this.#path(file),
      "is not a private key in PEM without a passphrase",
    );
    requireP256(privateKey, this.#path(file), "keys/invalid");
    const publicKey = publicKeyOf(spkiOf(privateKey));
    const stated = await this.#once(publicKeyFile(purpose), () => this.#statedPublicKey(purpose));
    if (stated !== undefined && stated.fingerprint !== publicKey.fingerprint) {
      throw new LifeboatError("keys/invalid", `${this.#path(publicKeyFile(purpose))} is not the public half of ${file}`, {
        hint: `write it anew: openssl pkey -in ${this.#path(file)} -pubout -out ${this.#path(publicKeyFile(purpose))}`,
      });
    }
    return { privateKey, publicKey };
  }

  async #statedPublicKey(purpose: Purpose): Promise<PublicKey | undefined> {
    const file = publicKeyFile(purpose);
    const text = await readPublic(this.#folder, file);
    if (text === undefined) return undefined;
    // createPublicKey would take a private key and give its public half: a secret in this file is a mistake to tell.
    const key = text.includes("PRIVATE KEY")
      ? undefined
      : invalidIfThrown(() => createPublicKey({ key: text, format: "pem" }), this.#path(file), "is not a public key in PEM");
    if (key === undefined)
      throw new LifeboatError("keys/invalid", `${this.#path(file)} is a private key, and readable by others`, {
        hint: "make new keys: that one may be known",
      });
    requireP256(key, this.#path(file), "keys/invalid");
    return publicKeyOf(spkiOf(key));
  }

  #path(file: string): string {
    return join(this.#folder, file);
  }

  /** What `read` gives, read once; a failure is forgotten, so that a mended file is seen. */
  async #once<T>(file: string, read: () => Promise<T>): Promise<T> {
    // Every file name goes with one type of result: see the calls.
    const known = this.#read.get(file) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const reading = read().catch((error: unknown) => {
      throw withWayOut(error, file);
    });
    this.#read.set(file, reading);
    reading.catch(() => this.#read.delete(file));
    return reading;
  }
}

/** For a file that does not hold what it should, and whose error says no better. */
function withWayOut(error: unknown, file: string): unknown {
  if (!isLifeboatError(error, "keys/invalid") || error.hint !== undefined) return error;
  return new LifeboatError(error.code, error.message, {
    hint: `put back the ${file} that lifeboat init made: it ${useOf(file)}`,
    cause: error,
  });
}

/** The plaintext of a wrapping that is said to be to `identity`: if it is to another, or not whole, it was altered. */
async function decryptWrapped(identity: string, ciphertext: Uint8Array, snapshot: string): Promise<string> {
  try {
    return Buffer.from(await decryptSmall([identity], ciphertext)).toString("utf8");
  } catch (cause) {
    if (!isLifeboatError(cause, "keys/no-match", "verify/")) throw cause;
    throw new LifeboatError("verify/sealed", `the wrapped key of ${snapshot} was altered`, {
      hint: "use another snapshot, or the break-glass identity",
      cause,
    });
  }
}

function invalidIfThrown<T>(parse: () => T, path: string, problem = "cannot be parsed"): T {
  try {
    return parse();
  } catch (cause) {
    const own = cause instanceof LifeboatError ? cause : undefined;
    throw new LifeboatError("keys/invalid", own === undefined ? `${path} ${problem}` : `${path}: ${own.message}`, {
      ...(own?.hint === undefined ? {} : { hint: own.hint }),
      cause,
    });
  }
}
