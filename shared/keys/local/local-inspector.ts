import { stat } from "node:fs/promises";
import { join } from "node:path";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { errnoOf } from "../../folders.ts";
import { readIdentities } from "../../seal/age.ts";
import { ALLOWED, DENIED, type Answer, type MaybeUnreadable } from "../../unreadable.ts";
import { recipientIn } from "../identity.ts";
import type { KeyInspector, KeyPower, LocalFacts, LocalKeyFacts } from "../key-inspector.ts";
import { PURPOSES, type Purpose } from "../key-ring.ts";
import { privateKeyFile, publicKeyFile, readPrivate, WRAPPING_IDENTITIES, WRAPPING_RECIPIENT } from "./key-files.ts";
import { LocalKeyRing } from "./local-key-ring.ts";

type Half = LocalKeyFacts["secret"]["state"];

/** Looks at a folder of keys. Shows nothing secret. */
export class LocalInspector implements KeyInspector {
  readonly location: string;
  readonly #folder: string;
  readonly #ring: LocalKeyRing;

  constructor(folder: string) {
    this.location = folder;
    this.#folder = folder;
    this.#ring = new LocalKeyRing(folder);
  }

  async facts(): Promise<LocalFacts> {
    const keys = [await this.#wrapping(), ...(await Promise.all(PURPOSES.map((purpose) => this.#signing(purpose))))];
    return { kind: "local", folder: this.#folder, mode: await this.#mode(), keys };
  }

  arnOf(): Promise<MaybeUnreadable<string>> {
    return Promise.resolve({ unseen: "unsupported", reason: "the configured keys are files" });
  }

  async powers(): Promise<ReadonlyMap<KeyPower, Answer>> {
    const { keys } = await this.facts();
    const powers = new Map<KeyPower, Answer>();
    for (const { use, secret, public: published } of keys) {
      if (use === "wrap") powers.set("wrap", answerOf(published.state));
      powers.set(use === "wrap" ? "unwrap" : `sign ${use}`, answerOf(secret.state));
    }
    return powers;
  }

  async #mode(): Promise<number | undefined> {
    try {
      return (await stat(this.#folder)).mode & 0o777;
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw new LifeboatError("keys/failed", `cannot look at the key folder ${this.#folder}`, {
        hint: "check that keys.path in the configuration is the folder of the keys, and that this user may enter it",
        cause: error,
      });
    }
  }

  async #signing(purpose: Purpose): Promise<LocalKeyFacts> {
    const secret = await attempt(() => this.#ring.signingKey(purpose));
    const published = await attempt(() => this.#ring.publicKey(purpose));
    // Without its file the public half is read from the private one.
    const file = publicKeyFile(purpose);
    const isThere = await exists(join(this.#folder, file));
    return {
      use: purpose,
      secret: { file: privateKeyFile(purpose), state: secret.state },
      public: { file, state: isThere ? published.state : undefined },
      name: published.value?.fingerprint,
    };
  }

  async #wrapping(): Promise<LocalKeyFacts> {
    const published = await attempt(() => this.#ring.wrappingKey());
    const secret = await attempt(() => this.#requireIdentityOf(published.value));
    return {
      use: "wrap",
      secret: { file: WRAPPING_IDENTITIES, state: secret.state },
      public: { file: WRAPPING_RECIPIENT, state: published.state },
      name: published.value,
    };
  }

  /** The first identity must open what is wrapped to the recipient beside it. */
  async #requireIdentityOf(recipient: string | undefined): Promise<void> {
    const path = join(this.#folder, WRAPPING_IDENTITIES);
    const [first = ""] = readIdentities(await readPrivate(this.#folder, WRAPPING_IDENTITIES));
    if (recipient === undefined || (await recipientIn(first, path)) === recipient) return;
    throw new LifeboatError("keys/invalid", `the first identity in ${path} does not open what is wrapped to ${WRAPPING_RECIPIENT}`, {
      hint: `put the identity of ${recipient} on the first line, or write ${WRAPPING_RECIPIENT} anew: age-keygen -y ${path}, the first line of what it prints`,
    });
  }
}

function answerOf(state: Half): Answer {
  return state === "here" ? ALLOWED : state === undefined ? DENIED : { is: "unknown", reason: state.message };
}

/** What `read` gives, and what that says of the file. */
async function attempt<T>(read: () => Promise<T>): Promise<{ readonly value?: T; readonly state: Half }> {
  try {
    return { value: await read(), state: "here" };
  } catch (error) {
    if (isLifeboatError(error, "keys/missing")) return { state: undefined };
    if (isLifeboatError(error, "keys/")) return { state: error };
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (errnoOf(error) === "ENOENT") return false;
      throw error;
    },
  );
}
