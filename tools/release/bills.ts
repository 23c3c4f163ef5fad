import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { tmpdir } from "node:os";
import { runProgram } from "../lab/run-program.ts";

/** Bills of materials in CycloneDX (https://cyclonedx.org/specification/overview/), by the programs that its makers and npm have for it. */

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly description: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
}

interface Bill {
  metadata: { component: { name: string; version?: string } };
  components?: Component[];
}

interface Component {
  readonly "bom-ref"?: string;
}

/**
 * What the package needs at run time, as package-lock.json pins it. Some of it is bundled. It is asked for in a folder that has nothing else: of a package that something for development
 * needs too, `npm sbom --omit dev` says nothing (npm 11.19.1).
 */
export async function billOfPackages(root: string, file: string): Promise<void> {
  const { name, version, license, description, dependencies } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as Manifest;
  const lock = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")) as Lock;
  const packages = Object.entries(lock.packages).filter(([path, each]) => path !== "" && each.dev !== true);
  const own = { name, version, license, dependencies };
  const above = await mkdtemp(join(tmpdir(), "lifeboat-bill-"));
  // npm takes the name of the folder.
  const folder = join(above, name);
  try {
    await mkdir(folder);
    await writeFile(join(folder, "package.json"), JSON.stringify({ ...own, description }));
    await writeFile(join(folder, "package-lock.json"), JSON.stringify({ ...lock, packages: { "": own, ...Object.fromEntries(packages) } }));
    const text = await runProgram("npm", ["sbom", "--sbom-format", "cyclonedx", "--package-lock-only"], { cwd: folder, env: process.env });
    await writeFile(file, text);
  } finally {
    await rm(above, { recursive: true, force: true });
  }
}

/** One bill for all programs below `bin`: each is a component, with the modules that Go wrote into it as its own components. */
export async function billOfPrograms(root: string, bin: string, file: string): Promise<void> {
  const entries = await readdir(bin, { recursive: true, withFileTypes: true });
  const programs = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-bills-"));
  const bills: Bill[] = [];
  try {
    for (const program of programs.toSorted()) {
      const output = join(folder, "bill.json");
      const args = ["tool", "cyclonedx-gomod", "bin", "-json", "-licenses=false", "-output", output, program];
      await runProgram("go", args, { cwd: join(root, "tools/release/sbom"), env: process.env });
      bills.push(JSON.parse(await readFile(output, "utf8")) as Bill);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const [first] = bills;
  if (first === undefined) throw new Error(`there is no program in ${bin}`);
  const components = bills.map((bill, index) => {
    const program = relative(bin, programs.toSorted()[index] ?? "");
    // A reference stands once in a bill, and a module may be in several programs.
    const modules = (bill.components ?? []).map((each) => ({ ...each, "bom-ref": `${program}#${each["bom-ref"] ?? ""}` }));
    return { ...bill.metadata.component, type: "application", "bom-ref": program, components: modules };
  });
  const { metadata, ...rest } = first;
  const whole = {
    ...rest,
    metadata: { ...metadata, component: { type: "application", name: "programs of etcd-lifeboat" } },
    components,
    dependencies: undefined,
  };
  await writeFile(file, `${JSON.stringify(whole, null, 2)}\n`);
}
