#!/usr/bin/env node
// `npm run setup`: all that a fresh clone needs, and nothing when it is there already. Runs before anything is installed, so it is
// plain JavaScript for Node 20 without dependencies. `--quiet` says nothing where there is nothing to do; `--exhaustive` also
// builds what only the exhaustive tests need.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { licencesAreMade, makeLicences } from "./setup/licences.mjs";
import { alone } from "./setup/lock.mjs";
import { installPackages, packagesAreInstalled } from "./setup/packages.mjs";
import { installedGo, missingPrerequisites } from "./setup/prerequisites.mjs";
import { buildPrograms, missingPrograms } from "./setup/programs.mjs";
import { installPython, missingPython, pythonIsInstalled } from "./setup/python.mjs";
import { stopOnSignals } from "./setup/run.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const say = (line) => process.stderr.write(`setup: ${line}\n`);

const wanted = { exhaustive: process.argv.includes("--exhaustive") };

async function setUp() {
  const go = await installedGo();
  const missing = await missingPrerequisites(root, go);
  if (missing.length === 0 && !(await pythonIsInstalled(root))) missing.push(...(await missingPython()));
  if (missing.length > 0) {
    for (const line of missing) say(line);
    return 2;
  }
  const isDone = async () =>
    (await packagesAreInstalled(root)) &&
    (await pythonIsInstalled(root)) &&
    (await missingPrograms(root, go, wanted)).length === 0 &&
    (await licencesAreMade(root, go));
  if (await isDone()) {
    if (!process.argv.includes("--quiet")) say("everything is in place");
    return 0;
  }
  await alone(join(root, "tools", ".cache"), say, async () => {
    if (!(await packagesAreInstalled(root))) await installPackages(root, say);
    if (!(await pythonIsInstalled(root))) await installPython(root, say);
    for (const module of await missingPrograms(root, go, wanted)) await buildPrograms(root, module, go, say);
    if (!(await licencesAreMade(root, go))) await makeLicences(root, go, say);
  });
  return 0;
}

stopOnSignals();
try {
  process.exitCode = await setUp();
} catch (error) {
  say(error.message);
  process.exitCode = 1;
}
