import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, symlink, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BundleArchitecture, BundleProgramSet, ToolsMinor } from "../../../shared/host/bundle-programs.ts";
import { InstalledBundlePrograms } from "../../../shared/host/programs/installed-bundle-programs.ts";
import type { BundlePlaces } from "../../../shared/host/programs/installed-bundle-programs.ts";
import { LifeboatError } from "../../../shared/errors.ts";
import { systemClock } from "../../../shared/system-clock.ts";
import { requireEtcd } from "../../../tools/lab/etcd-programs.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { requireProgram } from "../../support/programs.ts";

/** The programs that set-up built, in folders laid out as people have them. */

const HERE: BundleArchitecture = process.arch === "arm64" ? "arm64" : "amd64";
const THERE: BundleArchitecture = HERE === "arm64" ? "amd64" : "arm64";
const NAMES = ["age", "etcdctl", "etcdutl", "unzstd"];

let folder: TemporaryFolder;
/** All four, flat, of etcd 3.6. */
let all: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  all = await place({
    age: age(),
    etcdctl: requireEtcd("3.6").etcdctl,
    etcdutl: requireEtcd("3.6").etcdutl,
    unzstd: requireProgram("unzstd"),
  });
});
afterAll(() => folder.remove());

const age = (): string => requireProgram("age");

let folders = 0;
/** A new folder with links. */
async function place(links: Readonly<Record<string, string>>): Promise<string> {
  const path = join(folder.path, String(folders++), "bin");
  await mkdir(path, { recursive: true });
  for (const [name, target] of Object.entries(links)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await symlink(target, join(path, name));
  }
  return path;
}

interface Asked {
  readonly architecture?: BundleArchitecture;
  readonly minor?: ToolsMinor;
  readonly arch?: string;
  readonly signal?: AbortSignal;
}

function ask(places: Partial<BundlePlaces>, asked: Asked = {}): Promise<BundleProgramSet> {
  const none = { toolsDir: undefined, packageFolder: () => undefined, checkoutFolder: join(folder.path, "none"), path: undefined };
  const { architecture = HERE, minor = "3.6", arch = process.arch, signal = new AbortController().signal } = asked;
  const programs = new InstalledBundlePrograms({ ...none, ...places }, systemClock, { platform: "linux", arch });
  return programs.programsFor(architecture, minor, signal);
}

async function refusal(places: Partial<BundlePlaces>, asked?: Asked): Promise<LifeboatError> {
  const error = await ask(places, asked).catch((thrown: unknown) => thrown);
  if (!(error instanceof LifeboatError)) throw new Error("it was taken");
  return error;
}

/** What is said of `content` in the place of age, where PATH has one that serves. */
async function reasonAgainst(content: Uint8Array | string): Promise<string> {
  const toolsDir = await place({});
  await writeFile(join(toolsDir, "age"), content);
  const { message } = await refusal({ toolsDir });
  const said = `${join(toolsDir, "age")} `;
  return message.slice(message.indexOf(said) + said.length, message.indexOf(", and no etcdctl"));
}

/** Everywhere: what runs has its build information twice. */
function overwrite(bytes: Buffer, text: string, other: string): void {
  expect(other).toHaveLength(text.length);
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + 1)) bytes.write(other, at);
}

/** A copy of etcdctl whose module says no version, as where a project builds its own release. */
async function etcdctlOfARelease(): Promise<string> {
  const bytes = await readFile(requireEtcd("3.6").etcdctl);
  overwrite(bytes, "mod\tgo.etcd.io/etcd/etcdctl/v3\tv3.6.16\th", "mod\tgo.etcd.io/etcd/etcdctl/v3\t(devel)\t1");
  const path = join(await place({}), "etcdctl");
  await writeFile(path, bytes, { mode: 0o755 });
  return path;
}

describe("the programs of a bundle", () => {
  test("are given with the bytes of their files, versions and digests", async () => {
    const { programs } = await ask({ checkoutFolder: all });
    expect(programs.map(({ name }) => name)).toEqual(NAMES);
    for (const { name, bytes, sha256, path } of programs) {
      expect(path).toBe(join(all, name));
      expect(sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
      expect(Buffer.compare(bytes, await readFile(path))).toBe(0);
    }
    const { stdout } = await promisify(execFile)(requireProgram("unzstd"), ["--version"]);
    expect(programs.map(({ version }) => version)).toEqual(["1.3.2", "3.6.16", "3.6.16", stdout.trim()]);
  });

  test("come from the first place that has one: tools.dir, the package, the checkout, PATH", async () => {
    const toolsDir = await place({ age: age() });
    const ofPackage = await place({ age: age(), "etcd-3.6/etcdctl": requireEtcd("3.6").etcdctl });
    const checkoutFolder = await place({ age: age(), "etcd-3.6/etcdutl": requireEtcd("3.6").etcdutl });
    const { programs } = await ask({ toolsDir, packageFolder: () => ofPackage, checkoutFolder, path: `:bin:${all}` });
    expect(programs.map(({ origin, path }) => [origin, path])).toEqual([
      ["tools.dir", join(toolsDir, "age")],
      ["package", join(ofPackage, "etcd-3.6/etcdctl")],
      ["checkout", join(checkoutFolder, "etcd-3.6/etcdutl")],
      ["PATH", join(all, "unzstd")],
    ]);
  });

  test("lie in tools.dir by architecture too, and those of another one are passed over", async () => {
    const toolsDir = await place({ [`${HERE}/age`]: age() });
    const asked: BundleArchitecture[] = [];
    const packageFolder = (architecture: BundleArchitecture): undefined => void asked.push(architecture);
    expect((await ask({ toolsDir, path: all })).programs[0]?.path).toBe(join(toolsDir, HERE, "age"));
    const { message } = await refusal({ toolsDir, packageFolder, path: all }, { architecture: THERE });
    expect(message).toContain(`no age for ${THERE}; ${join(all, "age")} is for ${HERE}`);
    expect(asked).toEqual([THERE]);
  });

  test("of etcd are of the minor that was asked for", async () => {
    const toolsDir = await place({ "etcd-3.5/etcdutl": requireEtcd("3.5").etcdutl, etcdctl: requireEtcd("3.5").etcdctl });
    const { programs } = await ask({ toolsDir, path: all }, { minor: "3.5" });
    expect(programs.map(({ version }) => version)).toMatchObject(["1.3.2", "3.5.35", "3.5.35", expect.any(String) as string]);
    const { message } = await refusal({ toolsDir, path: all }, { minor: "3.7" });
    expect(message).toContain(
      `no etcdctl 3.7 for ${HERE}; ${join(toolsDir, "etcdctl")} is 3.5.35; ${join(all, "etcdctl")} is 3.6.16, and no`,
    );
  });

  test("that are missing are one error, with what stood in their places, where, and what to do", async () => {
    const toolsDir = await place({ age: requireProgram("age-keygen") });
    const error = await refusal({ toolsDir }, { architecture: "arm64" });
    expect(error.code).toBe("config/not-found");
    for (const each of ["no age for arm64", "no etcdctl 3.6 for arm64", "no etcdutl 3.6 for arm64", "no unzstd for arm64"])
      expect(error.message).toContain(each);
    expect(error.message).toContain(
      `in ${toolsDir}/arm64 (tools.dir), ${toolsDir} (tools.dir), ${folder.path}/none (checkout), PATH: no age`,
    );
    expect(error.hint).toContain("npm run pack:tools -- --platform linux-arm64");
  });

  test("are not looked for once somebody interrupts", async () => {
    const reason = new LifeboatError("interrupted", "enough");
    await expect(ask({ path: all }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe("a file that cannot be a program of a bundle says why", () => {
  test("a script, a cut one, another program", async () => {
    const whole = await readFile(age());
    expect(await reasonAgainst("#!/bin/sh\n")).toBe("is no executable for Linux (ELF, 64 bits)");
    for (const length of [0, 63, 100, 5000, whole.length - 200_000])
      expect(await reasonAgainst(whole.subarray(0, length))).toBe("is no executable for Linux (ELF, 64 bits)");
    expect(await reasonAgainst(await readFile(requireProgram("age-keygen")))).toBe("is filippo.io/age/cmd/age-keygen");
    expect(await reasonAgainst(await readFile("/bin/true"))).toContain("is linked dynamically");
  });

  test("one for another architecture, which serves that", async () => {
    const bytes = await readFile(requireProgram("unzstd"));
    // e_machine of ELF.
    bytes.writeUInt16LE(THERE === "arm64" ? 183 : 62, 18);
    const toolsDir = await place({});
    await writeFile(join(toolsDir, "unzstd"), bytes);
    expect((await refusal({ toolsDir })).message).toContain(`${join(toolsDir, "unzstd")} is for ${THERE}`);
    const { message } = await refusal({ toolsDir, path: all }, { architecture: THERE });
    expect(message).toContain(`no etcdutl 3.6 for ${THERE}`);
    expect(message).not.toContain("no unzstd");
    bytes.writeUInt16LE(243, 18);
    await writeFile(join(toolsDir, "unzstd"), bytes);
    expect((await refusal({ toolsDir })).message).toContain(`${join(toolsDir, "unzstd")} is for machine 243`);
  });

  test("one without Go's build information, or built for another system", async () => {
    const mark = Buffer.from("\xff Go buildinf:", "latin1");
    const without = await readFile(age());
    for (let at = without.indexOf(mark); at !== -1; at = without.indexOf(mark)) without.fill(0, at, at + mark.length);
    expect(await reasonAgainst(without)).toContain("has no build information of Go");
    const other = await readFile(age());
    overwrite(other, "build\tGOOS=linux", "build\tGOOS=minix");
    expect(await reasonAgainst(other)).toBe("was built for minix");
  });

  test("a folder, a pipe, one of many gigabytes", async () => {
    const toolsDir = await place({});
    await mkdir(join(toolsDir, "age"));
    await promisify(execFile)("mkfifo", [join(toolsDir, "unzstd")]);
    await writeFile(join(toolsDir, "etcdctl"), "");
    await truncate(join(toolsDir, "etcdctl"), 8 * 1024 ** 3);
    const { message } = await refusal({ toolsDir });
    expect(message).toContain(`${join(toolsDir, "age")} is no regular file`);
    expect(message).toContain(`${join(toolsDir, "unzstd")} is no regular file`);
    expect(message).toContain(`${join(toolsDir, "etcdctl")} has 8589934592 bytes`);
  });

  test("one whose build information has no version is run to ask for it, where it can be", async () => {
    const path = await etcdctlOfARelease();
    const places = { toolsDir: dirname(path), path: all };
    const etcdctl = async (arch?: string): Promise<unknown> => {
      const { programs } = await ask(places, arch === undefined ? {} : { arch });
      return [programs[1]?.path, programs[1]?.version];
    };
    expect(await etcdctl()).toEqual([path, "3.6.16"]);
    // Elsewhere it is passed over, and the next one taken.
    expect(await etcdctl("riscv64")).toEqual([join(all, "etcdctl"), "3.6.16"]);
    const { message } = await refusal({ toolsDir: dirname(path) }, { arch: "riscv64" });
    expect(message).toContain(`${path} does not say its version in its build information, and cannot be run on this machine`);
  });

  test("one that is not what SHA256SUMS of its package says", async () => {
    const ofPackage = await place({});
    await copyFile(age(), join(ofPackage, "age"));
    const digest = createHash("sha256")
      .update(await readFile(age()))
      .digest("hex");
    const sums = join(dirname(ofPackage), "SHA256SUMS");
    await writeFile(sums, `${digest}  bin/age\n`);
    const places = { packageFolder: () => ofPackage, path: all };
    expect((await ask(places)).programs[0]?.origin).toBe("package");
    await writeFile(sums, `${digest.replaceAll("0", "1")}  bin/age\n`);
    expect((await ask(places)).programs[0]?.origin).toBe("PATH");
  });
});

describe("the licences", () => {
  const licencesOf = async (places: Partial<BundlePlaces>): Promise<string> => Buffer.from((await ask(places)).licences).toString("utf8");

  test("are the file that came with the programs", async () => {
    const file = await readFile(join(dirname(age()), "THIRD-PARTY-LICENSES.txt"), "utf8");
    await writeFile(join(dirname(all), "THIRD-PARTY-LICENSES.txt"), file);
    expect(await licencesOf({ toolsDir: all })).toBe(file);
  });

  test("are named of programs that came without, or with a file about other ones", async () => {
    const toolsDir = await place({ age: age() });
    await writeFile(join(toolsDir, "THIRD-PARTY-LICENSES.txt"), "filippo.io/age v1.0.0\n");
    const text = await licencesOf({ toolsDir, path: all });
    expect(text).toContain("age 1.3.2\n");
    expect(text).toContain("BSD-3-Clause, https://github.com/FiloSottile/age/blob/v1.3.2/LICENSE\n");
    expect(text).toContain("Apache-2.0, https://github.com/etcd-io/etcd/blob/v3.6.16/LICENSE\n");
    expect(text).toContain("\n  go.etcd.io/bbolt v1.");
    expect(text).not.toContain("v1.0.0");
  });
});
