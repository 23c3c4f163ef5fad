import { access, constants, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import type { Clock } from "../../clock.ts";
import { LifeboatError, messageOf } from "../../errors.ts";
import { BUNDLE_ARCHITECTURES } from "../bundle-programs.ts";
import { isSupportedKopia, OLDEST_KOPIA } from "../kopia-version.ts";
import { KOPIA, PROGRAMS } from "../program-finder.ts";
import type { Origin, PassedOver, Program, ProgramFinder, Search } from "../program-finder.ts";
import { probe } from "./probe.ts";
import type { Probe } from "./probe.ts";

/** Folders to look in; undefined for a place that there is not. */
export interface Places {
  readonly toolsDir: string | undefined;
  readonly packageFolder: string | undefined;
  /** Of the servers. */
  readonly etcdFolder?: string | undefined;
  readonly checkoutFolder: string;
  /** As in the environment. */
  readonly path: string | undefined;
}

/** Programs in folders. A folder is laid out as tools/bin is (`etcd-3.6/etcdutl`, `age`), or flat (`etcdutl`), as the folders of PATH are. */
export class InstalledPrograms implements ProgramFinder {
  readonly #folders: readonly (readonly [Origin, string])[];
  readonly #clock: Clock;
  /** One program may be asked for as each of three minors. */
  readonly #probes = new Map<string, Promise<Probe>>();

  constructor({ toolsDir, packageFolder, etcdFolder, checkoutFolder, path }: Places, clock: Clock) {
    // An empty or relative entry of PATH means the current folder, where anybody may have put a program.
    const onPath = (path ?? "").split(delimiter).filter((folder) => isAbsolute(folder));
    this.#folders = [
      ...(toolsDir === undefined ? [] : ([["tools.dir", toolsDir]] as const)),
      ...[packageFolder, etcdFolder].flatMap((folder) => (folder === undefined ? [] : ([["package", folder]] as const))),
      ["checkout", checkoutFolder],
      ...onPath.map((folder) => ["PATH", folder] as const),
    ];
    this.#clock = clock;
  }

  async find(program: Program, signal: AbortSignal): Promise<Search> {
    const passedOver: PassedOver[] = [];
    for (const [origin, folder] of this.#folders) {
      for (const path of placesIn(folder, program)) {
        signal.throwIfAborted();
        if (!(await isFile(path))) continue;
        const answer = await this.#probe(path, program, signal);
        if ("reason" in answer) passedOver.push({ path, origin, version: undefined, reason: answer.reason });
        else if (serves(program, answer.version)) return { program, found: { path, origin, version: answer.version }, passedOver };
        else passedOver.push({ path, origin, version: answer.version, reason: reasonAgainst(program, answer.version) });
      }
    }
    return { program, found: undefined, passedOver };
  }

  #probe(path: string, program: Program, signal: AbortSignal): Promise<Probe> {
    const known = this.#probes.get(path) ?? probe(path, program, this.#clock, signal);
    this.#probes.set(path, known);
    return known;
  }
}

/** Throws `config/invalid` where `folder`, which `setting` names, is no folder or has none of our programs. */
export async function requireToolsFolder(folder: string, setting: string): Promise<void> {
  const hint = "name a folder that holds age and etcd-3.6/etcdutl, for example, or leave tools.dir out";
  try {
    if (!(await stat(folder)).isDirectory()) throw new Error("it is no folder");
    await access(folder, constants.R_OK | constants.X_OK);
  } catch (error) {
    throw new LifeboatError("config/invalid", `${setting} (${folder}) cannot be read as a folder: ${messageOf(error)}`, {
      hint,
      cause: error,
    });
  }
  const folders = [folder, ...BUNDLE_ARCHITECTURES.map((architecture) => join(folder, architecture))];
  for (const path of folders.flatMap((each) => [...PROGRAMS, KOPIA].flatMap((program) => placesIn(each, program))))
    if (await isFile(path)) return;
  const names = [...new Set([...PROGRAMS, KOPIA].map(({ name }) => name))].join(", ");
  throw new LifeboatError("config/invalid", `${setting} (${folder}) holds none of ${names}`, { hint });
}

function placesIn(folder: string, { name, minor }: Program): string[] {
  return minor === undefined ? [join(folder, name)] : [join(folder, `etcd-${minor}`, name), join(folder, name)];
}

function serves({ name, minor }: Program, version: string): boolean {
  if (name === "kopia") return isSupportedKopia(version);
  return minor === undefined || version.startsWith(`${minor}.`);
}

function reasonAgainst({ name }: Program, version: string): string {
  return name === "kopia" ? `is ${version}, and ${OLDEST_KOPIA} or later is needed` : `is ${version}`;
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );
}
