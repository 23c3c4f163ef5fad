import type { LoadedConfig } from "../config/load.ts";
import type { ObjectDecoder } from "../kube/decoder.ts";
import type { EncryptionKey } from "../kube/encryption-config.ts";
import { findDecoder } from "../kube/program/find-decoder.ts";
import { ProgramDecoder } from "../kube/program/program-decoder.ts";
import type { Surroundings } from "./ports.ts";
import { findPrograms } from "./programs.ts";

/** What reads objects of Kubernetes. The program for it is looked for when the first object comes that needs it. `keys` decrypt what the API server encrypted. */
export function openDecoder(loaded: LoadedConfig | undefined, surroundings: Surroundings, keys: readonly EncryptionKey[]): ObjectDecoder {
  return new ProgramDecoder({
    program: async (signal) => findDecoder(await findPrograms(loaded, surroundings), signal),
    keys,
  });
}
