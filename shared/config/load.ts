import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { isLifeboatError, LifeboatError, messageOf } from "../errors.ts";
import { errnoOf } from "../folders.ts";
import { checkBreakGlass, checkEnrolled } from "../seal/age-recipients.ts";
import { parseSettings } from "./parse-settings.ts";
import { configSchema } from "./schema.ts";
import type { Config } from "./schema.ts";

export interface LoadedConfig {
  readonly config: Config;
  /** The file, as it was named. */
  readonly file: string;
  /** What relative paths in it are relative to. */
  readonly directory: string;
}

/** Reads lifeboat.yaml at `path`; `file` is how messages name it. Throws `config/not-found`, or `config/invalid` naming file, line and setting of everything that is wrong. */
export async function loadConfig(path: string, file: string = path): Promise<LoadedConfig> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
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
  return { config: parseConfig(text, file), file, directory: dirname(resolve(path)) };
}

/** `file` is for messages only. Throws `config/invalid`. */
export function parseConfig(text: string, file: string): Config {
  const { data, at } = parseSettings(configSchema, text, file, "docs/cli.md lists every setting; lifeboat init writes a complete example");
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
  return data;
}
