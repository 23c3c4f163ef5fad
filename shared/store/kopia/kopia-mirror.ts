import type { Stored } from "../../documents/stored.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { RepositoryMirror } from "../replica.ts";
import { keyOf } from "./kopia-snapshots.ts";
import { kopiaOnly, requireListed } from "./listed-snapshot.ts";
import type { Kopia, KopiaRepository } from "./program/kopia.ts";

export interface KopiaMirrorOptions {
  /** The store's own repository. */
  readonly store: () => Promise<Kopia>;
  /** The copy, which has the same password. */
  readonly copy: () => Promise<Kopia>;
  readonly at: () => Promise<KopiaRepository>;
  /** Makes the place of the first copy ready: `store/other` where something else is there. */
  readonly prepare: () => Promise<void>;
}

/** The name under which Kopia keeps a repository's format, and in a folder how the file is called. */
export const FORMAT_BLOB = "kopia.repository";

/** A copy of a Kopia repository by `kopia repository sync-to`: the same blobs, and so the same ids and the same password. */
export class KopiaMirror implements RepositoryMirror {
  readonly #options: KopiaMirrorOptions;

  constructor(options: KopiaMirrorOptions) {
    this.#options = options;
  }

  async list(): Promise<{ readonly inStore: ReadonlySet<string>; readonly here: ReadonlySet<string> }> {
    const [inStore, here] = await Promise.all([keysIn(await this.#options.store()), keysIn(await this.#options.copy())]);
    return { inStore, here };
  }

  async copy({ mustExist }: { readonly mustExist: boolean }, signal?: AbortSignal): Promise<void> {
    const { store, at, prepare } = this.#options;
    if (!mustExist) await prepare();
    await (await store()).syncTo(await at(), { mustExist }, signal);
  }

  async check(stored: Stored, signal?: AbortSignal): Promise<void> {
    const { copy, at } = this.#options;
    const kopia = await copy();
    try {
      const { id } = await requireListed(kopia, kopiaOnly(stored));
      // A folder vouches for nothing. What a bucket took came with its digest.
      await kopia.verify([id], (await at()).kind === "filesystem" ? "every byte" : "no file", signal);
    } catch (error) {
      throw isLifeboatError(error, "verify/") ? damagedCopy(error) : error;
    }
  }
}

async function keysIn(kopia: Kopia): Promise<ReadonlySet<string>> {
  return new Set((await kopia.list({})).map(keyOf).filter((key) => key !== undefined));
}

/** Kopia copies no blob that is there, whatever is in it. */
function damagedCopy(error: LifeboatError): LifeboatError {
  return new LifeboatError(error.code, `the copy does not hold: ${error.message}`, {
    hint: "lifeboat verify --deep says whether the store itself holds; if it does, remove from the replica's storage the blob that is named, or all of it where none is, and copy again",
    cause: error,
  });
}
