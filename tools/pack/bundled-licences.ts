import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

const LICENCE_FILE = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

/** The licences of the packages that `inputs` (of esbuild's metafile) come from, each text once with the packages that it is for. Throws where a package says nothing. */
export async function bundledLicences(root: string, inputs: readonly string[]): Promise<string> {
  // The innermost package: one may carry others below it.
  const folders = new Set(inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []));
  const users = new Map<string, string[]>();
  for (const folder of folders) {
    const name = folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
    const files = (await readdir(join(root, folder))).filter((file) => LICENCE_FILE.test(file));
    const texts = await Promise.all(files.map(async (file) => (await readFile(join(root, folder, file), "utf8")).trim()));
    for (const text of texts.length === 0 ? [await named(join(root, folder))] : texts) {
      users.set(text, [...(users.get(text) ?? []), name]);
    }
  }
  const line = "=".repeat(100);
  const parts = Array.from(users, ([text, names]) => `${line}\n${[...new Set(names)].toSorted().join("\n")}\n${line}\n\n${text}\n`);
  return parts.toSorted().join("\n");
}

const manifestSchema = z.object({ license: z.string() });

/** What a package without a licence file says of its licence. */
async function named(folder: string): Promise<string> {
  const { license } = manifestSchema.parse(JSON.parse(await readFile(join(folder, "package.json"), "utf8")));
  return `${license}: https://spdx.org/licenses/${license}.html`;
}
