import type { Block } from "../../blocks.ts";
import type { RandomBytes } from "../../clock.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { Unwrapper, WrapContext, Wrapping } from "../../keys/key-ring.ts";
import { copyFor } from "../wrap-identity.ts";
import { inTurn, wrappingKeysOf } from "../../keys/store-keys.ts";
import type { StoreKeys } from "../../keys/store-keys.ts";
import { identityText } from "../../keys/identity-text.ts";
import { dataKey } from "../../documents/layout.ts";
import type { WrappingRecord } from "../../documents/parts.ts";
import type { SealedObject, Stored } from "../../documents/stored.ts";
import { countRecipients, encryptSmall, newIdentity, recipientOf } from "../../seal/age.ts";
import { checkRecipients } from "../../seal/age-recipients.ts";
import { seal, unseal } from "../../seal/seal.ts";
import { digestOf } from "../../seal/seal-pieces.ts";
import type { BlobStore } from "../blob-store.ts";
import { opensToMore, tooLarge } from "../size-errors.ts";
import { throwIfAborted } from "../body-reader.ts";
import { checkObject, DAMAGED, ObjectDigest, readObject, requireOwnData, readObjectHead } from "../stored-object.ts";
import type { OpenOptions, PendingSnapshot, Pieces, PutBeside, RandomReader, SnapshotName, SnapshotStore } from "../snapshot-store.ts";
import type { AddedKeys, KeyProof, WrappedKeys } from "../wrapped-keys.ts";
import { identityIn } from "../identity-in.ts";
import { putSealed } from "./put-sealed.ts";
import { readerOf } from "./random-reader.ts";

export interface SealedStoreOptions extends StoreKeys {
  readonly blobs: BlobStore;
  /** age recipients that may open every snapshot, beside the snapshot's own identity. */
  readonly breakGlass: readonly string[];
  readonly randomBytes: RandomBytes;
  /** The most bytes that a snapshot may have, in and out. */
  readonly maxBytes?: number;
  /** What was added to a snapshot's keys since its backup: asked for only where those of its manifest do not open it, and for given identities. */
  readonly addedKeys?: (name: SnapshotName) => Promise<AddedKeys>;
}

/** Snapshots as one age file over zstd each, in any BlobStore: docs/format.md, "The data object". */
export class SealedStore implements SnapshotStore, WrappedKeys {
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
    const wrapping = await keys.wrap(identity, contextOf(name), signal);
    const { wrappings, notWrapped } = await this.#wrapForReplicas(identity, name, signal);
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
    const { object, identities } = await this.#identitiesOf(name, stored, options);
    try {
      const { onPiece } = options;
      const onFrame = onPiece === undefined ? undefined : (frame: Uint8Array): void => onPiece(digestOf(frame));
      for await (const chunk of unseal(readObject(this.#options.blobs, object, options.signal), identities, options.bytes, onFrame)) {
        yield chunk;
        // The store is read some frames ahead, and may have come to its end.
        throwIfAborted(`opening ${name.cluster}/${name.id}`, options.signal);
      }
    } catch (error) {
      if (isLifeboatError(error, "verify/size") && error.hint === undefined) throw opensToMore(name, options.bytes, error);
      throw explained(object, error);
    }
  }

  async openAt(name: SnapshotName, stored: Stored, options: OpenOptions): Promise<RandomReader | undefined> {
    const { object, identities } = await this.#identitiesOf(name, stored, options);
    const reader = await readerOf(this.#options.blobs, object, identities, options.signal).catch((error: unknown) => {
      throw explained(object, error);
    });
    if (reader !== undefined && reader.bytes > options.bytes) throw opensToMore(name, options.bytes);
    return reader;
  }

  putBeside(stored: Stored, key: string, pieces: Pieces, signal?: AbortSignal): Promise<PutBeside> {
    return putSealed(this.#options.blobs, key, recipientsOf(sealedOnly(stored)), pieces, signal);
  }

  async #identitiesOf(
    name: SnapshotName,
    stored: Stored,
    { bytes, identities, signal }: OpenOptions,
  ): Promise<{ readonly object: SealedObject; readonly identities: readonly string[] }> {
    const object = sealedOnly(stored);
    if (object.compression !== "zstd") throw ofLaterVersion(`${object.key} is compressed by ${object.compression}`);
    this.#requireBelowMost(name, bytes);
    return {
      object,
      identities:
        identities === undefined ? [await this.#unwrap(name, object, signal)] : await this.#fittingIdentities(name, object, identities),
    };
  }

  #requireBelowMost(name: SnapshotName, bytes: number): void {
    const { maxBytes = Infinity } = this.#options;
    if (bytes > maxBytes) throw tooLarge(name, `its manifest says that it opens to ${bytes} bytes`, maxBytes, "verify/size");
  }

  async wrappingKeys(): Promise<readonly [own: string, ...replicas: string[]]> {
    return wrappingKeysOf(this.#options);
  }

  async rewrap(name: SnapshotName, stored: Stored, under: readonly string[]): Promise<readonly WrappingRecord[]> {
    const object = sealedOnly(stored);
    const { keys, replicaKeys = [] } = this.#options;
    const opened = await this.#openEach(name, object, "whatever opens");
    const identity = opened[0]?.identity ?? (await this.#unwrap(name, object));
    const proven = new Set([...under, ...opened.map(({ key }) => key)]);
    const records: WrappingRecord[] = [];
    for (const key of [keys, ...replicaKeys]) {
      if (proven.has(await key.wrappingKey())) continue;
      records.push(recordOf(await key.wrap(identity, contextOf(name))));
    }
    return records;
  }

  async addressTo(name: SnapshotName, stored: Stored, recipients: readonly string[], signal?: AbortSignal): Promise<Uint8Array> {
    const object = sealedOnly(stored);
    // Before a key is asked for anything.
    checkRecipients(recipients);
    const identity = await this.#unwrap(name, object, signal);
    return encryptSmall(recipients, Buffer.from(identityText(identity, contextOf(name))));
  }

  async prove(name: SnapshotName, stored: Stored, signal?: AbortSignal): Promise<KeyProof> {
    const object = sealedOnly(stored);
    const { blobs, breakGlass, keys, replicaKeys = [] } = this.#options;
    requireStanzas(object, await countRecipients(readObjectHead(blobs, object, signal)));
    const opened = await this.#openEach(name, object, "no forgery", signal);
    const identity = opened[0]?.identity ?? (await this.#unwrap(name, object, signal));
    const notes: string[] = [];
    const wrappings: WrappingRecord[] = [];
    for (const key of [keys, ...replicaKeys]) {
      if (opened.some(({ by }) => by === key)) continue;
      try {
        const record = recordOf(await key.wrap(identity, contextOf(name), signal));
        if (!opened.some((each) => each.key === record.key)) wrappings.push(record);
      } catch (error) {
        if (!isLifeboatError(error, "keys/")) throw error;
        notes.push(
          `nobody has checked that the key of ${key.location} opens ${name.cluster}/${name.id}, only its writer says so: ${error.message}`,
        );
      }
    }
    const unlisted = breakGlass.filter((each) => !object.encryption.breakGlass.includes(each));
    if (unlisted.length > 0)
      notes.push(
        `the manifest of ${name.cluster}/${name.id} does not list the break-glass recipient ${unlisted.join(", ")}: its key is in the countersignature for it`,
      );
    return {
      opened: opened.map(({ key }) => key),
      wrappings,
      breakGlass: await copyFor(breakGlass, `${name.cluster}/${name.id}`, identity),
      notes,
    };
  }

  /** The wrappings in the manifest that a key of the configuration opens. With `no forgery`, one under such a key that does not hold the identity is an error. */
  async #openEach(
    name: SnapshotName,
    object: SealedObject,
    demand: "no forgery" | "whatever opens",
    signal?: AbortSignal,
  ): Promise<readonly Opened[]> {
    const opened: Opened[] = [];
    for (const [by, wrapping] of inTurn(this.#options, object.encryption.wrappings)) {
      if (!by.isAtHand(wrapping) || opened.some(({ key }) => key === wrapping.key)) continue;
      try {
        opened.push({ by, key: wrapping.key, identity: await unwrapWith(by, name, object, wrapping, signal) });
      } catch (error) {
        if (isLifeboatError(error, ...NOT_OURS)) continue;
        if (demand === "no forgery" || !isLifeboatError(error, "verify/sealed")) throw error;
      }
    }
    return opened;
  }

  async check(stored: Stored, signal?: AbortSignal): Promise<void> {
    await checkObject(this.#options.blobs, sealedOnly(stored), signal);
  }

  async remove(name: SnapshotName, stored: Stored): Promise<void> {
    const { key } = sealedOnly(stored);
    requireOwnData(name, key);
    await this.#options.blobs.remove(key);
  }

  /** A replica's key that cannot be used now is no reason to have no backup: the snapshot opens without it. */
  async #wrapForReplicas(
    identity: string,
    name: SnapshotName,
    signal: AbortSignal | undefined,
  ): Promise<{ wrappings: Wrapping[]; notWrapped: LifeboatError[] }> {
    const wrappings: Wrapping[] = [];
    const notWrapped: LifeboatError[] = [];
    for (const key of this.#options.replicaKeys ?? []) {
      try {
        wrappings.push(await key.wrap(identity, contextOf(name), signal));
      } catch (error) {
        if (!isLifeboatError(error, "keys/")) throw error;
        notWrapped.push(error);
      }
    }
    return { wrappings, notWrapped };
  }

  /** The identity from the first wrapping that a key of the configuration opens, of those in the manifest and then of those added since. */
  async #unwrap(name: SnapshotName, object: SealedObject, signal?: AbortSignal): Promise<string> {
    const first = await this.#unwrapOneOf(name, object, object.encryption.wrappings, signal);
    if (typeof first === "string") return first;
    const second = await this.#unwrapOneOf(name, object, (await this.#options.addedKeys?.(name))?.wrappings ?? [], signal);
    if (typeof second === "string") return second;
    const altered = [first, second].find((each) => each?.code === "verify/sealed");
    throw (
      altered ??
      first ??
      second ??
      new LifeboatError("verify/format", `no key of ${name.cluster}/${name.id} is wrapped: the manifest has no wrapping`, { hint: DAMAGED })
    );
  }

  /** The identity, or the error that tells most of why none opens: a wrapping that is not what was wrapped, else the first key that is not ours to use. */
  async #unwrapOneOf(
    name: SnapshotName,
    object: SealedObject,
    wrappings: readonly WrappingRecord[],
    signal: AbortSignal | undefined,
  ): Promise<string | LifeboatError | undefined> {
    let refused: LifeboatError | undefined;
    for (const [by, wrapping] of inTurn(this.#options, wrappings)) {
      try {
        return await unwrapWith(by, name, object, wrapping, signal);
      } catch (error) {
        if (!isLifeboatError(error, ...NOT_OURS, "verify/sealed")) throw error;
        if (refused === undefined || (error.code === "verify/sealed" && refused.code !== "verify/sealed")) refused = error;
      }
    }
    return refused;
  }

  /** Those of the given identities that the manifest names as recipients, and the snapshot's own where one of them opens a wrapping of it, or a verifier's copy. */
  async #fittingIdentities(name: SnapshotName, object: SealedObject, identities: readonly string[]): Promise<readonly string[]> {
    const { recipient, breakGlass, wrappings } = object.encryption;
    const recipients = await Promise.all(identities.map((each) => recipientOf(each)));
    const added = await this.#options.addedKeys?.(name);
    const sealed = [
      ...[...wrappings, ...(added?.wrappings ?? [])].filter(({ kind, key }) => kind === "local" && recipients.includes(key)),
      ...(added?.breakGlass ?? []).filter((each) => each.recipients.some((to) => recipients.includes(to))),
    ];
    const own: string[] = [];
    for (const { ciphertext } of sealed) own.push(...(await identityIn(Buffer.from(ciphertext, "base64"), identities, recipient)));
    const fitting = [...own.slice(0, 1), ...identities.filter((_, index) => [recipient, ...breakGlass].includes(recipients[index] ?? ""))];
    if (fitting.length > 0) return fitting;
    throw new LifeboatError("keys/no-match", `none of the given identities opens ${name.cluster}/${name.id}`, {
      hint: breakGlass.length === 0 ? "it has no break-glass recipients" : `its break-glass recipients are ${breakGlass.join(", ")}`,
    });
  }
}

function recipientsOf({ encryption: { recipient, breakGlass } }: SealedObject): readonly string[] {
  return [recipient, ...breakGlass];
}

/** The identity is the one that was signed for, so where it does not open the data it is the data that is another. */
function explained({ key }: SealedObject, error: unknown): unknown {
  if (!isLifeboatError(error, "keys/no-match")) return error;
  return new LifeboatError("verify/sealed", `${key} is not encrypted to the recipients in its manifest`, { hint: DAMAGED, cause: error });
}

async function unwrapWith(
  by: Unwrapper,
  name: SnapshotName,
  object: SealedObject,
  { kind, key, ciphertext }: WrappingRecord,
  signal: AbortSignal | undefined,
): Promise<string> {
  const identity = await by.unwrap({ kind, key, ciphertext: Buffer.from(ciphertext, "base64") }, contextOf(name), signal);
  // A key service may answer a tampered wrapping with garbage instead of an error.
  if ((await recipientOf(identity).catch(() => undefined)) === object.encryption.recipient) return identity;
  throw new LifeboatError(
    "verify/sealed",
    `the wrapped identity of ${name.cluster}/${name.id} is not the one that its data is encrypted to`,
    { hint: DAMAGED },
  );
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

function recordOf({ kind, key, ciphertext }: Wrapping): WrappingRecord {
  return { kind, key, ciphertext: Buffer.from(ciphertext).toString("base64") };
}

/** A wrapping that was opened. */
interface Opened {
  readonly by: Unwrapper;
  readonly key: string;
  readonly identity: string;
}

/** Whose a stanza of age is, nothing tells but its identity; how many there are is plain to see. */
function requireStanzas({ key, encryption: { breakGlass } }: SealedObject, stanzas: number): void {
  if (stanzas === 1 + breakGlass.length) return;
  throw new LifeboatError("verify/sealed", `${key} is encrypted to ${stanzas} recipients; its manifest names ${1 + breakGlass.length}`, {
    hint: DAMAGED,
  });
}

function contextOf(name: SnapshotName): WrapContext {
  return { cluster: name.cluster, snapshot: name.id };
}

function ofLaterVersion(what: string): LifeboatError {
  return new LifeboatError("ref/later", `${what}, which this version of lifeboat does not know`, {
    hint: "use the version that wrote it, or a newer one",
  });
}

function sealedOnly(stored: Stored): SealedObject {
  if (stored.kind === "sealed") return stored;
  if (stored.kind !== "kopia") throw ofLaterVersion(`the snapshot is stored as ${stored.kind}`);
  throw new LifeboatError("config/invalid", "the snapshot is in a Kopia repository, and the configured store is not one", {
    hint: "use the configuration of the store that it was made with",
  });
}
