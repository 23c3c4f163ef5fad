import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { LifeboatError, messageOf } from "../errors.ts";

/** The variables that references may name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a secret is kept by AWS: `secretsmanager:NAME`, `secretsmanager:NAME#FIELD` of a secret that is a JSON object, `ssm:NAME`. */
export interface CloudReference {
  readonly service: "secretsmanager" | "ssm";
  /** A name, a path or an ARN. */
  readonly name: string;
  readonly field: string | undefined;
}

/** The port to secrets that AWS keeps. Adapter: shared/secrets/. */
export interface SecretSource {
  /** The secret's text. Throws `config/secret` naming `setting` and the secret, never its value. */
  read(reference: CloudReference, setting: string): Promise<string>;
}

/** The settings that hold secrets take these, and nothing else. */
export const REFERENCE = /^(?:(?:file|env|ssm):.+|secretsmanager:[^#]+(?:#.+)?)$/s;

/** What a certificate may be besides, which is no secret: itself. */
export const PEM_REFERENCE = /^pem:\s*-----BEGIN CERTIFICATE-----/;

/** What a reference of the configuration is resolved with. */
export interface SecretSources {
  /** What `file:` is relative to. */
  readonly directory: string;
  readonly environment: Environment;
  readonly cloud: SecretSource;
}

/**
 * What a reference stands for: what follows `pem:`, the text of `file:PATH` (relative to `directory`) or of the variable in `env:NAME`, or what AWS keeps. `setting` is for messages.
 * Throws `config/secret`; the value itself is never in a message.
 */
export async function resolveReference(
  reference: string,
  setting: string,
  { directory, environment, cloud }: SecretSources,
): Promise<string> {
  const kept = cloudReference(reference);
  if (kept !== undefined) return cloud.read(kept, setting);
  const name = reference.slice(reference.indexOf(":") + 1);
  if (reference.startsWith("pem:")) return name.trimStart();
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

/** Where AWS keeps what `reference` stands for; undefined where it is kept elsewhere. */
export function cloudReference(reference: string): CloudReference | undefined {
  if (reference.startsWith("ssm:")) return { service: "ssm", name: reference.slice("ssm:".length), field: undefined };
  if (!reference.startsWith("secretsmanager:")) return undefined;
  const [name = "", ...field] = reference.slice("secretsmanager:".length).split("#");
  return { service: "secretsmanager", name, field: field.length === 0 ? undefined : field.join("#") };
}
