import { randomBytes } from "node:crypto";
import type { Clock } from "../../clock.ts";
import { isLifeboatError } from "../../errors.ts";
import type { KeyRing } from "../../keys/key-ring.ts";
import type { TrustedKeys } from "../../documents/signed-document.ts";
import type {
  BlobInfo,
  BlobLock,
  BlobStore,
  BlobVersion,
  ByteRange,
  PresignedUrl,
  PresignOptions,
  PutOptions,
  PutReceipt,
  ReadOptions,
  RemoveOptions,
  UnfinishedPut,
} from "../../store/blob-store.ts";
import { judgePlace } from "./judge-place.ts";
import type { PlaceFacts } from "./judge-place.ts";
import { markPlace, newMarker, readMarker } from "./marker.ts";
import type { PlaceRecords } from "../../host/place-records.ts";

/** How a place is known to be the right one. */
export interface Guard {
  /** Whether there is anything at the place; only a folder can be missing and made. */
  readonly isThere: () => Promise<boolean>;
  /** `mustExist` of the configuration. */
  readonly mustExist: boolean;
  /** Undefined on a host that keeps nothing. */
  readonly records: PlaceRecords | undefined;
  readonly trusted: TrustedKeys;
  readonly clock: Clock;
}

export async function lookAtPlace(blobs: BlobStore, guard: Guard, signal?: AbortSignal): Promise<PlaceFacts> {
  const { location } = blobs;
  const known = await guard.records?.recall(location);
  const isThere = await guard.isThere();
  const marker = isThere ? await readMarker(blobs, guard.trusted, signal) : "absent";
  return { location, isThere, marker, known, mustExist: guard.mustExist };
}

/**
 * A store that is asked once whether it is the right one, before anything else is done with it: an unmounted disk, or a wrong bucket, is not taken for a store without snapshots. Throws `store/missing` and `store/other`
 * in place of what was asked for. With a `maker` the first put marks a store that has no marker.
 */
export class GuardedStore implements BlobStore {
  readonly location: string;
  readonly #blobs: BlobStore;
  readonly #guard: Guard;
  readonly #maker: KeyRing | undefined;
  #facts: Promise<PlaceFacts> | undefined;
  #marked: Promise<void> | undefined;
  /** That it is the right one is settled: nothing stands between ten thousand reads and the store then. */
  #isKnown = false;

  /** `maker`: the keys that mark a new store; undefined for a command that makes none. */
  constructor(blobs: BlobStore, guard: Guard, maker: KeyRing | undefined) {
    this.location = blobs.location;
    this.#blobs = blobs;
    this.#guard = guard;
    this.#maker = maker;
  }

  async put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<PutReceipt> {
    try {
      await this.#toWrite(options.signal);
    } catch (error) {
      await body[Symbol.asyncIterator]().return?.();
      throw error;
    }
    return this.#blobs.put(key, body, options);
  }

  get(key: string, options: ReadOptions & { readonly range?: ByteRange } = {}): AsyncIterable<Uint8Array> {
    return this.#isKnown ? this.#blobs.get(key, options) : this.#lookAndGet(key, options);
  }

  async *#lookAndGet(key: string, options: ReadOptions & { readonly range?: ByteRange }): AsyncGenerator<Uint8Array, void, undefined> {
    await this.#toRead(options.signal);
    yield* this.#blobs.get(key, options);
  }

  async head(key: string, options?: ReadOptions): Promise<BlobInfo | undefined> {
    await this.#toRead(options?.signal);
    return this.#blobs.head(key, options);
  }

  async checksum(key: string, options?: ReadOptions): Promise<number> {
    await this.#toRead(options?.signal);
    return this.#blobs.checksum(key, options);
  }

  async presign(key: string, options: PresignOptions): Promise<PresignedUrl | undefined> {
    await this.#toRead(options.signal);
    return this.#blobs.presign(key, options);
  }

  list(prefix: string, options?: Pick<ReadOptions, "signal">): AsyncIterable<BlobInfo> {
    return this.#isKnown ? this.#blobs.list(prefix, options) : this.#lookAndList(prefix, options);
  }

  async *#lookAndList(prefix: string, options?: Pick<ReadOptions, "signal">): AsyncGenerator<BlobInfo, void, undefined> {
    await this.#toRead(options?.signal);
    yield* this.#blobs.list(prefix, options);
  }

  async *listFolders(prefix: string, options?: Pick<ReadOptions, "signal">): AsyncGenerator<string, void, undefined> {
    await this.#toRead(options?.signal);
    yield* this.#blobs.listFolders(prefix, options);
  }

  async *listVersions(prefix: string, options?: Pick<ReadOptions, "signal">): AsyncGenerator<BlobVersion, void, undefined> {
    await this.#toRead(options?.signal);
    yield* this.#blobs.listVersions(prefix, options);
  }

  async remove(key: string, options?: RemoveOptions): Promise<void> {
    await this.#toRead(options?.signal);
    return this.#blobs.remove(key, options);
  }

  async lockOf(key: string, options?: ReadOptions): Promise<BlobLock | undefined> {
    await this.#toRead(options?.signal);
    return this.#blobs.lockOf(key, options);
  }

  async extendLock(key: string, version: string | undefined, until: Date, options?: Pick<ReadOptions, "signal">): Promise<Date> {
    await this.#toRead(options?.signal);
    return this.#blobs.extendLock(key, version, until, options);
  }

  async *listUnfinished(options?: Pick<ReadOptions, "signal">): AsyncGenerator<UnfinishedPut, void, undefined> {
    await this.#toRead(options?.signal);
    yield* this.#blobs.listUnfinished(options);
  }

  async removeUnfinished(id: string): Promise<void> {
    await this.#toRead();
    return this.#blobs.removeUnfinished(id);
  }

  async removeAbandoned(): Promise<number> {
    await this.#toRead();
    return this.#blobs.removeAbandoned();
  }

  /** A failure is forgotten, and the next call looks anew: the disk may have come, or the signal was another's. */
  #toRead(signal?: AbortSignal): Promise<PlaceFacts> {
    this.#facts ??= this.#look(signal).then(
      (facts) => {
        this.#isKnown = true;
        return facts;
      },
      (error: unknown) => {
        this.#facts = undefined;
        throw error;
      },
    );
    return this.#facts;
  }

  async #look(signal: AbortSignal | undefined): Promise<PlaceFacts> {
    const facts = await lookAtPlace(this.#blobs, this.#guard, signal);
    const refusal = judgePlace(facts, this.#maker !== undefined);
    if (refusal !== undefined) throw refusal;
    const { marker, known } = facts;
    if (known === undefined && marker !== "absent" && !isLifeboatError(marker) && marker.doubt === undefined)
      await this.#remember(marker.store);
    return facts;
  }

  async #toWrite(signal: AbortSignal | undefined): Promise<void> {
    const { marker } = await this.#toRead(signal);
    if (marker !== "absent" || this.#maker === undefined) return;
    this.#marked ??= this.#mark(this.#maker, signal).catch((error: unknown) => {
      this.#marked = undefined;
      throw error;
    });
    return this.#marked;
  }

  async #mark(keys: KeyRing, signal: AbortSignal | undefined): Promise<void> {
    const store = randomBytes(16).toString("hex");
    const marker = await newMarker(keys, this.#guard.trusted, { store, createdAt: this.#guard.clock.now() });
    try {
      if (await markPlace(this.#blobs, marker, signal)) return await this.#remember(store);
    } catch (error) {
      // A role whose policy is older than markers backs up all the same; lifeboat doctor tells of it.
      if (isLifeboatError(error, "store/denied")) return;
      throw error;
    }
    if (marker === undefined) return;
    // Another run was faster: its marker is the one that is looked at.
    this.#facts = undefined;
    this.#isKnown = false;
    await this.#toRead(signal);
  }

  async #remember(store: string | undefined): Promise<void> {
    if (store !== undefined) await this.#guard.records?.remember(this.location, store, this.#guard.clock.now());
  }
}
