import { inboxPrefix, isClusterName, nodeInInboxKey } from "../../documents/layout.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { MAX_SEALED_BYTES } from "../../node-files/limits.ts";
import { throwIfAborted } from "../../store/body-reader.ts";
import type { BlobInfo } from "../../store/blob-store.ts";
import { readNodeFiles } from "../../vault/node-files/sets.ts";
import { addSet } from "./add.ts";
import type { Added } from "./add.ts";
import { IntakeIdentities } from "./identities.ts";
import { knownNodes, unknownNode } from "./known-nodes.ts";
import type { NodeFilesPorts } from "./ports.ts";
import { tooLarge } from "./validate.ts";

export interface InboxResult {
  readonly added: readonly (Added & { readonly inboxKey: string })[];
  /** What was not taken, and why. It stays where it is: the store's lifecycle removes it. */
  readonly refused: readonly Refused[];
  /** How many lie there that were added before. */
  readonly before: number;
  /** By node, how many of its oldest were not looked at: `cluster/node`. */
  readonly passedOver: ReadonlyMap<string, number>;
}

export interface Refused {
  readonly cluster: string;
  readonly key: string;
  readonly error: LifeboatError;
}

/** Of each node the newest that are not added yet: whoever may put one may put thousands, and each has to be read. A node that collects each hour is looked at twice a day at least. */
const MOST_OF_A_NODE = 16;
/** What is in the inbox of a cluster: that many names are looked at, some 40 MB of a listing. */
const MOST_OF_A_CLUSTER = 100_000;

/** Takes what lies in the inbox, of one cluster or of each that is configured, and was not added yet. A set that is refused stops no other. Throws as the store and the key ring do. */
export async function addInbox(
  ports: NodeFilesPorts,
  { clusters, signal }: { readonly clusters: readonly string[]; readonly signal?: AbortSignal | undefined },
): Promise<InboxResult> {
  const result = {
    added: [] as (Added & { inboxKey: string })[],
    refused: [] as Refused[],
    before: 0,
    passedOver: new Map<string, number>(),
  };
  for (const cluster of clusters) {
    const identities = new IntakeIdentities(ports, cluster, signal);
    const { byNode, foreign } = await listInbox(ports, cluster, signal);
    result.refused.push(...foreign.map((key) => ({ cluster, key, error: foreignName(cluster, key) })));
    if (byNode.size === 0) continue;
    const known = await knownNodes(ports, cluster, signal);
    for (const [node, objects] of byNode) {
      if (known?.has(node) === false) {
        result.refused.push(...objects.slice(0, 1).map(({ key }) => ({ cluster, key, error: unknownNode(cluster, node, known) })));
        continue;
      }
      const there = await seenBefore(ports, cluster, node, signal);
      const fresh = objects.filter((each) => !there.has(nameOf(each)));
      result.before += objects.length - fresh.length;
      const tried = fresh.toSorted((one, other) => other.modified.getTime() - one.modified.getTime()).slice(0, MOST_OF_A_NODE);
      if (tried.length < fresh.length) result.passedOver.set(`${cluster}/${node}`, fresh.length - tried.length);
      // The oldest first, so that the newest is the newest when it comes.
      for (const object of tried.toReversed()) {
        throwIfAborted("adding node files", signal);
        try {
          const added = await addOne(ports, identities, { cluster, node, object, signal });
          if (added.outcome === "already") result.before++;
          else result.added.push({ ...added, inboxKey: object.key });
        } catch (error) {
          if (!isLifeboatError(error, ...REFUSALS)) throw error;
          result.refused.push({ cluster, key: object.key, error });
        }
      }
    }
  }
  return result;
}

/** What concerns one set alone. */
const REFUSALS = ["verify/", "keys/no-match", "input/changed", "ref/"] as const;

/** The configured clusters that have something in the inbox. */
export async function clustersInInbox(
  ports: NodeFilesPorts,
  configured: readonly string[],
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const folder of ports.blobs.listFolders(INBOX, { signal })) {
    const name = folder.slice(INBOX.length, -1);
    if (isClusterName(name) && configured.includes(name)) found.push(name);
  }
  return found;
}

const INBOX = "inbox/";

function addOne(
  ports: NodeFilesPorts,
  identities: IntakeIdentities,
  {
    cluster,
    node,
    object,
    signal,
  }: { readonly cluster: string; readonly node: string; readonly object: BlobInfo; readonly signal: AbortSignal | undefined },
): Promise<Added> {
  const { key, bytes, modified } = object;
  if (bytes > MAX_SEALED_BYTES) return Promise.reject(tooLarge(key));
  return addSet(ports, identities, {
    cluster,
    node,
    source: { what: key, open: () => ports.blobs.get(key, { signal }) },
    inbox: { key, bytes, modified: modified.toISOString() },
    signal,
  });
}

interface Listed {
  readonly byNode: ReadonlyMap<string, readonly BlobInfo[]>;
  /** Keys that no node's set has, at most 20. */
  readonly foreign: readonly string[];
}

const MOST_FOREIGN = 20;

async function listInbox({ blobs }: NodeFilesPorts, cluster: string, signal: AbortSignal | undefined): Promise<Listed> {
  const byNode = new Map<string, BlobInfo[]>();
  const foreign: string[] = [];
  let count = 0;
  for await (const { key, bytes, modified } of blobs.list(inboxPrefix(cluster), { signal })) {
    if (++count > MOST_OF_A_CLUSTER) break;
    const node = nodeInInboxKey(cluster, key);
    if (node === undefined) {
      if (foreign.length < MOST_FOREIGN) foreign.push(key);
      continue;
    }
    const of = byNode.get(node);
    if (of === undefined) byNode.set(node, [{ key, bytes, modified }]);
    else of.push({ key, bytes, modified });
  }
  return { byNode, foreign };
}

/** What of the inbox a node's sets were taken from. */
async function seenBefore(
  ports: NodeFilesPorts,
  cluster: string,
  node: string,
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<string>> {
  const { byNode } = await readNodeFiles(ports, cluster, node, signal);
  return new Set(
    (byNode.get(node) ?? []).flatMap(({ document: { inbox } }) =>
      inbox === undefined ? [] : [nameOf({ ...inbox, modified: new Date(inbox.modified) })],
    ),
  );
}

function nameOf({ key, bytes, modified }: BlobInfo): string {
  return `${key} ${bytes} ${modified.toISOString()}`;
}

function foreignName(cluster: string, key: string): LifeboatError {
  return new LifeboatError("verify/format", `${key} is not called as a node's set is: inbox/${cluster}/NODE/NAME.age`, {
    hint: "find out who put it there; the store's lifecycle removes it",
  });
}
