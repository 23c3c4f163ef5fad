import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readlink, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DirectoryBlobStore } from "../../../shared/store/directory/directory-store.ts";
import type { StoreUnderTest } from "../../contract/blob-store.ts";

export interface DirectoryUnderTest extends StoreUnderTest {
  readonly store: DirectoryBlobStore;
  /** The folder that holds the store's root, for things beside it. */
  readonly above: string;
  readonly root: string;
}

/** A directory store in a fresh folder, its root not made yet. */
export async function directoryUnderTest(): Promise<DirectoryUnderTest> {
  const above = await mkdtemp(join(tmpdir(), "lifeboat-store-"));
  const root = join(above, "not", "yet", "vault");
  return {
    store: new DirectoryBlobStore(root, (bytes) => randomBytes(bytes)),
    above,
    root,
    aheadBytes: 0,
    unheardBytes: 1,
    async written() {
      const names = await incoming(root);
      const sizes = await Promise.all(names.map(async (name) => (await stat(join(root, ".lifeboat", "incoming", name))).size));
      return sizes.reduce((sum, size) => sum + size, 0);
    },
    openReads: () => openFilesBelow(above),
    close: () => rm(above, { recursive: true, force: true }),
  };
}

/** Names of unfinished puts. */
export async function incoming(root: string): Promise<readonly string[]> {
  try {
    return await readdir(join(root, ".lifeboat", "incoming"));
  } catch {
    return [];
  }
}

/** How many file descriptors of this process are open on something below `folder` (Linux). */
async function openFilesBelow(folder: string): Promise<number> {
  const targets = await Promise.all((await readdir("/proc/self/fd")).map((fd) => readlink(join("/proc/self/fd", fd)).catch(() => "")));
  return targets.filter((target) => target.startsWith(`${folder}/`)).length;
}
