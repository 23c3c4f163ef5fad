import { isClusterName, isNodeName } from "../../shared/documents/layout.ts";
import { parseUtc } from "../../shared/documents/slot.ts";
import { LifeboatError } from "../../shared/errors.ts";
import { newestNodeFiles } from "../../shared/vault/node-files/sets.ts";
import type { FoundNodeFiles, NodeFilesFault } from "../../shared/vault/node-files/sets.ts";
import type { Vault } from "../../shared/vault/vault.ts";

export const SET_HELP =
  "\nA set is CLUSTER/NODE (its newest) or CLUSTER/NODE@TIME (the newest collected at\nor before a UTC time): prod/node-a, prod/node-a@2026-11-21T10:00:00Z.";

interface SetRef {
  readonly cluster: string;
  readonly node: string;
  readonly until: Date | undefined;
}

/** Throws `usage` for what names no set. */
function parseSetRef(text: string): SetRef {
  const [, cluster = "", node = "", time] = /^([^/@]+)\/([^/@]+)(?:@(.+))?$/.exec(text) ?? [];
  const until = time === undefined ? undefined : parseUtc(time);
  if (!isClusterName(cluster) || !isNodeName(node) || (time !== undefined && until === undefined))
    throw new LifeboatError("usage", `"${text}" names no set of node files`, {
      hint: "a set is CLUSTER/NODE or CLUSTER/NODE@TIME (UTC), such as prod/node-a or prod/node-a@2026-11-21T10:00:00Z",
    });
  return { cluster, node, until };
}

/** The set that a person names, and what stands above it and is not believed. Throws `usage`, `ref/not-found`. */
export async function findSet(
  vault: Vault,
  ref: string,
  signal: AbortSignal,
): Promise<{ readonly found: FoundNodeFiles; readonly faults: readonly NodeFilesFault[] }> {
  const { cluster, node, until } = parseSetRef(ref);
  const { found, faults } = await newestNodeFiles(vault, cluster, node, { until, signal });
  if (found !== undefined) return { found, faults };
  if (faults[0] !== undefined) throw faults[0].error;
  throw new LifeboatError("ref/not-found", `there are no node files of ${ref} in ${vault.blobs.location}`, {
    hint: `lifeboat node-files ls ${cluster} shows what there is`,
  });
}
