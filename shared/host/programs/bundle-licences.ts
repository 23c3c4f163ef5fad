import type { BundleProgram } from "../bundle-programs.ts";
import type { GoModule } from "./go-build-info.ts";

export interface LicensedProgram extends Pick<BundleProgram, "name" | "version" | "path"> {
  /** The module that it is of, then those that are linked into it. */
  readonly modules: readonly GoModule[];
  /** The file of licences that came with it. */
  readonly licences: string | undefined;
}

const LINE = "=".repeat(100);

/** Where each project's licence is to be read. */
const PROJECTS: Readonly<Record<BundleProgram["name"], (version: string) => string>> = {
  age: (version) => `BSD-3-Clause, https://github.com/FiloSottile/age/blob/v${version}/LICENSE`,
  etcdctl: etcd,
  etcdutl: etcd,
  unzstd: (version) =>
    `Apache-2.0, as all of etcd-lifeboat; the library that it consists of BSD-3-Clause and others, https://github.com/klauspost/compress/blob/v${version}/LICENSE`,
};

function etcd(version: string): string {
  return `Apache-2.0, https://github.com/etcd-io/etcd/blob/v${version}/LICENSE`;
}

/**
 * The licences of `programs` as one text: the files that came with them, each once. A file counts for a program only where it names that very module and version;
 * of any other program the text says what is linked into it and where its licence is to be read.
 */
export function licencesOf(programs: readonly LicensedProgram[]): Uint8Array {
  const files = new Set(programs.filter(isCovered).map(({ licences = "" }) => licences));
  const others = programs.filter((program) => !isCovered(program)).map(withoutFile);
  return Buffer.from([...others, ...files].join("\n"), "utf8");
}

function isCovered({ modules, licences }: LicensedProgram): boolean {
  const lines = new Set(licences?.split("\n"));
  return licences !== undefined && modules.every(({ path, version }) => version === "(devel)" || lines.has(`${path} ${version}`));
}

function withoutFile({ name, version, modules }: LicensedProgram): string {
  const linked = modules.map((module) => `  ${module.path} ${module.version}\n`);
  return `${LINE}\n${name} ${version}\n${LINE}\n
This program came without the texts of its licences. Its own is ${PROJECTS[name](version)}
Each of these modules is linked into it, and has a licence of its own; so has the Go standard library (BSD-3-Clause, https://go.dev/LICENSE).
${linked.join("")}`;
}
