import { readdir } from "node:fs/promises";
import { LifeboatError, messageOf } from "../../errors.ts";
import { errnoOf, makeFolders } from "../../folders.ts";
import { FORMAT_BLOB } from "./kopia-mirror.ts";

/** What a new disk has, and what Kopia writes before the format. */
const HARMLESS = new Set(["lost+found", ".shards"]);

/** Makes the folder that a repository is first copied to. `store/other` where there is something that is no Kopia repository: its blobs would lie among it. */
export async function prepareFolder(path: string): Promise<void> {
  try {
    await makeFolders(path);
    const names = (await readdir(path)).filter((name) => !HARMLESS.has(name));
    if (names.length > 0 && !names.some((name) => name.startsWith(`${FORMAT_BLOB}.`))) throw somethingElse(path);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    const code = errnoOf(error) === "EACCES" || errnoOf(error) === "EPERM" || errnoOf(error) === "EROFS" ? "store/denied" : "store/failed";
    throw new LifeboatError(code, `cannot make the folder ${path} for a replica: ${messageOf(error)}`, {
      hint: "check the replica's repository in the configuration, and who may write there",
      cause: error,
    });
  }
}

export function somethingElse(location: string): LifeboatError {
  return new LifeboatError("store/other", `there is something else in ${location}, and no Kopia repository`, {
    hint: "name an empty place under the replica's repository",
  });
}
