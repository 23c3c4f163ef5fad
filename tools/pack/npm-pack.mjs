import { join } from "node:path";
import { npmEnvironment } from "../setup/packages.mjs";
import { run } from "../setup/run.mjs";

/** Packs `folder` into a tarball in `out`: `{ name, version, tarball }`. */
export async function npmPack(folder, out) {
  const answer = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", out], {
    cwd: folder,
    env: npmEnvironment(process.env),
  });
  // npm 11 and later may answer by name in place of a list.
  const [{ name, version, filename }] = Object.values(JSON.parse(answer));
  return { name, version, tarball: join(out, filename) };
}
