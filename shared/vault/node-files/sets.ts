import { nodeFilesKey, nodeFilesPrefix, partsOfNodeFilesKey } from "../../documents/layout.ts";
import type { NodeFiles } from "../../documents/node-files.ts";
import { compareIds } from "../../documents/slot.ts";
import { LifeboatError } from "../../errors.ts";
import { mapConcurrently, PARALLEL_READS } from "../../map-concurrently.ts";
import { misplaced, readDocument } from "../read-document.ts";
import type { Vault } from "../vault.ts";

/** A set of a node's files whose document is believed. Whether its data is there, and is what was signed, is seen when that is read. */
export interface FoundNodeFiles {
  readonly key: string;
  /** Of the document's bytes. */
  readonly digest: string;
  readonly document: NodeFiles;
}

/** What stands in the place of such a document and is not believed. */
export interface NodeFilesFault {
  readonly key: string;
  readonly node: string;
  readonly time: string;
  readonly error: LifeboatError;
}

export interface NodeFilesSets {
  /** By node, in the order of their names; of each the newest first. */
  readonly byNode: ReadonlyMap<string, readonly FoundNodeFiles[]>;
  readonly faults: readonly NodeFilesFault[];
}

interface Named {
  readonly node: string;
  readonly time: string;
}

/** Every set of a cluster, or of one of its nodes: each document is read, its data is not. Throws `store/...`. */
export async function readNodeFiles(vault: Vault, cluster: string, node?: string, signal?: AbortSignal): Promise<NodeFilesSets> {
  const found: FoundNodeFiles[] = [];
  const faults: NodeFilesFault[] = [];
  const listed = await listSets(vault, cluster, node, signal);
  for await (const read of mapConcurrently(listed, PARALLEL_READS, (each) => readSet(vault, cluster, each, signal))) {
    if (read === undefined) continue;
    if ("error" in read) faults.push(read);
    else found.push(read);
  }
  return { byNode: Map.groupBy(found, ({ document }) => document.node), faults };
}

/** Of each node that has one the newest set that is believed. Throws `store/...`. */
export async function newestOfNodes(vault: Vault, cluster: string, signal?: AbortSignal): Promise<readonly FoundNodeFiles[]> {
  const found: FoundNodeFiles[] = [];
  for (const each of await listSets(vault, cluster, undefined, signal)) {
    if (found.at(-1)?.document.node === each.node) continue;
    const read = await readSet(vault, cluster, each, signal);
    if (read !== undefined && !("error" in read)) found.push(read);
  }
  return found;
}

/** The newest set of a node that is believed, collected at or before `until` where that is given; undefined where there is none. `faults`: what stands above it. Throws `store/...`. */
export async function newestNodeFiles(
  vault: Vault,
  cluster: string,
  node: string,
  { until, signal }: { readonly until?: Date | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<{ readonly found: FoundNodeFiles | undefined; readonly faults: readonly NodeFilesFault[] }> {
  const faults: NodeFilesFault[] = [];
  for (const each of await listSets(vault, cluster, node, signal)) {
    const read = await readSet(vault, cluster, each, signal);
    if (read === undefined) continue;
    if ("error" in read) faults.push(read);
    else if (until === undefined || Date.parse(read.document.collectedAt) <= until.getTime()) return { found: read, faults };
  }
  return { found: undefined, faults };
}

/** The set of a node that is called `time`; undefined where none is. Throws `store/...`, and `verify/...` where what stands there is not believed. */
export async function readNodeFilesAt(
  vault: Vault,
  cluster: string,
  node: string,
  time: string,
  signal?: AbortSignal,
): Promise<FoundNodeFiles | undefined> {
  const read = await readSet(vault, cluster, { node, time }, signal);
  if (read !== undefined && "error" in read) throw read.error;
  return read;
}

/** By name: nodes in their order, of each the newest first. */
async function listSets(
  vault: Vault,
  cluster: string,
  node: string | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly Named[]> {
  const named: Named[] = [];
  for await (const { key } of vault.blobs.list(nodeFilesPrefix(cluster, node), { signal })) {
    const parts = partsOfNodeFilesKey(cluster, key);
    if (parts?.holds === "document") named.push(parts);
  }
  return named.toSorted((one, other) => (one.node === other.node ? compareIds(other.time, one.time) : one.node < other.node ? -1 : 1));
}

async function readSet(
  vault: Vault,
  cluster: string,
  { node, time }: Named,
  signal: AbortSignal | undefined,
): Promise<FoundNodeFiles | NodeFilesFault | undefined> {
  const key = nodeFilesKey(cluster, node, time);
  const read = await readDocument(vault, "node-files", cluster, key, { signal });
  const fault = (error: LifeboatError): NodeFilesFault => ({ key, node, time, error });
  if (read === undefined) return undefined;
  if (read.state === "bad") return fault(read.error);
  if (read.state === "later")
    return fault(
      new LifeboatError("ref/later", `${key} is of a later version of lifeboat`, { hint: "use the version that wrote it, or a newer one" }),
    );
  const { document, digest } = read;
  if (document.node !== node || document.id !== time) return fault(misplaced(key, `${document.node}/${document.id}`));
  return { key, digest, document };
}
