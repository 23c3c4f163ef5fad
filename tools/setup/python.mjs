import { createHash } from "node:crypto";
import { mkdir, readFile, realpath, rename, rm, writeFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { run } from "./run.mjs";

/** What the packages in tools/python/requirements.txt ask for. */
const PYTHON = [3, 10];

const requirementsFile = (root) => join(root, "tools", "python", "requirements.txt");
const environmentFolder = (root) => join(root, "tools", ".venv");

/** Whether tools/.venv holds what tools/python/requirements.txt pins, on a Python that is still there. Starts no program. */
export async function pythonIsInstalled(root) {
  const folder = environmentFolder(root);
  try {
    return (await readFile(join(folder, "lifeboat-stamp"), "utf8")) === (await stampOf(root, folder));
  } catch {
    return false;
  }
}

/** One line where the python3 on PATH cannot make tools/.venv, which says how to get one that can; else none. */
export async function missingPython() {
  const question = "import sys; print(*sys.version_info[:2])\ntry:\n import venv, ensurepip\nexcept ImportError: print('no venv')";
  const [version = "", venv] = (await run("python3", ["-c", question], { cwd: "/", env: process.env })).split("\n");
  const [major = 0, minor = 0] = version.split(" ").map(Number);
  if (major < PYTHON[0] || (major === PYTHON[0] && minor < PYTHON[1])) {
    return [`Python ${PYTHON.join(".")} or later is missing (python3 on PATH is ${major}.${minor}): install it from python.org`];
  }
  return venv === "no venv"
    ? [`python3 on PATH has no module venv or ensurepip: install your system's package python3-venv, or Python from python.org`]
    : [];
}

/** Makes the environment aside and renames it into place; the caller holds the lock. */
export async function installPython(root, say) {
  const aside = join(root, "tools", ".cache", `build-${process.pid}`);
  const folder = environmentFolder(root);
  say("installing Python packages (pip install) for the tests of AWS");
  const start = Date.now();
  try {
    await mkdir(aside, { recursive: true });
    const made = join(aside, "venv");
    const python = join(made, "bin", "python3");
    const env = pythonEnvironment(process.env);
    await run("python3", ["-m", "venv", made], { cwd: aside, env });
    const pip = (...args) => run(python, ["-m", "pip", "--disable-pip-version-check", "--no-input", ...args], { cwd: aside, env });
    await pip("install", "--quiet", "--no-deps", "--requirement", requirementsFile(root));
    await pip("check");
    await writeFile(join(made, "lifeboat-stamp"), await stampOf(root, made));
    await rm(folder, { recursive: true, force: true });
    await rename(made, folder);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  say(`installed Python packages in ${Math.round((Date.now() - start) / 1000)} s`);
}

/** Of the requirements, and of the system's Python that the environment's leads to: another one has another library. */
async function stampOf(root, environment) {
  const python = await realpath(join(environment, "bin", "python3"));
  const own = await realpath(environment);
  const parts = [await readFile(requirementsFile(root), "utf8"), python.startsWith(`${own}${sep}`) ? "its own" : python];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** The caller's environment without what would take other modules in, or install elsewhere; where packages come from stays. */
function pythonEnvironment(environment) {
  const dropped =
    /^(PYTHON(HOME|PATH|USERBASE|NOUSERSITE)|VIRTUAL_ENV|PIP_(TARGET|PREFIX|ROOT|USER|REQUIREMENT|CONSTRAINT|NO_DEPS|REQUIRE_VIRTUALENV))$/;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !dropped.test(name)));
}
