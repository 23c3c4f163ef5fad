import type { JsonDocument } from "../shared/contract/documents.ts";
import { isLifeboatError } from "../shared/errors.ts";
import type { LifeboatError } from "../shared/errors.ts";
import { mapConcurrently } from "../shared/map-concurrently.ts";
import type { Vault } from "../shared/vault/vault.ts";
import { lineageOf, readLineages } from "../shared/vault/lineage/lineages.ts";
import type { Lineages } from "../shared/vault/lineage/lineages.ts";
import type { LineageStanding } from "../shared/vault/lineage/standing.ts";
import { attentionOfLineage, howToAccept, needsAcceptance } from "../shared/documents/lineages.ts";
import type { Manifest } from "../shared/documents/manifest.ts";

/** The lineages of each cluster that is listed, or why they could not be read. */
export type ClusterLineages = ReadonlyMap<string, Lineages | LifeboatError>;

/** Of each two listings and most often one document. */
const CLUSTERS_AT_ONCE = 16;

export async function standings(vault: Vault & { readonly signal: AbortSignal }, clusters: readonly string[]): Promise<ClusterLineages> {
  const read = async (cluster: string): Promise<readonly [string, Lineages | LifeboatError]> => {
    try {
      return [cluster, await readLineages(vault, cluster, vault.signal)];
    } catch (error) {
      if (!isLifeboatError(error, "store/", "verify/")) throw error;
      return [cluster, error];
    }
  };
  const all = new Map<string, Lineages | LifeboatError>();
  for await (const [cluster, lineages] of mapConcurrently(clusters, CLUSTERS_AT_ONCE, read)) all.set(cluster, lineages);
  return all;
}

/** Undefined where it is not known. */
export function isAccepted(all: ClusterLineages, { cluster, lineage }: Pick<Manifest, "cluster" | "lineage">): boolean | undefined {
  const lineages = all.get(cluster);
  if (lineages === undefined || lineages instanceof Error) return undefined;
  const known = lineageOf(lineages, lineage);
  return known !== undefined && !needsAcceptance(known);
}

/** Of each cluster whose current lineage waits for a person. */
export function attentionIn(all: ClusterLineages): JsonDocument<"ls">["lineageAttention"] {
  return [...all].flatMap(([cluster, lineages]) => {
    const attention = lineages instanceof Error ? undefined : attentionOfLineage(cluster, lineages.links.at(-1));
    return attention === undefined ? [] : [{ cluster, ...attention }];
  });
}

/** One sentence a cluster, and one for each thing that is no lineage. */
export function warningsIn(all: ClusterLineages): readonly string[] {
  return [...all].flatMap(([cluster, lineages]) => {
    if (lineages instanceof Error) return [`the lineages of ${cluster} are not known: ${lineages.message}`];
    const attention = attentionOfLineage(cluster, lineages.links.at(-1));
    return [
      ...(attention === undefined ? [] : [`${attention.message}; ${howToAccept(cluster, attention.number)}`]),
      ...lineages.faults.map(({ message }) => message),
    ];
  });
}

/** For the JSON of a single snapshot: null where nobody need look. */
export function attentionJson(cluster: string, { attention, instead }: LineageStanding): JsonDocument<"show">["lineageAttention"] {
  if (attention === undefined) return null;
  const lastAccepted =
    instead === undefined ? null : { lineage: instead.lineage, ref: instead.id === undefined ? null : `${cluster}/${instead.id}` };
  return { ...attention, lastAccepted };
}
