import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { Block } from "../blocks.ts";
import type { RandomBytes } from "../clock.ts";
import { isLifeboatError, LifeboatError } from "../errors.ts";
import type { KeyRing, WrapContext, Wrapping } from "../keys/key-ring.ts";
import { dataKey } from "../manifest/layout.ts";
import type { SealedObject, Stored, WrappingRecord } from "../manifest/schema.ts";
import { newIdentity, recipientOf } from "../seal/age.ts";
import { seal, unseal } from "../seal/seal.ts";
import type { BlobStore } from "./blob-store.ts";
import { throwIfAborted } from "./body-reader.ts";
import type { OpenOptions, PendingSnapshot, SnapshotName, SnapshotStore } from "./snapshot-store.ts";

export interface SealedStoreOptions {
  readonly blobs: BlobStore;
  readonly keys: KeyRing;
  /** age recipients that may open every snapshot, beside the snapshot's own identity. */
  readonly breakGlass: readonly string[];
  readonly randomBytes: RandomBytes;
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
    async function* source(): AsyncGenerator<Block, void, undefined> {
      state.begun = true;
      yield* plaintext;
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
    const key = dataKey(name.cluster, name.id, Buffer.from(randomBytes(4)).toString("hex"));
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
            wrappings: [recordOf(wrapping)],
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

  async *open(name: SnapshotName, stored: Stored, options: OpenOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const object = sealedOnly(stored);
    const identities =
      options.identities === undefined ? [await this.#unwrap(name, object)] : await fittingIdentities(name, object, options.identities);
    const ciphertext = this.#options.blobs.get(object.key, { version: object.version, signal: options.signal });
    try {
      for await (const chunk of unseal(asRecorded(object, ciphertext), identities)) {
        yield chunk;
        // The store is read some frames ahead, and may have come to its end.
        throwIfAborted(`opening ${name.cluster}/${name.id}`, options.signal);
      }
    } catch (error) {
      // The identity is the one that was signed for, so it is the data that is not.
      if (!isLifeboatError(error, "keys/no-match")) throw error;
      throw new LifeboatError("verify/sealed", `${object.key} is not encrypted to the recipients in its manifest`, {
        hint: HINT,
        cause: error,
      });
    }
  }

  async rewrap(name: SnapshotName, stored: Stored): Promise<WrappingRecord> {
    const identity = await this.#unwrap(name, sealedOnly(stored));
    return recordOf(await this.#options.keys.wrap(identity, contextOf(name)));
  }

  async check(stored: Stored, signal?: AbortSignal): Promise<void> {
    const { blobs } = this.#options;
    const object = sealedOnly(stored);
    const info = await blobs.head(object.key, { version: object.version, signal });
    if (info === undefined) throw new LifeboatError("verify/missing", `${object.key} is not in ${blobs.location}`, { hint: HINT });
    if (info.bytes !== object.bytes) throw wrongSize(object, info.bytes);
    const actual = hexOfCrc(await blobs.checksum(object.key, { version: object.version, signal }));
    if (actual !== object.crc32)
      throw new LifeboatError("verify/checksum", `${object.key} has checksum ${actual}; its manifest says ${object.crc32}`, { hint: HINT });
  }

  async remove(stored: Stored): Promise<void> {
    await this.#options.blobs.remove(sealedOnly(stored).key);
  }

  /** The identity from the first wrapping that this key ring can open, of those in the manifest and then of those added since. */
  async #unwrap(name: SnapshotName, object: SealedObject): Promise<string> {
    const { wrappings } = object.encryption;
    const first = await this.#unwrapOneOf(name, object, wrappings);
    if (typeof first === "string") return first;
    const second = await this.#unwrapOneOf(name, object, (await this.#options.addedWrappings?.(name)) ?? []);
    if (typeof second === "string") return second;
    throw first ?? second ?? new LifeboatError("verify/format", `no key of ${name.cluster}/${name.id} is wrapped at all`, { hint: HINT });
  }

  /** The identity, or the error of the first wrapping whose key is not this ring's to use. */
  async #unwrapOneOf(
    name: SnapshotName,
    object: SealedObject,
    wrappings: readonly WrappingRecord[],
  ): Promise<string | LifeboatError | undefined> {
    let refused: LifeboatError | undefined;
    for (const { kind, key, ciphertext } of wrappings) {
      try {
        const identity = await this.#options.keys.unwrap({ kind, key, ciphertext: Buffer.from(ciphertext, "base64") }, contextOf(name));
        // A key service may answer a tampered wrapping with garbage instead of an error.
        if ((await recipientOf(identity).catch(() => undefined)) !== object.encryption.recipient) {
          throw new LifeboatError(
            "verify/sealed",
            `the wrapped identity of ${name.cluster}/${name.id} is not the one that its data is encrypted to`,
            { hint: HINT },
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

/** A key that cannot open one wrapping leaves the others: a replica's reader may use the replica's key alone, and a retired key may be gone. */
const NOT_OURS = ["keys/no-match", "keys/denied", "keys/missing", "keys/disabled", "keys/deleting"] as const;

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

const HINT = "do not restore from it; use another snapshot or a replica, and find out what changed the store";

function contextOf(name: SnapshotName): WrapContext {
  return { cluster: name.cluster, snapshot: name.id };
}

function sealedOnly(stored: Stored): SealedObject {
  if (stored.kind === "sealed") return stored;
  throw new LifeboatError("config/invalid", "the snapshot is in a Kopia repository, and the configured store is not one", {
    hint: "use the configuration of the store that it was made with",
  });
}

/** The object's bytes; at their end they are compared with the manifest, so a well-formed stranger does not pass. */
async function* asRecorded(object: SealedObject, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const digest = new ObjectDigest();
  yield* digest.through(bytes);
  const actual = digest.finish();
  if (actual.bytes !== object.bytes) throw wrongSize(object, actual.bytes);
  if (actual.sha256 !== object.sha256)
    throw new LifeboatError("verify/digest", `${object.key} has digest ${actual.sha256}; its manifest says ${object.sha256}`, {
      hint: HINT,
    });
}

function wrongSize(object: SealedObject, bytes: number): LifeboatError {
  return new LifeboatError("verify/size", `${object.key} has ${bytes} bytes; its manifest says ${object.bytes}`, { hint: HINT });
}

function hexOfCrc(value: number): string {
  return value.toString(16).padStart(8, "0");
}

/** Size, SHA-256 and CRC-32 of an object on its way. */
class ObjectDigest {
  readonly #hash = createHash("sha256");
  #crc = 0;
  #bytes = 0;

  async *through(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of chunks) {
      this.#hash.update(chunk);
      this.#crc = crc32(chunk, this.#crc);
      this.#bytes += chunk.length;
      yield chunk;
    }
  }

  finish(): { bytes: number; sha256: string; crc32: string } {
    return { bytes: this.#bytes, sha256: `sha256:${this.#hash.digest("hex")}`, crc32: hexOfCrc(this.#crc) };
  }
}
