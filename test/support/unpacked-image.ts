import { readdir, readFile, stat } from "node:fs/promises";
import { join, posix } from "node:path";
import { zipSync } from "fflate";
import type { ZippableFile } from "fflate";

/** The runtime that takes what `unpackedImage` makes: it starts the file `bootstrap`, which asks the Runtime API for events as an image does. */
export const UNPACKED_IMAGE = { Runtime: "provided.al2023", Handler: "bootstrap" } as const;

/**
 * What a Dockerfile that only copies makes of its folder, as the code of a function: the emulator runs images by Docker alone. The root of the image is a folder, so paths in its variables are below it; programs of the distribution are this machine's. Throws for
 * an instruction that it does not know.
 */
export async function unpackedImage(folder: string): Promise<Uint8Array> {
  const files: Record<string, ZippableFile> = {};
  const variables: string[] = [];
  let [workdir, command] = ["/", ""];
  for (const line of (await readFile(join(folder, "Dockerfile"), "utf8")).split("\n").filter((each) => each !== "")) {
    const [, instruction = "", rest = ""] = /^(\S+) (.*)$/.exec(line) ?? [];
    if (instruction === "COPY") {
      const [from = "", to = ""] = rest.split(" ");
      Object.assign(files, await filesOf(join(folder, from), posix.resolve(workdir, to).slice(1)));
    } else if (instruction === "WORKDIR") workdir = rest;
    else if (instruction === "ENV") variables.push(...rest.split(" "));
    else if (instruction === "CMD") command = (JSON.parse(rest) as readonly string[]).join(" ");
    else if (instruction !== "FROM" && instruction !== "USER") throw new Error(`what does ${line} do to the image?`);
  }
  const tops = [...new Set(Object.keys(files).map((name) => name.split("/", 1)[0] ?? ""))].join("|");
  const exported = variables.map((each) => {
    const [name = "", value = ""] = each.split("=");
    const here = value.replaceAll(new RegExp(String.raw`(?<=^|:)/(?=(?:${tops})(?:/|$))`, "g"), "$root/");
    // What the function is given counts more than what is in the image; the emulator hands on the PATH of its own.
    return name === "PATH" ? `export PATH="${here}"` : `export ${name}="\${${name}:-${here}}"`;
  });
  const bootstrap = `#!/bin/bash -eu
root=$LAMBDA_TASK_ROOT
ln -sf "$(command -v node)" "$root/node"
# Where code is in functions that are no images.
export LAMBDA_TASK_ROOT=/var/task
${exported.join("\n")}
PATH=$root:$PATH
cd "$root${workdir}"
exec ${command}
`;
  files["bootstrap"] = [Buffer.from(bootstrap), { os: 3, attrs: 0o755 << 16 }];
  return zipSync(files, { level: 0 });
}

/** With their modes. */
async function filesOf(folder: string, at: string): Promise<Record<string, ZippableFile>> {
  const files: Record<string, ZippableFile> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { mode } = await stat(path);
    files[join(at, path.slice(join(folder, "/").length))] = [await readFile(path), { os: 3, attrs: (mode & 0o777) << 16 }];
  }
  return files;
}
