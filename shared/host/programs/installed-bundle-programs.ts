import { createHash } from "node:crypto";
import { delimiter, isAbsolute, join } from "node:path";
import type { Clock } from "../../clock.ts";
import { LifeboatError } from "../../errors.ts";
import type { BundleArchitecture, BundleProgram, BundlePrograms, BundleProgramSet, ToolsMinor } from "../bundle-programs.ts";
import type { Origin } from "../program-finder.ts";
import { licencesOf } from "./bundle-licences.ts";
import type { LicensedProgram } from "./bundle-licences.ts";
import { probe } from "./probe.ts";
import { companionsOf, readProgram } from "./program-files.ts";
import { reasonAgainst, staticProgramIn } from "./static-program.ts";
import type { WantedProgram } from "./static-program.ts";

const NAMES = ["age", "etcdctl", "etcdutl", "unzstd"] as const;

/** Folders to look in; undefined for a place that there is not. */
export interface BundlePlaces {
  readonly toolsDir: string | undefined;
  /** The folder bin/ of the package for an architecture. */
  readonly packageFolder: (architecture: BundleArchitecture) => string | undefined;
  readonly checkoutFolder: string;
  /** As in the environment. */
  readonly path: string | undefined;
}

/** Of the machine that this runs on: what it can run may be asked for its version. */
interface Machine {
  readonly platform: string;
  /** As Node says it. */
  readonly arch: string;
}

type Taken = BundleProgram & LicensedProgram;
type Tried = Taken | { readonly reason: string } | undefined;

/**
 * Programs in folders, in the order in which `InstalledPrograms` looks for them. A folder is laid out as tools/bin is (`etcd-3.6/etcdutl`, `age`), or flat. In
 * `tools.dir` the programs of an architecture may also lie in a folder of its name (`arm64/etcd-3.6/etcdutl`).
 */
export class InstalledBundlePrograms implements BundlePrograms {
  readonly #places: BundlePlaces;
  readonly #clock: Clock;
  readonly #machine: Machine;

  constructor(places: BundlePlaces, clock: Clock, machine: Machine = process) {
    this.#places = places;
    this.#clock = clock;
    this.#machine = machine;
  }

  async programsFor(architecture: BundleArchitecture, minor: ToolsMinor, signal: AbortSignal): Promise<BundleProgramSet> {
    const folders = this.#foldersFor(architecture);
    const programs: Taken[] = [];
    const missing: string[] = [];
    for (const name of NAMES) {
      const passedOver: string[] = [];
      const taken = await this.#find({ name, architecture, minor }, folders, passedOver, signal);
      if (taken !== undefined) programs.push(taken);
      else missing.push([`no ${name.startsWith("etcd") ? `${name} ${minor}` : name} for ${architecture}`, ...passedOver].join("; "));
    }
    if (missing.length > 0) throw notFound(missing, folders, architecture);
    return {
      programs: programs.map(({ name, version, bytes, sha256, path, origin }) => ({ name, version, bytes, sha256, path, origin })),
      licences: licencesOf(programs),
    };
  }

  #foldersFor(architecture: BundleArchitecture): (readonly [Origin, string])[] {
    const { toolsDir, packageFolder, checkoutFolder, path } = this.#places;
    const ofPackage = packageFolder(architecture);
    // An empty or relative entry of PATH means the current folder, where anybody may have put a program.
    const onPath = (path ?? "").split(delimiter).filter((folder) => isAbsolute(folder));
    return [
      ...(toolsDir === undefined ? [] : [join(toolsDir, architecture), toolsDir].map((folder) => ["tools.dir", folder] as const)),
      ...(ofPackage === undefined ? [] : [["package", ofPackage] as const]),
      ["checkout", checkoutFolder],
      ...[...new Set(onPath)].map((folder) => ["PATH", folder] as const),
    ];
  }

  async #find(
    wanted: WantedProgram,
    folders: readonly (readonly [Origin, string])[],
    passedOver: string[],
    signal: AbortSignal,
  ): Promise<Taken | undefined> {
    const { name, minor } = wanted;
    for (const [origin, folder] of folders) {
      for (const file of name.startsWith("etcd") ? [join(`etcd-${minor}`, name), name] : [name]) {
        signal.throwIfAborted();
        const tried = await this.#try(wanted, origin, folder, file, signal);
        if (tried === undefined) continue;
        if (!("reason" in tried)) return tried;
        passedOver.push(`${join(folder, file)} ${tried.reason}`);
      }
    }
    return undefined;
  }

  async #try(wanted: WantedProgram, origin: Origin, folder: string, file: string, signal: AbortSignal): Promise<Tried> {
    const path = join(folder, file);
    const bytes = await readProgram(path);
    if (bytes === undefined || "reason" in bytes) return bytes;
    const checked = staticProgramIn(bytes, wanted);
    if ("reason" in checked) return checked;
    const version = checked.version ?? (await this.#askFor(path, wanted, signal));
    if (typeof version !== "string") return version;
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const companions = origin === "PATH" ? undefined : await companionsOf(folder);
    if (![undefined, sha256].includes(companions?.digests.get(path)))
      return { reason: "is not the one whose digest is in SHA256SUMS beside it" };
    const { name } = wanted;
    return { name, version, bytes, sha256, path, origin, modules: checked.modules, licences: companions?.licences };
  }

  /** The version of one whose build information lacks it, as those that projects build themselves. */
  async #askFor(
    path: string,
    { name, architecture, minor }: WantedProgram,
    signal: AbortSignal,
  ): Promise<string | { readonly reason: string }> {
    const { platform, arch } = this.#machine;
    if (platform !== "linux" || (arch === "x64" ? "amd64" : arch) !== architecture)
      return { reason: "does not say its version in its build information, and cannot be run on this machine to ask for it" };
    const answer = await probe(path, name.startsWith("etcd") ? { name: name as "etcdctl", minor } : { name: "age" }, this.#clock, signal);
    if ("reason" in answer) return answer;
    if (answer.version === "(devel)") return { reason: "does not say its version" };
    const reason = reasonAgainst(name, answer.version, minor);
    return reason === undefined ? answer.version : { reason };
  }
}

function notFound(
  missing: readonly string[],
  folders: readonly (readonly [Origin, string])[],
  architecture: BundleArchitecture,
): LifeboatError {
  const platform = `linux-${architecture === "amd64" ? "x64" : architecture}`;
  const named = folders.filter(([origin]) => origin !== "PATH").map(([origin, folder]) => `${folder} (${origin})`);
  const places = [...named, "PATH"].join(", ");
  return new LifeboatError("config/not-found", `programs for the bundle were not found, in ${places}: ${missing.join(", and ")}`, {
    hint: `install the package of programs for ${platform} as a file, beside lifeboat (with npm install --force where this machine is another; in a checkout npm run pack:tools -- --platform ${platform} makes it), or unpack it and name its folder bin as tools.dir in the configuration`,
  });
}
