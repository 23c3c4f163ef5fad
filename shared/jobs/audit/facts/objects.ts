import { clusterPrefix, dataPrefix, isClusterFolder, kindOfKey } from "../../../documents/layout.ts";
import type { BlobStore } from "../../../store/blob-store.ts";

/** What a cluster has in the store, by its names. */
export interface ObjectFacts {
  /** By snapshot id, the objects of its data. */
  readonly data: ReadonlyMap<string, readonly DataObject[]>;
  /** Keys and folders that lifeboat does not write, at most 20. */
  readonly foreign: readonly string[];
}

export interface DataObject {
  readonly key: string;
  readonly bytes: number;
}

/** Enough for a person to see what it is about. */
const MOST_FOREIGN = 20;

/** Lists the data and the cluster's folders; with `all` every object that it has, of which the log alone may be tens of thousands. The folders may be those that `seen` was told of before. */
export async function listObjects(
  blobs: BlobStore,
  seen: Pick<BlobStore, "listFolders">,
  cluster: string,
  depth: "all" | "tail",
  signal: AbortSignal | undefined,
): Promise<ObjectFacts> {
  const data = new Map<string, DataObject[]>();
  const foreign: string[] = [];
  const notOurs = (name: string): void => void (foreign.length < MOST_FOREIGN && foreign.push(name));
  for await (const { key, bytes } of blobs.list(depth === "all" ? clusterPrefix(cluster) : dataPrefix(cluster), { signal })) {
    const kind = kindOfKey(cluster, key);
    if (kind.kind === "foreign") notOurs(key);
    if (kind.kind !== "data") continue;
    const of = data.get(kind.id);
    if (of === undefined) data.set(kind.id, [{ key, bytes }]);
    else of.push({ key, bytes });
  }
  if (depth === "tail")
    for await (const folder of seen.listFolders(clusterPrefix(cluster), { signal })) if (!isClusterFolder(cluster, folder)) notOurs(folder);
  return { data, foreign };
}
