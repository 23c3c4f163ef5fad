import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, mkdir, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { forgetProcess, guardProcess } from "../../tools/lab/guard.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { until } from "../../tools/lab/until.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

interface SmallCheckout {
  /** The only folder on PATH. */
  readonly bin: string;
  /** Each call of npm, go and what makes the Python environment: the name and the argument that tells which. */
  readonly calls: () => Promise<readonly string[]>;
  readonly setUp: (...args: readonly string[]) => Promise<Ended>;
}

/** How the licences of what was built are gathered. */
const LICENCES = ["go version", "go mod", "go env"];

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

/**
 * A checkout that needs no network: our set-up, a lock file without packages, and one Go module; on its PATH are a Node, and stand-ins for npm and go
 * that write down how they were called and put a file where the real ones would.
 */
async function smallCheckout(root: string): Promise<SmallCheckout> {
  const bin = join(root, "path");
  const log = join(root, "calls");
  await mkdir(bin);
  await mkdir(join(root, "tools/go/age"), { recursive: true });
  await cp(join(ROOT, "tools/setup"), join(root, "tools/setup"), { recursive: true });
  await cp(join(ROOT, "tools/setup.mjs"), join(root, "tools/setup.mjs"));
  await writeFile(join(root, "package.json"), "{}");
  await writeFile(join(root, "package-lock.json"), JSON.stringify({ lockfileVersion: 3, packages: { "": {} } }));
  await writeFile(
    join(root, "tools/go/age/go.mod"),
    "module m\n\ngo 1.25.0\n\ntool example.com/x/cmd/x\n\nrequire example.com/x v1.2.3 // indirect\n",
  );
  await writeFile(join(root, "tools/go/age/go.sum"), "");
  await writeFile(log, "");
  await mkdir(join(root, "goroot"));
  await writeFile(join(root, "goroot/LICENSE"), "Use it.\n");
  await writeFile(join(root, "LICENSE"), "Use it well.\n");
  const program = async (name: string, body: string): Promise<void> => {
    await writeFile(join(bin, name), `#!/bin/sh\necho "${name} $1" >> '${log}'\n${body}\n`);
    await chmod(join(bin, name), 0o755);
  };
  await program("npm", `mkdir -p node_modules/.bin && ln -sf '${process.execPath}' node_modules/.bin/node`);
  await program(
    "go",
    `case "$1 $2" in
  "env GOROOT") echo '${root}/goroot' ;;
  "env -json") echo '{"GOVERSION":"go1.26.8","GOTOOLCHAIN":"local"}' ;;
  "version -m") printf 'x: go1.26.8\\n\\tpath\\texample.com/x/cmd/x\\n\\tmod\\texample.com/x\\tv1.2.3\\n' ;;
  "mod download") echo '{"Path":"example.com/x","Version":"v1.2.3","Dir":"${root}/goroot"}' ;;
  *) while [ "$1" != -o ]; do shift; done; echo built > "$2" ;; esac`,
  );
  // `python3 -m venv FOLDER` puts a stand-in there that takes every call of pip.
  await mkdir(join(root, "tools/python"), { recursive: true });
  await writeFile(join(root, "tools/python/requirements.txt"), "x==1.2.3\n");
  await program(
    "python3",
    `case $1 in -c) echo 3 10 ;; *) mkdir -p "$3/bin" && printf '#!/bin/sh\\necho "pip $5" >> %s\\n' '${log}' > "$3/bin/python3" && chmod 755 "$3/bin/python3" ;; esac`,
  );
  await program("git", "");
  for (const name of ["mkdir", "ln", "sh", "sleep", "chmod"]) await symlink(await which(name), join(bin, name));
  return {
    bin,
    calls: async () => (await readFile(log, "utf8")).trim().split("\n"),
    setUp: (...args) => end(start(root, bin, args)),
  };
}

async function which(name: string): Promise<string> {
  return (await promisify(execFile)("sh", ["-c", `command -v ${name}`])).stdout.trim();
}

function start(root: string, bin: string, args: readonly string[] = []) {
  const child = spawn(process.execPath, [join(root, "tools/setup.mjs"), ...args], {
    cwd: "/",
    env: { PATH: bin },
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  const pid = child.pid;
  if (pid === undefined) throw new Error("set-up has no pid");
  guardProcess(pid);
  child.once("exit", () => forgetProcess(pid));
  return child;
}

async function end(child: ReturnType<typeof start>): Promise<Ended> {
  const [stderr] = await Promise.all([text(child.stderr), once(child, "close")]);
  return { code: child.exitCode, stderr };
}

describe("npm run setup", () => {
  test("installs and builds once, and again only what changed", async () => {
    await using folder = await temporaryFolder();
    const { setUp, calls } = await smallCheckout(folder.path);
    const first = await setUp();
    expect(first.stderr.replaceAll(/\d+ s\n/g, "N s\n")).toBe(
      [
        "setup: installing npm packages (npm ci)",
        "setup: installed npm packages in N s",
        "setup: installing Python packages (pip install) for the tests of AWS",
        "setup: installed Python packages in N s",
        "setup: building age 1.2.3 (x) from source, a minute or so the first time",
        "setup: built age 1.2.3 in N s\n",
      ].join("\n"),
    );
    expect(first.code).toBe(0);
    expect(await calls()).toEqual(["go env", "python3 -c", "npm ci", "python3 -m", "pip install", "pip check", "go build", ...LICENCES]);
    expect(await readFile(join(folder.path, "tools/bin/x"), "utf8")).toBe("built\n");
    const licences = await readFile(join(folder.path, "tools/bin/THIRD-PARTY-LICENSES.txt"), "utf8");
    expect(licences).toMatch(/^=+\nexample\.com\/x v1\.2\.3\nthe Go standard library\n=+\n\nUse it\.\n$/m);
    expect(licences).toMatch(/^=+\netcd-lifeboat\n=+\n\nUse it well\.\n$/m);
    expect(await readdir(join(folder.path, "tools/.cache"))).toEqual([]);

    expect(await setUp()).toEqual({ code: 0, stderr: "setup: everything is in place\n" });
    await writeFile(join(folder.path, "tools/go/age/go.sum"), "another sum");
    await setUp();
    await rm(join(folder.path, "tools/bin/x"));
    await setUp();
    await writeFile(
      join(folder.path, "package-lock.json"),
      JSON.stringify({ lockfileVersion: 3, packages: { "": {}, "node_modules/y": { version: "1.0.0" } } }),
    );
    await setUp();
    expect((await calls()).slice(10)).toEqual(["go env", "go env", "go build", ...LICENCES, "go env", "go build", "go env", "npm ci"]);
    await writeFile(join(folder.path, "tools/python/requirements.txt"), "x==1.2.4\n");
    await setUp();
    expect((await calls()).slice(20)).toEqual(["go env", "python3 -c", "python3 -m", "pip install", "pip check"]);
    expect((await setUp()).stderr).toBe("setup: everything is in place\n");
  });

  test("builds what only the exhaustive tests need where it is asked to, and once", async () => {
    await using folder = await temporaryFolder();
    const { setUp, calls } = await smallCheckout(folder.path);
    const module = join(folder.path, "tools/go/kube-apiserver");
    await mkdir(module);
    await writeFile(
      join(module, "go.mod"),
      "module m\n\ngo 1.25.0\n\ntool example.com/k/cmd/k\n\nrequire example.com/k v1.2.3 // indirect\n",
    );
    await writeFile(join(module, "go.sum"), "");
    await setUp();
    expect(await readdir(join(folder.path, "tools/bin"))).not.toContain("k");
    expect((await setUp("--quiet", "--exhaustive")).stderr).toMatch(
      /^setup: building kube-apiserver 1\.2\.3 \(k\) from source, some minutes the first time\nsetup: built kube-apiserver 1\.2\.3 in \d+ s\n$/,
    );
    expect(await readFile(join(folder.path, "tools/bin/k"), "utf8")).toBe("built\n");
    expect((await calls()).slice(-2)).toEqual(["go env", "go build"]);
    expect(await setUp("--quiet", "--exhaustive")).toEqual({ code: 0, stderr: "" });
    expect(await setUp()).toEqual({ code: 0, stderr: "setup: everything is in place\n" });
  });

  test("takes packages that somebody installed by hand for what they are", async () => {
    await using folder = await temporaryFolder();
    const { setUp, calls } = await smallCheckout(folder.path);
    await setUp();
    await rm(join(folder.path, "node_modules/.lifeboat-stamp"));
    await writeFile(join(folder.path, "node_modules/.package-lock.json"), JSON.stringify({ packages: {} }));
    expect((await setUp()).stderr).toBe("setup: everything is in place\n");
    expect((await calls()).filter((call) => call === "npm ci")).toHaveLength(1);
  });

  test("names each thing that is missing and how to get it, and does nothing", async () => {
    await using folder = await temporaryFolder();
    const { setUp, bin } = await smallCheckout(folder.path);
    for (const name of ["go", "python3", "npm"]) await rm(join(bin, name));
    expect(await setUp()).toEqual({
      code: 2,
      stderr: [
        "setup: npm is missing: it comes with Node.js from nodejs.org, or as your system's package npm",
        "setup: go is missing: install Go 1.25.0 or later from go.dev/dl or by your package manager",
        "setup: python3 is missing: install Python 3 from python.org or as your system's package python3\n",
      ].join("\n"),
    });
    expect(await readdir(folder.path)).not.toContain("node_modules");
  });

  test.each([
    ["1.24.9", "local", 2],
    ["1.24.9", "auto", 0],
    ["1.20.1", "auto", 2],
    ["1.25.0-custom", "local", 0],
  ])("with Go %s and GOTOOLCHAIN=%s ends with %i", async (version, toolchain, code) => {
    await using folder = await temporaryFolder();
    const { setUp, bin } = await smallCheckout(folder.path);
    const real = await readFile(join(bin, "go"), "utf8");
    await writeFile(join(bin, "go"), real.replace("go1.26.8", `go${version}`).replace('"local"', `"${toolchain}"`));
    const ended = await setUp();
    expect(ended.code).toBe(code);
    if (code === 2)
      expect(ended.stderr).toMatch(
        /^setup: Go 1\.25\.0 or later is missing \(go on PATH is 1\.2\d\.\d\): install it from go\.dev\/dl, or set GOTOOLCHAIN=auto/,
      );
  });

  test.each([
    ["3 9", "setup: Python 3.10 or later is missing (python3 on PATH is 3.9): install it from python.org\n"],
    [
      "3 11\nno venv",
      "setup: python3 on PATH has no module venv or ensurepip: install your system's package python3-venv, or Python from python.org\n",
    ],
  ])("with a Python that answers %j says what is missing, and does nothing", async (answer, said) => {
    await using folder = await temporaryFolder();
    const { setUp, bin } = await smallCheckout(folder.path);
    await writeFile(join(bin, "python3"), `#!/bin/sh\necho '${answer}'\n`);
    expect(await setUp()).toEqual({ code: 2, stderr: said });
    expect(await readdir(folder.path)).not.toContain("node_modules");
  });

  test("says why a build failed without naming servers, and leaves nothing half done", async () => {
    await using folder = await temporaryFolder();
    const { setUp, bin } = await smallCheckout(folder.path);
    await setUp();
    await writeFile(join(folder.path, "tools/go/age/go.sum"), "another sum");
    const real = await readFile(join(bin, "go"), "utf8");
    const failure = `echo 'go: example.com/x@v1.2.3: Get "https://mirror.example.net/x/@v/list": dial tcp: lookup mirror.example.net on 10.1.2.3:53: no such host' >&2; exit 1`;
    await writeFile(join(bin, "go"), real.replace("*)", `*) ${failure};`));
    const { code, stderr } = await setUp();
    expect(code).toBe(1);
    expect(stderr).toContain(
      'setup: go build ended with 1\n  go: example.com/x@v1.2.3: Get "(address)": dial tcp: lookup (host) on (address): no such host\n',
    );
    expect(stderr).not.toMatch(/mirror|10\.1\.2\.3/);
    expect(await readFile(join(folder.path, "tools/bin/x"), "utf8")).toBe("built\n");
    expect(await readdir(join(folder.path, "tools/.cache"))).toEqual([]);
    await writeFile(join(bin, "go"), real);
    expect((await setUp()).stderr).toMatch(/^setup: building age 1\.2\.3/);
  });

  test("goes on without the licences where they cannot be had, and gathers them the next time", async () => {
    await using folder = await temporaryFolder();
    const { setUp, bin } = await smallCheckout(folder.path);
    const real = await readFile(join(bin, "go"), "utf8");
    await writeFile(join(bin, "go"), real.replace('"mod download")', '"mod download") echo no space left >&2; exit 1;'));
    const { code, stderr } = await setUp();
    expect(code).toBe(0);
    expect(stderr).toContain(
      "setup: the licences of the programs in tools/bin could not be gathered: go mod ended with 1\n  no space left\n",
    );
    expect(await readdir(join(folder.path, "tools/bin"))).toEqual([".stamps", "x"]);
    await writeFile(join(bin, "go"), real);
    expect(await setUp()).toEqual({ code: 0, stderr: "" });
    expect(await readdir(join(folder.path, "tools/bin"))).toContain("THIRD-PARTY-LICENSES.txt");
  });

  test("run twice at once does the work once", async () => {
    await using folder = await temporaryFolder();
    const { bin, calls } = await smallCheckout(folder.path);
    const real = await readFile(join(bin, "npm"), "utf8");
    await writeFile(join(bin, "npm"), `${real}\nwhile [ ! -e '${folder.path}/go-on' ]; do sleep 0.02; done\n`);
    const first = start(folder.path, bin);
    const firstEnd = end(first);
    await until("npm running", 10_000, async () => (await calls()).includes("npm ci"));
    const second = start(folder.path, bin);
    second.stderr.once("data", () => void writeFile(join(folder.path, "go-on"), ""));
    const [one, two] = await Promise.all([firstEnd, end(second)]);
    expect([one.code, two.code]).toEqual([0, 0]);
    expect(two.stderr).toBe("setup: another set-up of this checkout is running: waiting for it\n");
    expect((await calls()).filter((call) => !call.endsWith(" env") && call !== "python3 -c").toSorted()).toEqual([
      "go build",
      "go mod",
      "go version",
      "npm ci",
      "pip check",
      "pip install",
      "python3 -m",
    ]);
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("at %s stops what it started and ends with %i; the next run takes over", async (signal, code) => {
    await using folder = await temporaryFolder();
    const { bin, calls, setUp } = await smallCheckout(folder.path);
    const real = await readFile(join(bin, "go"), "utf8");
    const pidFile = join(folder.path, "pid");
    await writeFile(join(bin, "go"), real.replace("*)", `*) sleep 600 & echo $! > '${pidFile}'; wait;`));
    const child = start(folder.path, bin);
    const ended = end(child);
    const pid = await until("go running", 10_000, async () => Number(await readFile(pidFile, "utf8").catch(() => "")) || undefined);
    child.kill(signal);
    expect((await ended).code).toBe(code);
    await until("its child gone", 5000, () => !isAlive(pid));
    await writeFile(join(bin, "go"), real);
    expect((await setUp()).code).toBe(0);
    expect((await calls()).filter((call) => call === "npm ci")).toHaveLength(1);
    expect(await readdir(join(folder.path, "tools/.cache"))).toEqual([]);
  });

  test("takes over from one that was killed by SIGKILL", async () => {
    await using folder = await temporaryFolder();
    const { bin, setUp } = await smallCheckout(folder.path);
    const real = await readFile(join(bin, "go"), "utf8");
    const pidFile = join(folder.path, "pid");
    await writeFile(
      join(bin, "go"),
      real.replace("*)", () => `*) echo $$ > '${pidFile}'; exec sleep 600;`),
    );
    const child = start(folder.path, bin);
    const ended = end(child);
    const orphan = await until("go running", 10_000, async () => Number(await readFile(pidFile, "utf8").catch(() => "")) || undefined);
    expect(await readdir(join(folder.path, "tools/.cache"))).toContain("setup.lock");
    child.kill("SIGKILL");
    // Nobody is left to end its child.
    process.kill(orphan, "SIGKILL");
    await ended;
    await writeFile(join(bin, "go"), real);
    expect((await setUp()).code).toBe(0);
    expect(await readFile(join(folder.path, "tools/bin/x"), "utf8")).toBe("built\n");
    expect(await readdir(join(folder.path, "tools/.cache"))).toEqual([]);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
