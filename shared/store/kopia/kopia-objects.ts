import { partsOfKopiaKey } from "../../documents/layout.ts";
import { LifeboatError } from "../../errors.ts";
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
} from "../blob-store.ts";
import { throwIfAborted } from "../body-reader.ts";
import { foreignPins, keyOf, removeSnapshot, tagsOf } from "./kopia-snapshots.ts";
import type { Kopia, KopiaSnapshot } from "./program/kopia.ts";

type Signalled = Pick<ReadOptions, "signal">;

/**
 * The store of manifests, in which the snapshots of a Kopia repository have their places among the objects: `clusters/<cluster>/data/<id>-<run>.kopia`, with Kopia's id as the version. So retention, orphans, the
 * custody log and `show` see and remove them as they do any data. Their bytes are not given here, since they would be in the clear: they are read by KopiaStore alone.
 */
export class KopiaObjects implements BlobStore {
  readonly location: string;
  readonly #manifests: BlobStore;
  readonly #open: () => Promise<Kopia>;

  constructor(manifests: BlobStore, open: () => Promise<Kopia>) {
    this.location = manifests.location;
    this.#manifests = manifests;
    this.#open = open;
  }

  async put(key: string, body: AsyncIterable<Uint8Array>, options?: PutOptions): Promise<PutReceipt> {
    if (partsOfKopiaKey(key) === undefined) return this.#manifests.put(key, body, options);
    await body[Symbol.asyncIterator]().return?.();
    throw noObject(key);
  }

  get(key: string, options?: ReadOptions & { readonly range?: ByteRange }): AsyncIterable<Uint8Array> {
    if (partsOfKopiaKey(key) !== undefined) throw noObject(key);
    return this.#manifests.get(key, options);
  }

  async head(key: string, options?: ReadOptions): Promise<BlobInfo | undefined> {
    if (partsOfKopiaKey(key) === undefined) return this.#manifests.head(key, options);
    const found = await this.#find(key, options);
    return found === undefined ? undefined : infoOf(key, found);
  }

  async checksum(key: string, options?: ReadOptions): Promise<number> {
    if (partsOfKopiaKey(key) !== undefined) throw noObject(key);
    return this.#manifests.checksum(key, options);
  }

  async presign(key: string, options: PresignOptions): Promise<PresignedUrl | undefined> {
    return partsOfKopiaKey(key) === undefined ? this.#manifests.presign(key, options) : undefined;
  }

  async *list(prefix: string, options?: Signalled): AsyncGenerator<BlobInfo, void, undefined> {
    yield* merged(this.#manifests.list(prefix, options), (await this.#versions(prefix, options)).filter(isLatest));
  }

  /** Without a cluster of which a first backup ended before its manifest. */
  listFolders(prefix: string, options?: Signalled): AsyncIterable<string> {
    return this.#manifests.listFolders(prefix, options);
  }

  async *listVersions(prefix: string, options?: Signalled): AsyncGenerator<BlobVersion, void, undefined> {
    yield* merged(this.#manifests.listVersions(prefix, options), await this.#versions(prefix, options));
  }

  async remove(key: string, options: RemoveOptions = {}): Promise<void> {
    if (partsOfKopiaKey(key) === undefined) return this.#manifests.remove(key, options);
    const kopia = await this.#open();
    for (const each of await this.#all(key, options))
      if (options.version === undefined || each.id === options.version) await removeSnapshot(kopia, each);
  }

  async lockOf(key: string, options?: ReadOptions): Promise<BlobLock | undefined> {
    if (partsOfKopiaKey(key) === undefined) return this.#manifests.lockOf(key, options);
    const found = await this.#find(key, options);
    return found === undefined || foreignPins(found).length === 0 ? undefined : { until: undefined, legalHold: true };
  }

  async extendLock(key: string, version: string | undefined, until: Date, options?: Signalled): Promise<Date> {
    if (partsOfKopiaKey(key) === undefined) return this.#manifests.extendLock(key, version, until, options);
    throw new LifeboatError("store/no-locks", `${key} is in a Kopia repository, whose maintenance extends its locks`, {
      hint: "lifeboat kopia maintain extends them where the repository was made in a locked bucket",
    });
  }

  listUnfinished(options?: Signalled): AsyncIterable<UnfinishedPut> {
    return this.#manifests.listUnfinished(options);
  }

  removeUnfinished(id: string): Promise<void> {
    return this.#manifests.removeUnfinished(id);
  }

  removeAbandoned(): Promise<number> {
    return this.#manifests.removeAbandoned();
  }

  async #find(key: string, options: ReadOptions = {}): Promise<KopiaSnapshot | undefined> {
    const all = await this.#all(key, options);
    return options.version === undefined ? all[0] : all.find(({ id }) => id === options.version);
  }

  /** Of one name, the newest first: one, unless somebody made a second with the same tags. */
  async #all(key: string, { signal }: Signalled): Promise<readonly KopiaSnapshot[]> {
    const parts = partsOfKopiaKey(key);
    if (parts === undefined) return [];
    throwIfAborted(`looking for ${key}`, signal);
    return (await (await this.#open()).list(tagsOf(parts))).toReversed();
  }

  /** In the order of their names, and of one name the newest first. Kopia is asked only where one could be below `prefix`. */
  async #versions(prefix: string, options: Signalled = {}): Promise<readonly BlobVersion[]> {
    const cluster = clusterOf(prefix);
    if (cluster === undefined) return [];
    throwIfAborted(`listing ${prefix}`, options.signal);
    const snapshots = await (await this.#open()).list(cluster === "" ? {} : { cluster });
    const versions: BlobVersion[] = [];
    const seen = new Set<string>();
    for (const each of snapshots.toReversed()) {
      const key = keyOf(each);
      if (key?.startsWith(prefix) !== true || partsOfKopiaKey(key) === undefined) continue;
      versions.push({ ...infoOf(key, each), isLatest: !seen.has(key), isDeleteMarker: false });
      seen.add(key);
    }
    return versions.toSorted((one, other) => (one.key < other.key ? -1 : Number(one.key > other.key)));
  }
}

/** The cluster of a prefix below which data may be; empty for all of them, undefined for none. */
function clusterOf(prefix: string): string | undefined {
  const [clusters = "", cluster, folder] = prefix.split("/");
  if (cluster === undefined) return "clusters".startsWith(clusters) ? "" : undefined;
  if (clusters !== "clusters") return undefined;
  if (folder === undefined) return "";
  const isData = prefix.split("/").length === 3 ? "data".startsWith(folder) : folder === "data";
  return isData ? cluster : undefined;
}

function infoOf(key: string, { id, bytes, endTime }: KopiaSnapshot): BlobInfo & { readonly version: string } {
  return { key, bytes, modified: endTime, version: id };
}

function isLatest(version: BlobVersion): boolean {
  return version.isLatest;
}

/** Both in ascending order: keys are ASCII. */
async function* merged<T extends { readonly key: string }>(
  objects: AsyncIterable<T>,
  snapshots: readonly T[],
): AsyncGenerator<T, void, undefined> {
  let next = 0;
  for await (const object of objects) {
    for (let each = snapshots[next]; each !== undefined && each.key < object.key; each = snapshots[++next]) yield each;
    yield object;
  }
  yield* snapshots.slice(next);
}

function noObject(key: string): LifeboatError {
  return new LifeboatError(
    "config/invalid",
    `${key} is a snapshot in a Kopia repository, and no object that could be read or written as such`,
    {
      hint: "lifeboat export gives its content",
    },
  );
}
