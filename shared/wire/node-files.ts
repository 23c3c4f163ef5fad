import { open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LoadedConfig } from "../config/load.ts";
import { LifeboatError, messageOf } from "../errors.ts";
import { errnoOf } from "../folders.ts";
import { temporaryFile } from "../host/files/temporary-file.ts";
import type { NodeFilesPorts } from "../jobs/node-files/ports.ts";
import { sealedOf } from "../jobs/node-files/validate.ts";
import type { SetSource } from "../jobs/node-files/validate.ts";
import type { Ports, Surroundings } from "./ports.ts";
import { openReplicaKeys } from "./stores.ts";

/** The part of the composition root that has to do with nodes' files. */

export async function nodeFilesPorts(
  { config }: LoadedConfig,
  surroundings: Surroundings,
  ports: Ports,
): Promise<Ports & Omit<NodeFilesPorts, "progress">> {
  const replicaKeys = await openReplicaKeys(config, undefined, surroundings);
  return {
    ...ports,
    storeKeys: { keys: ports.keys, ...replicaKeys },
    breakGlass: config.breakGlass,
    recipients: Object.keys(config.recipients),
  };
}

/** A file that a person names `name`. Throws `input/not-found`, `input/unusable`. */
export async function fileSource(path: string, name: string): Promise<SetSource> {
  try {
    const stats = await stat(path);
    if (!stats.isFile())
      throw new LifeboatError("input/unusable", `${name} is no file: a set is read twice`, {
        hint: "give a file, or - for standard input",
      });
  } catch (error) {
    if (error instanceof LifeboatError) throw error;
    const isAbsent = errnoOf(error) === "ENOENT";
    throw new LifeboatError(
      isAbsent ? "input/not-found" : "input/unusable",
      isAbsent ? `${name} not found` : `cannot read ${name}: ${messageOf(error)}`,
      {
        hint: "name a file that collect.sh wrote",
        cause: error,
      },
    );
  }
  return { what: name, open: () => blocksOf(path) };
}

/** The bytes of a file, in blocks whose memory is used again: a hostile set must not leave as much to the garbage collector as it is large. */
export async function* blocksOf(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  await using file = await open(path);
  const block = new Uint8Array(BLOCK_BYTES);
  for (;;) {
    const { bytesRead } = await file.read(block, 0, block.length);
    if (bytesRead === 0) return;
    yield block.subarray(0, bytesRead);
  }
}

const BLOCK_BYTES = 256 * 1024;

/** Standard input, which can be read once, and has to be read twice: kept in a temporary file meanwhile, encrypted as it came. */
export async function inputSource(input: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<SetSource & AsyncDisposable> {
  const path = await temporaryFile("lifeboat-set-", "set.age");
  const remove = (): Promise<void> => rm(dirname(path), { recursive: true, force: true });
  const what = "standard input";
  try {
    await writeFile(path, sealedOf(what, input), { mode: 0o600, signal });
  } catch (error) {
    await remove();
    signal.throwIfAborted();
    throw error;
  }
  return { what, open: () => blocksOf(path), [Symbol.asyncDispose]: remove };
}

/** What a person takes to the nodes: collect.sh, as it is. */
export function collectScript(): Promise<Uint8Array> {
  return readFile(join(OWN_SCRIPTS, "collect.sh"));
}

/** As in bundle.ts. */
const OWN_SCRIPTS = fileURLToPath(new URL("../../node", import.meta.url));
