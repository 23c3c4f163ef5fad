import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { isLifeboatError, LifeboatError, messageOf } from "../errors.ts";
import { errnoOf } from "../folders.ts";
import { checkBreakGlass, checkEnrolled } from "../seal/age-recipients.ts";
import { parseSettings } from "./parse-settings.ts";
import type { ParsedFile } from "./parse-settings.ts";
import { configSchema } from "./schema.ts";
import type { Config } from "./schema.ts";
import { mergeFiles } from "./team-files.ts";
import type { ClusterFile, WrittenHere } from "./team-files.ts";

export interface LoadedConfig {
  readonly config: Config;
  /** The file, as it was named. */
  readonly file: string;
  /** What relative paths in it are relative to. */
  readonly directory: string;
  /** Its clusters as they were written, in whichever file; undefined where they came from elsewhere. */
  readonly written?: Readonly<Record<string, WrittenHere>>;
}

export interface LoadOptions {
  /** How messages name the file; its path where that is left out. */
  readonly file?: string | undefined;
  /** Further files with clusters, besides those of `fleet`: their paths, and how messages name them. */
  readonly more?: readonly Pick<ClusterFile, "file" | "path">[];
  /** Whether those of `fleet` are read: a function has none of them, and its clusters from the list in the store. */
  readonly readsFleet?: boolean;
}

/** Reads lifeboat.yaml at `path`; `file` is how messages name it. Throws `config/not-found`, or `config/invalid` naming file, line and setting of everything that is wrong. */
export async function loadConfig(path: string, { file = path, more = [], readsFleet = true }: LoadOptions = {}): Promise<LoadedConfig> {
  const parsed = parseBase(await readConfig(path, file), file);
  const directory = dirname(resolve(path));
  const named = readsFleet ? parsed.data.fleet.map((name) => ({ file: name, path: resolve(directory, name) })) : [];
  const files = await Promise.all([...named, ...more].map(async (each) => ({ ...each, text: await readConfig(each.path, each.file) })));
  return { ...mergeFiles(parsed, resolve(path), files), file, directory };
}

async function readConfig(path: string, file: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "EISDIR")
      throw new LifeboatError("config/not-found", `${file} is a folder, not a configuration file`, {
        hint: "name the file in it with --config FILE",
        cause: error,
      });
    const absent = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw new LifeboatError(
      "config/not-found",
      absent ? `configuration ${file} not found` : `cannot read the configuration ${file}: ${messageOf(error)}`,
      {
        hint: absent ? "make one with lifeboat init, or name one with --config FILE" : "check the path and its permissions",
        cause: error,
      },
    );
  }
}

/** Without what other files have. `file` is for messages only. Throws `config/invalid`. */
export function parseConfig(text: string, file: string): Config {
  return parseBase(text, file).data;
}

function parseBase(text: string, file: string): ParsedFile<Config> {
  const parsed = parseSettings(configSchema, text, file, "docs/cli.md lists every setting; lifeboat init writes a complete example");
  const { data, at } = parsed;
  const check = (setting: string, action: () => void): void => {
    try {
      action();
    } catch (error) {
      if (!isLifeboatError(error)) throw error;
      throw new LifeboatError("config/invalid", `${at([setting])}${error.message}`, { hint: error.hint, cause: error });
    }
  };
  check("breakGlass", () => checkBreakGlass(data.breakGlass));
  check("recipients", () => checkEnrolled(data.recipients));
  return parsed;
}
