import { lstat, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isDead, MARK, markInName } from "../../../process-mark.ts";

/** The folders in which kopia runs, each with the mark of its process in its name. */

const PREFIX = "lifeboat-kopia-";
const NAME = new RegExp(`^${PREFIX}(${MARK.source})-\\w{6}$`);

/** A new one in `parent`, for this user alone. Removes what processes left there that were killed: no secret, but one folder each. */
export async function makePrivateFolder(parent: string): Promise<string> {
  await removeLeftovers(parent);
  // mkdtemp gives it mode 0700.
  return mkdtemp(join(parent, `${PREFIX}${await markInName()}-`));
}

/** Those of this user whose process is known to run no more. What cannot be looked at or removed stays. */
async function removeLeftovers(parent: string): Promise<void> {
  const names = await readdir(parent).catch(() => []);
  for (const name of names) {
    const mark = NAME.exec(name)?.[1];
    if (mark === undefined) continue;
    const path = join(parent, name);
    try {
      const stats = await lstat(path);
      if (stats.isDirectory() && stats.uid === process.getuid?.() && (await isDead(mark)) === true) await rm(path, { recursive: true });
    } catch {
      // Another run of ours was faster.
    }
  }
}
