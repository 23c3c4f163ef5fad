import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { EncryptionKey } from "../../kube/encryption-config.ts";
import { EncryptionKeys, mayBeEncryptionConfig } from "../../node-files/encryption-keys.ts";
import { readNodeFileSet } from "../../node-files/read-set.ts";
import { readNodeFiles } from "../../vault/node-files/sets.ts";
import type { FoundNodeFiles } from "../../vault/node-files/sets.ts";
import { openSet } from "./open-set.ts";
import type { NodeFilesPorts } from "./ports.ts";

export interface StoredKeysRequest {
  readonly cluster: string;
  /** One node alone; undefined: every one that has sets. */
  readonly node: string | undefined;
  /** Of the state whose values are to be read. */
  readonly at: Date;
  readonly signal?: AbortSignal | undefined;
}

export interface StoredKeys {
  readonly keys: readonly EncryptionKey[];
  /** What stands in the way of others. */
  readonly faults: readonly LifeboatError[];
}

/** So many sets are opened, the nearest of each node first: each may have 64 MiB. */
const MOST_OPENED = 32;

/**
 * The keys of the EncryptionConfigurations that nodes had when a state was: of each node, for each of its keys, out of its newest set at or before then that has it, or else the oldest after it. Each node is asked: one that was taken over
 * could name a key as another does, and have another secret for it. Throws `ref/not-found` where there are none, `verify/...` where none of them holds, and as the key ring and the store do. The keys are in memory alone.
 */
export async function storedKeys(
  ports: Pick<NodeFilesPorts, "blobs" | "trusted" | "storeKeys">,
  { cluster, node, at, signal }: StoredKeysRequest,
): Promise<StoredKeys> {
  const { byNode, faults: unbelieved } = await readNodeFiles(ports, cluster, node, signal);
  const faults: LifeboatError[] = unbelieved.map(({ error }) => error);
  const keys: EncryptionKey[] = [];
  for (const found of inTurn([...byNode.values()].map((sets) => nearestWithKeys(sets, at))).slice(0, MOST_OPENED)) {
    try {
      keys.push(...(await keysIn(ports, found, signal)));
    } catch (error) {
      if (!isLifeboatError(error, "verify/")) throw error;
      faults.push(error);
    }
  }
  if (keys.length > 0) return { keys, faults };
  throw faults[0] ?? noKeys(ports.blobs.location, node === undefined ? cluster : `${cluster}/${node}`, byNode.size > 0);
}

/** Of the sets of one node, newest first, those that have a key which no nearer one has; the nearest first. */
export function nearestWithKeys(sets: readonly FoundNodeFiles[], at: Date): readonly FoundNodeFiles[] {
  const isBefore = ({ document }: FoundNodeFiles): boolean => Date.parse(document.collectedAt) <= at.getTime();
  const seen = new Set<string>();
  return [...sets.filter(isBefore), ...sets.filter((set) => !isBefore(set)).toReversed()].filter(({ document }) => {
    const fresh = document.encryptionKeys.map(({ kind, name }) => `${kind}:${name}`).filter((key) => !seen.has(key));
    for (const key of fresh) seen.add(key);
    return fresh.length > 0;
  });
}

/** The first of each, then the second of each, and so on. */
function inTurn<T>(lists: readonly (readonly T[])[]): readonly T[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, turn) => lists.flatMap((list) => list.slice(turn, turn + 1))).flat();
}

async function keysIn(
  ports: Pick<NodeFilesPorts, "blobs" | "trusted" | "storeKeys">,
  found: FoundNodeFiles,
  signal: AbortSignal | undefined,
): Promise<readonly EncryptionKey[]> {
  const { cluster, node, id, data } = found.document;
  const plaintext = await openSet(ports, found, { signal });
  const keys = new EncryptionKeys();
  await readNodeFileSet(plaintext(), {
    what: data.key,
    expected: { cluster, node },
    wants: mayBeEncryptionConfig,
    take: (file, content) => keys.add(file, content),
  });
  return keys.keys.map((key) => ({ ...key, file: `${key.file} of ${cluster}/${node}@${id}` }));
}

function noKeys(location: string, whose: string, hasSets: boolean): LifeboatError {
  const hint = `lifeboat node-files ls shows what there is; else give the file: --encryption-config FILE`;
  return hasSets
    ? new LifeboatError("ref/not-found", `no node files of ${whose} in ${location} hold an EncryptionConfiguration with keys`, { hint })
    : new LifeboatError("ref/not-found", `there are no node files of ${whose} in ${location}`, { hint });
}
