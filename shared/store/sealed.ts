import type { Block } from "../blocks.ts";
import type { RandomBytes } from "../clock.ts";
import { isLifeboatError, LifeboatError } from "../errors.ts";
import type { KeyRing, WrapContext, Wrapping, WrappingKey } from "../keys/key-ring.ts";
import { dataKey } from "../manifest/layout.ts";
import type { SealedObject, Stored, WrappingRecord } from "../manifest/schema.ts";
import { newIdentity, recipientOf } from "../seal/age.ts";
import { seal, unseal } from "../seal/seal.ts";
import type { BlobStore } from "./blob-store.ts";
import { throwIfAborted } from "./body-reader.ts";
import { checkSealed, DAMAGED, ObjectDigest, readSealed, requireOwnData } from "./sealed-object.ts";
import type { OpenOptions, PendingSnapshot, SnapshotName, SnapshotStore } from "./snapshot-store.ts";

export interface SealedStoreOptions {
  readonly blobs: BlobStore;
  readonly keys: KeyRing;
  /** Those of replicas: what is saved is wrapped under each of them, too. */
  readonly replicaKeys?: readonly WrappingKey[];
  /** age recipients that may open every snapshot, beside the snapshot's own identity. */
  readonly breakGlass: readonly string[];
  readonly randomBytes: RandomBytes;
  /** The most bytes that a snapshot may have, in and out. */
  readonly maxBytes?: number;
  /** Wrappings that were added to a snapshot since its backup: asked for only where those of its manifest do not open it. */
  readonly addedWrappings?: (name: SnapshotName) => Promise<readonly WrappingRecord[]>;
}

/** Snapshots as one age file over zstd each, in any BlobStore: docs/format.md, "The data object". */
export class SealedStore implements SnapshotStore {
  readonly #options: SealedStoreOptions;

  constructor(options: SealedStoreOptions) {
    this.#options = options;
  }

  async save(name: SnapshotName, plaintext: AsyncIterable<Block>, signal?: AbortSignal): Promise<PendingSnapshot> {
    const state = { begun: false };
    const { maxBytes = Infinity } = this.#options;
    async function* source(): AsyncGenerator<Block, void, undefined> {
      state.begun = true;
      let bytes = 0;
      for await (const block of plaintext) {
        bytes += block.bytes.length;
        if (bytes > maxBytes) {
          block.release();
          // What nobody would open again is not stored.
          throw tooLarge(name, "more came", maxBytes, "config/invalid");
        }
        yield block;
      }
    }
    try {
      return await this.#save(name, source(), signal);
    } catch (error) {
      // Closing a generator that never began does not reach what it would have read.
      if (!state.begun) await plaintext[Symbol.asyncIterator]().return?.();
      throw error;
    }
  }

  async #save(name: SnapshotName, plaintext: AsyncIterable<Block>, signal: AbortSignal | undefined): Promise<PendingSnapshot> {
    const { blobs, keys, breakGlass, randomBytes } = this.#options;
    const { identity, recipient } = await newIdentity();
    // Wrapped before the first byte is taken: a snapshot that nobody could open is not begun.
    const wrapping = await keys.wrap(identity, contextOf(name));
    const { wrappings, notWrapped } = await this.#wrapForReplicas(identity, name);
    const key = dataKey(name.cluster, name.id, Buffer.from(randomBytes(4)).toString("hex"));
    requireOwnData(name, key);
    const digest = new ObjectDigest();
    const taken = Promise.withResolvers<void>();
    const decided = Promise.withResolvers<void>();
    decided.promise.catch(() => undefined);
    const onAbort = (): void => decided.reject(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });

    // The end of the body is withheld until the caller decides, so an unproven snapshot never becomes an object.
    async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
      yield* digest.through(seal(plaintext, [recipient, ...breakGlass]));
      taken.resolve();
      await decided.promise;
    }
    const put = blobs.put(key, body(), { ifAbsent: true, signal });
    const done = put.finally(() => signal?.removeEventListener("abort", onAbort));
    done.catch(() => undefined);
    await Promise.race([taken.promise, done]);

    return {
      notWrapped,
      async commit(): Promise<Stored> {
        decided.resolve();
        const { version } = await done;
        return {
          kind: "sealed",
          key,
          ...digest.finish(),
          ...(version === undefined ? {} : { version }),
          compression: "zstd",
          encryption: {
            format: "age-encryption.org/v1",
            recipient,
            wrappings: [wrapping, ...wrappings].map(recordOf),
            breakGlass: [...breakGlass],
          },
        };
      },
      async drop(): Promise<void> {
        decided.reject(new LifeboatError("interrupted", "the snapshot was dropped before it was committed"));
        await done.catch(() => undefined);
      },
    };
  }

  async *open(name: SnapshotName, stored: Stored, options: OpenOptions): AsyncGenerator<Uint8Array, void, undefined> {
    const object = sealedOnly(stored);
    this.#requireBelowMost(name, options.bytes);
    const identities =
      options.identities === undefined ? [await this.#unwrap(name, object)] : await fittingIdentities(name, object, options.identities);
    try {
      for await (const chunk of unseal(readSealed(this.#options.blobs, object, options.signal), identities, options.bytes)) {
        yield chunk;
        // The store is read some frames ahead, and may have come to its end.
        throwIfAborted(`opening ${name.cluster}/${name.id}`, options.signal);
      }
    } catch (error) {
      if (isLifeboatError(error, "verify/size") && error.hint === undefined) throw opensToMore(name, options.bytes, error);
      // The identity is the one that was signed for, so it is the data that is not.
      if (!isLifeboatError(error, "keys/no-match")) throw error;
      throw new LifeboatError("verify/sealed", `${object.key} is not encrypted to the recipients in its manifest`, {
        hint: DAMAGED,
        cause: error,
      });
    }
  }

  #requireBelowMost(name: SnapshotName, bytes: number): void {
    const { maxBytes = Infinity } = this.#options;
    if (bytes > maxBytes) throw tooLarge(name, `its manifest says that it opens to ${bytes} bytes`, maxBytes, "verify/size");
  }

  async wrappingKeys(): Promise<readonly [own: string, ...replicas: string[]]> {
    const { keys, replicaKeys = [] } = this.#options;
    return [await keys.wrappingKey(), ...(await Promise.all(replicaKeys.map((each) => each.wrappingKey())))];
  }

  async rewrap(name: SnapshotName, stored: Stored, under: readonly string[]): Promise<readonly WrappingRecord[]> {
    const identity = await this.#unwrap(name, sealedOnly(stored));
    const { keys, replicaKeys = [] } = this.#options;
    const records: WrappingRecord[] = [];
    for (const key of [keys, ...replicaKeys]) {
      if (under.includes(await key.wrappingKey())) continue;
      records.push(recordOf(await key.wrap(identity, contextOf(name))));
    }
    return records;
  }

  async check(stored: Stored, signal?: AbortSignal): Promise<void> {
    await checkSealed(this.#options.blobs, sealedOnly(stored), signal);
  }

  async remove(name: SnapshotName, stored: Stored): Promise<void> {
    const { key } = sealedOnly(stored);
    requireOwnData(name, key);
    await this.#options.blobs.remove(key);
  }

  /** A replica's key that cannot be used now is no reason to have no backup: the snapshot opens without it. */
  async #wrapForReplicas(identity: string, name: SnapshotName): Promise<{ wrappings: Wrapping[]; notWrapped: LifeboatError[] }> {
    const wrappings: Wrapping[] = [];
    const notWrapped: LifeboatError[] = [];
    for (const key of this.#options.replicaKeys ?? []) {
      try {
        wrappings.push(await key.wrap(identity, contextOf(name)));
      } catch (error) {
        if (!isLifeboatError(error, "keys/")) throw error;
        notWrapped.push(error);
      }
    }
    return { wrappings, notWrapped };
  }

  /** The identity from the first wrapping that this key ring can open, of those in the manifest and then of those added since. */
  async #unwrap(name: SnapshotName, object: SealedObject): Promise<string> {
    const { wrappings } = object.encryption;
    const first = await this.#unwrapOneOf(name, object, wrappings);
    if (typeof first === "string") return first;
    const second = await this.#unwrapOneOf(name, object, (await this.#options.addedWrappings?.(name)) ?? []);
    if (typeof second === "string") return second;
    throw (
      first ?? second ?? new LifeboatError("verify/format", `no key of ${name.cluster}/${name.id} is wrapped at all`, { hint: DAMAGED })
    );
  }

  /** The identity, or the error of the first wrapping whose key is not this ring's to use. */
  async #unwrapOneOf(
    name: SnapshotName,
    object: SealedObject,
    wrappings: readonly WrappingRecord[],
  ): Promise<string | LifeboatError | undefined> {
    let refused: LifeboatError | undefined;
    const { keys } = this.#options;
    const inTurn = [...wrappings.filter((each) => keys.isAtHand(each)), ...wrappings.filter((each) => !keys.isAtHand(each))];
    for (const { kind, key, ciphertext } of inTurn) {
      try {
        const identity = await keys.unwrap({ kind, key, ciphertext: Buffer.from(ciphertext, "base64") }, contextOf(name));
        // A key service may answer a tampered wrapping with garbage instead of an error.
        if ((await recipientOf(identity).catch(() => undefined)) !== object.encryption.recipient) {
          throw new LifeboatError(
            "verify/sealed",
            `the wrapped identity of ${name.cluster}/${name.id} is not the one that its data is encrypted to`,
            { hint: DAMAGED },
          );
        }
        return identity;
      } catch (error) {
        if (!isLifeboatError(error, ...NOT_OURS)) throw error;
        refused ??= error;
      }
    }
    return refused;
  }
}

/**
 * A key that cannot open one wrapping leaves the others: a replica's reader may use the replica's key alone, a retired key may be gone, and its region may not
 * answer.
 */
const NOT_OURS = [
  "keys/no-match",
  "keys/denied",
  "keys/missing",
  "keys/disabled",
  "keys/deleting",
  "keys/throttled",
  "keys/failed",
] as const;

function tooLarge({ cluster, id }: SnapshotName, what: string, maxBytes: number, code: "verify/size" | "config/invalid"): LifeboatError {
  return new LifeboatError(code, `${cluster}/${id} is larger than maxDatabaseSize allows: ${what}, and ${maxBytes} are the most`, {
    hint: "if the database is meant to be so large, raise maxDatabaseSize in the configuration",
  });
}

function opensToMore({ cluster, id }: SnapshotName, bytes: number, cause: LifeboatError): LifeboatError {
  return new LifeboatError("verify/size", `${cluster}/${id} opens to more than ${bytes} bytes, which its manifest says`, {
    hint: DAMAGED,
    cause,
  });
}

function recordOf({ kind, key, ciphertext }: Wrapping): WrappingRecord {
  return { kind, key, ciphertext: Buffer.from(ciphertext).toString("base64") };
}

/** Those of the given identities that the manifest names as recipients. */
async function fittingIdentities(name: SnapshotName, object: SealedObject, identities: readonly string[]): Promise<readonly string[]> {
  const { recipient, breakGlass } = object.encryption;
  const fitting: string[] = [];
  for (const identity of identities) if ([recipient, ...breakGlass].includes(await recipientOf(identity))) fitting.push(identity);
  if (fitting.length > 0) return fitting;
  throw new LifeboatError("keys/no-match", `none of the given identities opens ${name.cluster}/${name.id}`, {
    hint: breakGlass.length === 0 ? "it has no break-glass recipients" : `its break-glass recipients are ${breakGlass.join(", ")}`,
  });
}

function contextOf(name: SnapshotName): WrapContext {
  return { cluster: name.cluster, snapshot: name.id };
}

function sealedOnly(stored: Stored): SealedObject {
  if (stored.kind === "sealed") return stored;
  throw new LifeboatError("config/invalid", "the snapshot is in a Kopia repository, and the configured store is not one", {
    hint: "use the configuration of the store that it was made with",
  });
}
