import type { BundleArchitecture, BundleProgram, ToolsMinor } from "../bundle-programs.ts";
import { executableIn } from "./elf.ts";
import { goBuildInfoIn } from "./go-build-info.ts";
import type { GoModule } from "./go-build-info.ts";

export interface WantedProgram {
  readonly name: BundleProgram["name"];
  readonly architecture: BundleArchitecture;
  /** Of etcd's. */
  readonly minor: ToolsMinor;
}

export interface StaticProgram {
  /** Without a leading v; undefined where its build information does not say it. */
  readonly version: string | undefined;
  /** The module that it is of, and those that are linked into it. */
  readonly modules: readonly GoModule[];
}

/** The package of each program's main function. */
const PACKAGES: Readonly<Record<BundleProgram["name"], string>> = {
  age: "filippo.io/age/cmd/age",
  etcdctl: "go.etcd.io/etcd/etcdctl/v3",
  etcdutl: "go.etcd.io/etcd/etcdutl/v3",
  unzstd: "etcd-lifeboat/tools/unzstd",
};
/** Ours has no version of its own: what it does is the library's. */
const ZSTD = "github.com/klauspost/compress";
/** The first of 3.5 whose restore can bump the revision, which every plan asks for. */
const FIRST_OF_35 = 10;

/** What the program in `bytes` is, or why it cannot be `wanted`, as the end of a sentence that begins with its path. Nothing is run. */
export function staticProgramIn(bytes: Buffer, wanted: WantedProgram): StaticProgram | { readonly reason: string } {
  const { name, architecture, minor } = wanted;
  const executable = executableIn(bytes);
  if (executable === undefined) return { reason: "is no executable for Linux (ELF, 64 bits)" };
  if (executable.architecture !== architecture) return { reason: `is for ${executable.architecture}` };
  if (!executable.isStatic) return { reason: "is linked dynamically: it would need the libraries of the node" };
  const info = goBuildInfoIn(executable.data);
  if (info === undefined) return { reason: "has no build information of Go (1.18 or later), so that nobody can tell what it is" };
  const system = info.settings.get("GOOS");
  if (system !== "linux") return { reason: `was built for ${system ?? "a system that it does not name"}` };
  if (info.path !== PACKAGES[name]) return { reason: `is ${info.path}` };
  if (info.isReplaced) return { reason: "was built from something else in the place of its module" };
  const version = versionOf(name === "unzstd" ? info.dependencies.find(({ path }) => path === ZSTD) : info.main);
  const reason = version === undefined ? undefined : reasonAgainst(name, version, minor);
  return reason === undefined ? { version, modules: [info.main, ...info.dependencies] } : { reason };
}

/** Why `version` cannot serve, where it cannot. */
export function reasonAgainst(name: BundleProgram["name"], version: string, minor: ToolsMinor): string | undefined {
  if (!name.startsWith("etcd")) return undefined;
  if (!version.startsWith(`${minor}.`)) return `is ${version}`;
  const patch = Number.parseInt(version.slice(minor.length + 1), 10);
  return minor === "3.5" && patch < FIRST_OF_35
    ? `is ${version}, which cannot bump the revision: 3.5.${FIRST_OF_35} and later can`
    : undefined;
}

/** `v3.6.16+dirty` is what Go writes where the checkout had changes. */
function versionOf(module: GoModule | undefined): string | undefined {
  return /^v(\d+\.\d+\.\d+[^+\s]*)/.exec(module?.version ?? "")?.[1];
}
