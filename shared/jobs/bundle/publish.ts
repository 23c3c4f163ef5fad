import type { Clock } from "../../clock.ts";
import { bundleKey, bundlesPrefix } from "../../documents/layout.ts";
import { idOfSlot } from "../../documents/slot.ts";
import type { StoredObject } from "../../documents/stored.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { BlobStore } from "../../store/blob-store.ts";
import { filesOfBundle } from "./files.ts";
import type { BundleFile } from "./files.ts";
import type { BundleFiles, BundleOutput } from "./make.ts";

/** A file of a published bundle, as it stands in the store. */
export interface PublishedFile {
  readonly name: string;
  readonly key: string;
  readonly version: string | undefined;
}

export interface PublishPorts {
  readonly blobs: BlobStore;
  readonly clock: Clock;
}

/** So many runs of one snapshot in one second are told apart. */
const MOST_IN_A_SECOND = 99;
/** 2 s to take back what was put: a run that was told to stop ends within five, and the custody log has three of them. */
const LAST_MS = 2000;

/** Puts the files of a bundle into the store, `bundles/<cluster>/<id>/<time>/`: each once, the key first, which claims the place, and the signatures last. The payload is there already. */
export class StoreOutput implements BundleOutput {
  readonly published = true;
  readonly #ports: PublishPorts;
  readonly #put: PublishedFile[] = [];

  constructor(ports: PublishPorts) {
    this.#ports = ports;
  }

  /** What was put. */
  get files(): readonly PublishedFile[] {
    return this.#put;
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  async freeTime({ cluster, id }: { readonly cluster: string; readonly id: string }, now: Date, signal: AbortSignal): Promise<string> {
    const taken = new Set<string>();
    const prefix = bundlesPrefix(cluster, id);
    for await (const folder of this.#ports.blobs.listFolders(`${prefix}${idOfSlot(now)}`, { signal }))
      taken.add(folder.slice(prefix.length, -1));
    for (let ordinal = 1; ordinal <= MOST_IN_A_SECOND; ordinal++) {
      const time = idOfSlot(now, ordinal);
      if (!taken.has(time)) return time;
    }
    throw inOneSecond(cluster, id);
  }

  /** Throws `busy` where another run took the same place in the same moment, and the errors of the store. What it put is taken away again, if it may; the error says what is left. */
  async write(files: BundleFiles, _payload: StoredObject, signal: AbortSignal, advance: (bytes: number) => void): Promise<void> {
    const { blobs } = this.#ports;
    const { cluster, id, time } = files;
    try {
      for (const { name, bytes } of filesOfBundle(files)) {
        const key = bundleKey(cluster, id, time, name);
        const { version } = await blobs.put(key, piecesOf(bytes, advance), { ifAbsent: true, signal });
        this.#put.push({ name, key, version });
      }
    } catch (error) {
      if (isLifeboatError(error, "store/exists") && this.#put.length === 0) throw inOneSecond(cluster, id, error);
      throw await this.#takeBack(error, `${bundlesPrefix(cluster, id)}${time}/`);
    }
  }

  /** The last one first: a signature goes before the tar that it is of. Never throws: gives the error, with what is left. */
  async #takeBack(error: unknown, folder: string): Promise<unknown> {
    const { blobs, clock } = this.#ports;
    const stop = new AbortController();
    const cancel = clock.after(LAST_MS, () => stop.abort());
    try {
      for (let last = this.#put.at(-1); last !== undefined; last = this.#put.at(-1)) {
        await blobs.remove(last.key, { version: last.version, signal: stop.signal });
        this.#put.pop();
      }
      return error;
    } catch (cause) {
      return isLifeboatError(error) ? withLeft(error, { count: this.#put.length, folder, location: blobs.location, cause }) : error;
    } finally {
      cancel();
    }
  }
}

interface Left {
  readonly count: number;
  readonly folder: string;
  readonly location: string;
  /** Why it could not be removed. */
  readonly cause: unknown;
}

function withLeft(error: LifeboatError, { count, folder, location, cause }: Left): LifeboatError {
  const why = isLifeboatError(cause, "store/locked")
    ? `locked${cause.lock?.until === undefined ? "" : ` until ${cause.lock.until.toISOString()}`}`
    : isLifeboatError(cause, "store/denied")
      ? "which this role may not remove"
      : "which could not be removed";
  const left = `${count} ${count === 1 ? "file is" : "files are"} left in ${folder} of ${location}, ${why}: do not use them; they go with the snapshot`;
  return new LifeboatError(error.code, error.message, { hint: error.hint === undefined ? left : `${error.hint}; ${left}`, cause: error });
}

function inOneSecond(cluster: string, id: string, cause?: unknown): LifeboatError {
  return new LifeboatError("busy", `another run publishes a bundle of ${cluster}/${id} in this very second`, {
    hint: "run the command again",
    cause,
  });
}

// oxlint-disable-next-line require-await -- an async iterable of what is in memory
async function* piecesOf(pieces: BundleFile["bytes"], advance: (bytes: number) => void): AsyncGenerator<Uint8Array, void, undefined> {
  for (const piece of pieces) {
    yield piece;
    advance(piece.length);
  }
}
