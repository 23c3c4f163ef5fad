import { findPlace } from "./places.ts";
import type { HeldFolder } from "./held-folder.ts";

interface Held {
  readonly folder: Promise<HeldFolder | undefined>;
  users: number;
}

/**
 * Folders that are held for as long as somebody uses them: of reads side by side, such as those of ten thousand manifests, each would otherwise open every folder on the way for itself, which takes longer than the
 * read. What one that joins sees is the folder as it was when the first came.
 */
export class SharedFolders {
  readonly #root: string;
  readonly #held = new Map<string, Held>();

  constructor(root: string) {
    this.#root = root;
  }

  /** What `work` gives for the folder `segments` below the root, which is undefined where there is none. It is let go when `work` is done. */
  async use<T>(segments: readonly string[], work: (folder: HeldFolder | undefined) => Promise<T>): Promise<T> {
    const name = segments.join("/");
    const held = this.#held.get(name) ?? { folder: findPlace(this.#root, segments), users: 0 };
    held.users += 1;
    this.#held.set(name, held);
    try {
      return await work(await held.folder);
    } finally {
      held.users -= 1;
      if (held.users === 0) {
        this.#held.delete(name);
        await held.folder.then(
          (folder) => folder?.[Symbol.asyncDispose](),
          // `work` never began, and the caller has the error.
          () => undefined,
        );
      }
    }
  }
}
