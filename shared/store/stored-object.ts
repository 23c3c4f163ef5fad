import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { LifeboatError } from "../errors.ts";
import { isOwnDataKey } from "../documents/layout.ts";
import { objectsOf } from "../documents/stored.ts";
import type { Stored, StoredObject } from "../documents/stored.ts";
import type { RangeSource } from "../seal/age-reader.ts";
import type { BlobInfo, BlobStore, ReadOptions } from "./blob-store.ts";
import type { SnapshotName } from "./snapshot-store.ts";

/** The objects that hold the data of a snapshot, as its manifest describes them, in whichever store they lie. */

/** For what is not as it was signed. */
export const DAMAGED = "do not restore from it; use another snapshot or a replica, and find out what changed the store";

/** Asked again before every put and remove, whatever opened the manifest: throws `verify/format` for a key that is not of this snapshot's own data. */
export function requireOwnData(name: SnapshotName, key: string): void {
  if (isOwnDataKey(name, key)) return;
  throw new LifeboatError("verify/format", `${key} is not data of ${name.cluster}/${name.id}: nothing is written or removed there`, {
    hint: "find out who signed a manifest that names it, and replace that key",
  });
}

/**
 * The object's bytes; at their end they are held against the manifest, so a well-formed stranger does not pass: `verify/size`, `verify/digest`. No more of them
 * than the manifest says are handed out.
 */
export async function* readObject(
  blobs: BlobStore,
  object: StoredObject,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const digest = new ObjectDigest();
  for await (const chunk of digest.through(blobs.get(object.key, await placeOf(blobs, object, signal)))) {
    if (digest.bytes > object.bytes) throw wrongSize(blobs, object, `more than ${object.bytes}`);
    yield chunk;
  }
  const actual = digest.finish();
  if (actual.bytes !== object.bytes) throw wrongSize(blobs, object, actual.bytes);
  if (actual.sha256 !== object.sha256)
    throw new LifeboatError(
      "verify/digest",
      `${object.key} in ${blobs.location} has digest ${actual.sha256}; its manifest says ${object.sha256}`,
      {
        hint: DAMAGED,
      },
    );
}

/** The object here and there, in the version that it has in this store. Nothing is held against the manifest but its size: `verify/missing`, `verify/size`. */
export async function rangesOf(blobs: BlobStore, object: StoredObject, signal?: AbortSignal): Promise<RangeSource> {
  const { key, version } = await placedObject(blobs, object, signal);
  return {
    bytes: object.bytes,
    async read(start, end) {
      const bytes = new Uint8Array(end - start);
      let filled = 0;
      for await (const chunk of blobs.get(key, { version, range: { start, end }, signal })) {
        if (filled + chunk.length > bytes.length) throw wrongSize(blobs, object, `more than ${end}`);
        bytes.set(chunk, filled);
        filled += chunk.length;
      }
      if (filled < bytes.length) throw wrongSize(blobs, object, start + filled);
      return bytes;
    },
  };
}

/** Its first bytes, more than any age header has. */
export async function* readObjectHead(
  blobs: BlobStore,
  object: StoredObject,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const range = { start: 0, end: Math.min(object.bytes, 128 * 1024) };
  yield* blobs.get(object.key, { ...(await placeOf(blobs, object, signal)), range });
}

/**
 * The object with the version that it has in this store, which may be another one than its manifest names. Reads nothing of it. Throws `verify/missing`, or `verify/size` where it has not the size in its manifest.
 */
export async function placedObject(blobs: BlobStore, object: StoredObject, signal?: AbortSignal): Promise<StoredObject> {
  const info = await headOf(blobs, object, signal);
  if (info === undefined) throw missing(blobs, object);
  if (info.bytes !== object.bytes) throw wrongSize(blobs, object, info.bytes);
  const { version: _committed, ...rest } = object;
  return info.version === undefined ? rest : { ...rest, version: info.version };
}

/** What a look at the object's metadata tells. */
export interface ObjectState {
  readonly state: "present" | "missing" | "wrong-size";
  /** What is there; undefined where nothing is. */
  readonly bytes: number | undefined;
}

/** Whether the object is there, and of the size in its manifest. Reads nothing of it. */
export async function stateOfObject(blobs: BlobStore, object: StoredObject, signal?: AbortSignal): Promise<ObjectState> {
  const info = await headOf(blobs, object, signal);
  if (info === undefined) return { state: "missing", bytes: undefined };
  return { state: info.bytes === object.bytes ? "present" : "wrong-size", bytes: info.bytes };
}

/** The same of all the data of a snapshot: the first object that is not as it should be; `elsewhere` where no object of this store holds it. */
export async function stateOfData(
  blobs: BlobStore,
  stored: Stored,
  signal?: AbortSignal,
): Promise<ObjectState | { readonly state: "elsewhere"; readonly bytes: undefined }> {
  let last: ObjectState | undefined;
  for (const object of objectsOf(stored)) {
    last = await stateOfObject(blobs, object, signal);
    if (last.state !== "present") break;
  }
  return last ?? { state: "elsewhere", bytes: undefined };
}

/** Checks every object that holds data of a snapshot: see `checkObject`. */
export async function checkData(blobs: BlobStore, stored: Stored, signal?: AbortSignal): Promise<void> {
  for (const object of objectsOf(stored)) await checkObject(blobs, object, signal);
}

/** Holds presence, size and the store's own checksum against the manifest: `verify/missing`, `verify/size`, `verify/checksum`. */
export async function checkObject(blobs: BlobStore, object: StoredObject, signal?: AbortSignal): Promise<void> {
  const info = await headOf(blobs, object, signal);
  if (info === undefined) throw missing(blobs, object);
  if (info.bytes !== object.bytes) throw wrongSize(blobs, object, info.bytes);
  const actual = hexOfCrc(await blobs.checksum(object.key, { version: object.version === undefined ? undefined : info.version, signal }));
  if (object.crc32 !== undefined && actual !== object.crc32)
    throw new LifeboatError(
      "verify/checksum",
      `${object.key} in ${blobs.location} has checksum ${actual}; its manifest says ${object.crc32}`,
      {
        hint: DAMAGED,
      },
    );
}

/** Which version to read. */
async function placeOf(blobs: BlobStore, object: StoredObject, signal: AbortSignal | undefined): Promise<ReadOptions> {
  if (object.version === undefined) return { signal };
  return { version: (await headOf(blobs, object, signal))?.version ?? object.version, signal };
}

/**
 * The object in the version that the manifest names, or else the one that stands under its key: the version is one of the store where the snapshot was committed,
 * and a replica gave the same bytes another.
 */
async function headOf(blobs: BlobStore, object: StoredObject, signal: AbortSignal | undefined): Promise<BlobInfo | undefined> {
  const { key, version } = object;
  const named = version === undefined ? undefined : await blobs.head(key, { version, signal });
  return named ?? blobs.head(key, { signal });
}

function missing({ location }: BlobStore, { key }: StoredObject): LifeboatError {
  return new LifeboatError("verify/missing", `${key} is not in ${location}`, { hint: DAMAGED });
}

function wrongSize({ location }: BlobStore, object: StoredObject, bytes: number | string): LifeboatError {
  return new LifeboatError("verify/size", `${object.key} in ${location} has ${bytes} bytes; its manifest says ${object.bytes}`, {
    hint: DAMAGED,
  });
}

function hexOfCrc(value: number): string {
  return value.toString(16).padStart(8, "0");
}

/** Size, SHA-256 and CRC-32 of an object on its way. */
export class ObjectDigest {
  readonly #hash = createHash("sha256");
  readonly #hasCrc: boolean;
  #crc = 0;
  #bytes = 0;

  /** `no crc`: `crc32` is then that of nothing. */
  constructor(kinds: "all" | "no crc" = "all") {
    this.#hasCrc = kinds === "all";
  }

  /** So far. */
  get bytes(): number {
    return this.#bytes;
  }

  async *through(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of chunks) {
      this.add(chunk);
      yield chunk;
    }
  }

  add(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    if (this.#hasCrc) this.#crc = crc32(chunk, this.#crc);
    this.#bytes += chunk.length;
  }

  finish(): { bytes: number; sha256: string; crc32: string } {
    return { bytes: this.#bytes, sha256: `sha256:${this.#hash.digest("hex")}`, crc32: hexOfCrc(this.#crc) };
  }
}
