import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { listIds, readManifest } from "../../vault/catalog.ts";
import type { NodeFilesPorts } from "./ports.ts";

/** The nodes of a cluster as far as anybody named them: the recipients of bundles, and the members in its newest manifest that is believed. Undefined where nobody named any. */
export async function knownNodes(ports: NodeFilesPorts, cluster: string, signal?: AbortSignal): Promise<ReadonlySet<string> | undefined> {
  const names = new Set([...ports.recipients, ...(await members(ports, cluster, signal))]);
  return names.size === 0 ? undefined : names;
}

/** So many of the newest are tried: the others may be of another lineage. */
const TRIED = 4;

async function members(ports: NodeFilesPorts, cluster: string, signal: AbortSignal | undefined): Promise<readonly string[]> {
  for (const id of (await listIds(ports.blobs, cluster, signal)).toReversed().slice(0, TRIED)) {
    try {
      const { manifest } = await readManifest(ports, cluster, id);
      return manifest.etcd.members.flatMap(({ name }) => (name === "" ? [] : [name]));
    } catch (error) {
      if (!isLifeboatError(error, "verify/", "ref/")) throw error;
    }
  }
  return [];
}

export function unknownNode(cluster: string, node: string, known: ReadonlySet<string>): LifeboatError {
  return new LifeboatError(
    "config/not-found",
    `${node} is no node of ${cluster} that anybody named: there is ${[...known].toSorted().join(", ")}`,
    {
      hint: `a set of a node must have the name of a recipient, or of a member of the cluster: collect.sh --node NAME gives it another; or enrol ${node} by lifeboat recipients add`,
    },
  );
}
