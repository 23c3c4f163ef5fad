import { createHash } from "node:crypto";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { runProgram } from "../lab/run-program.ts";

/** The packages that bring the native CRC-32C of @node-rs/crc32 to Lambda's two architectures. npm installs only the one of the machine at hand. */
const NAMES = ["@node-rs/crc32-linux-arm64-gnu", "@node-rs/crc32-linux-x64-gnu"] as const;

const lockSchema = z.object({
  packages: z.record(z.string(), z.object({ version: z.string().optional(), integrity: z.string().optional() })),
});

/** Unpacks @node-rs/crc32 and its native packages into `modules`, a folder node_modules. What is not in `cache` yet comes from the registry, as the lock has it. */
export async function copyNativePackages(root: string, cache: string, modules: string): Promise<void> {
  const { packages } = lockSchema.parse(JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")));
  for (const name of ["@node-rs/crc32", ...NAMES]) {
    const { version, integrity } = packages[`node_modules/${name}`] ?? {};
    if (version === undefined || integrity === undefined) throw new Error(`package-lock.json has no version and integrity of ${name}`);
    const tarball = await fetched(name, version, integrity, cache);
    const folder = join(modules, name);
    await mkdir(folder, { recursive: true });
    await runProgram("tar", ["-xzf", tarball, "-C", folder, "--strip-components=1"], { env: process.env });
  }
}

/** The path of the package's tarball, whose content is what the lock says. */
async function fetched(name: string, version: string, integrity: string, cache: string): Promise<string> {
  await mkdir(cache, { recursive: true });
  // As npm pack names it.
  const path = join(cache, `${name.replace(/^@/, "").replace("/", "-")}-${version}.tgz`);
  if ((await digestOf(path)) !== integrity) {
    await runProgram("npm", ["pack", `${name}@${version}`, "--ignore-scripts", "--pack-destination", cache], {
      env: process.env,
      cwd: cache,
    });
    const got = await digestOf(path);
    if (got === integrity) return path;
    await rm(path, { force: true });
    throw new Error(`${name}@${version} is ${got ?? "not there"}, and package-lock.json says ${integrity}`);
  }
  return path;
}

/** Subresource Integrity, as package-lock.json writes it; undefined where there is no file. */
async function digestOf(path: string): Promise<string | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  return bytes === undefined ? undefined : `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
}
