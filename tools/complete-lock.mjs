// `node tools/complete-lock.mjs`: names in package-lock.json every optional package that a locked package asks for. npm leaves out what the
// registry at hand does not offer (programs for other systems, usually), and then `npm ci` refuses the lock, here and elsewhere.
// What is added has an exact version but no integrity, which only a registry that has the package could tell.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { missingOptionals } from "./setup/lock-file.mjs";

const path = fileURLToPath(new URL("../package-lock.json", import.meta.url));
const lock = JSON.parse(await readFile(path, "utf8"));
const added = missingOptionals(lock);
const packages = Object.entries({ ...lock.packages, ...added }).toSorted(([a], [b]) => a.localeCompare(b, "en"));
await writeFile(path, `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, null, 2)}\n`);
process.stderr.write(`package-lock.json: ${Object.keys(added).length} optional packages added\n`);
