import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleCommand } from "../tools/pack/command.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Bundles this checkout's lifeboat into `folder`, as a package would have it, and gives the path of its program. */
export async function buildLifeboat(folder: string): Promise<string> {
  const command = join(folder, "dist", "cli");
  await bundleCommand(ROOT, command);
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  // Of native code alone.
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
  // restore.sh and the programs, which a bundle takes in.
  for (const name of ["node", "tools"]) await symlink(join(ROOT, name), join(folder, name));
  return join(command, "main.js");
}
