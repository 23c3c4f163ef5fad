import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { LifeboatError, messageOf } from "../errors.ts";

/** The variables that references may name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What a reference stands for: the text of `file:PATH` (relative to `directory`) or of the variable in `env:NAME`. `setting` is for messages. Throws
 * `config/secret`; the value itself is never in a message.
 */
export async function resolveReference(reference: string, setting: string, directory: string, environment: Environment): Promise<string> {
  const name = reference.slice(reference.indexOf(":") + 1);
  if (reference.startsWith("env:")) {
    const value = environment[name];
    if (value === undefined || value === "") {
      throw new LifeboatError("config/secret", `${setting} refers to the environment variable ${name}, which is not set`, {
        hint: `set ${name} for this command`,
      });
    }
    return value;
  }
  try {
    return await readFile(resolve(directory, name), "utf8");
  } catch (error) {
    throw new LifeboatError("config/secret", `${setting} refers to ${name}, which cannot be read: ${messageOf(error)}`, {
      hint: "paths are relative to the configuration file; check the path and its permissions",
      cause: error,
    });
  }
}
