import { readFile, stat } from "node:fs/promises";
import type { LoadedConfig } from "../config/load.ts";
import type { ObjectDecoder } from "../kube/decoder.ts";
import { LifeboatError, messageOf } from "../errors.ts";
import { errnoOf } from "../folders.ts";
import { parseEncryptionConfig } from "../kube/encryption-config.ts";
import type { EncryptionKey } from "../kube/encryption-config.ts";
import { findDecoder } from "../kube/program/find-decoder.ts";
import { ProgramDecoder } from "../kube/program/program-decoder.ts";
import type { Surroundings } from "./ports.ts";
import { findPrograms } from "./programs.ts";

/** Larger is none. */
const MOST_CONFIG_BYTES = 1 << 20;

/** The keys in the EncryptionConfiguration at `path`, which the person calls `name`. Throws `input/not-found`, `input/unusable` or `config/invalid`. */
export async function readEncryptionKeys(path: string, name: string): Promise<readonly EncryptionKey[]> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > MOST_CONFIG_BYTES) throw new LifeboatError("input/unusable", `${name} is too large for an EncryptionConfiguration`);
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof LifeboatError) throw error;
    const isAbsent = errnoOf(error) === "ENOENT";
    throw new LifeboatError(
      isAbsent ? "input/not-found" : "input/unusable",
      isAbsent ? `file ${name} not found` : `cannot read ${name}: ${messageOf(error)}`,
      { hint: "give the file that --encryption-provider-config of kube-apiserver names", cause: error },
    );
  }
  return parseEncryptionConfig(text, name);
}

/** What reads objects of Kubernetes. The program for it is looked for when the first object comes that needs it. `keys` decrypt what the API server encrypted. */
export function openDecoder(loaded: LoadedConfig | undefined, surroundings: Surroundings, keys: readonly EncryptionKey[]): ObjectDecoder {
  return new ProgramDecoder({
    program: async (signal) => findDecoder(await findPrograms(loaded, surroundings), signal),
    keys,
  });
}
