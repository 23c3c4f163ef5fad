import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { LifeboatError, messageOf } from "../errors.ts";
import { writeFolder } from "../host/files/output-folder.ts";
import type { MadeCanary, MakeCanaryPorts } from "../jobs/canary.ts";
import { encryptSmall } from "../seal/age.ts";
import type { Ports, Surroundings } from "./ports.ts";

/** The part of the composition root that rehearses break-glass. */

export const CANARY_FILE = "canary.json";

export function canaryPorts(ports: Ports, { randomBytes }: Surroundings): MakeCanaryPorts {
  return { ...ports, randomBytes, encrypt: (recipient, text) => encryptSmall([recipient], Buffer.from(text)) };
}

/** Writes it into a new folder; gives the names of the files to open. Throws `output/exists`. */
export async function writeCanary(
  path: string,
  { document, eggs }: MadeCanary,
  signal: AbortSignal,
): Promise<readonly { readonly recipient: string; readonly file: string }[]> {
  const named = eggs.map(({ recipient, file }, index) => ({ recipient, bytes: file, name: `canary-${index + 1}.age` }));
  await writeFolder(
    path,
    [{ name: CANARY_FILE, bytes: [document.bytes] }, ...named.map(({ name, bytes }) => ({ name, bytes: [bytes] }))],
    signal,
    () => undefined,
  );
  return named.map(({ recipient, name }) => ({ recipient, file: name }));
}

/** The signed document in such a folder. Throws `input/not-found`. */
export async function readCanary(folder: string, name: string): Promise<Uint8Array> {
  return readFile(join(folder, CANARY_FILE)).catch((error: unknown) => {
    throw new LifeboatError("input/not-found", `cannot read ${CANARY_FILE} in ${name}: ${messageOf(error)}`, {
      hint: "name the folder that lifeboat keys canary make wrote",
      cause: error,
    });
  });
}
