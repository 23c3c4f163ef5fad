import { createHash } from "node:crypto";
import type { WrittenCluster } from "../../config/listed.ts";
import type { ClusterConfig } from "../../config/schema.ts";

/** What one list of clusters changes of another. Pure. */

/** A list, or what is to become one. */
export interface ClusterList {
  readonly names: readonly string[];
  /** As it was written; undefined for one that is not in it. */
  written(name: string): WrittenCluster | undefined;
  /** The same with defaults. Throws `config/invalid` where this version does not read it. */
  cluster(name: string): ClusterConfig | undefined;
}

export interface SettingChange {
  /** `retention.hourly`, below the cluster. */
  readonly setting: string;
  /** As text; null where it is not written, and has its default. */
  readonly before: string | null;
  readonly after: string | null;
}

export interface ClusterChange {
  readonly cluster: string;
  readonly change: "added" | "removed" | "changed";
  /** Each that means something else than before; of a cluster that is added or removed all that are written. */
  readonly settings: readonly SettingChange[];
}

/** By name. A cluster whose settings are written in another way, and mean the same, is not among them. */
export function changesBetween(before: ClusterList, after: ClusterList): readonly ClusterChange[] {
  return [...new Set([...before.names, ...after.names])].toSorted().flatMap((cluster): ClusterChange[] => {
    const [old, now] = [textsOf(before.written(cluster)), textsOf(after.written(cluster))];
    if (old === undefined && now === undefined) return [];
    const meant = old === undefined || now === undefined ? undefined : [meaning(before, cluster), meaning(after, cluster)];
    const names = [
      ...new Set([...(old?.keys() ?? []), ...(now?.keys() ?? []), ...(meant?.[0]?.keys() ?? []), ...(meant?.[1]?.keys() ?? [])]),
    ].toSorted();
    const settings = names
      .filter((name) =>
        meant?.[0] === undefined || meant[1] === undefined ? old?.get(name) !== now?.get(name) : meant[0].get(name) !== meant[1].get(name),
      )
      .map((setting) => ({ setting, before: old?.get(setting) ?? null, after: now?.get(setting) ?? null }));
    const change = old === undefined ? "added" : now === undefined ? "removed" : "changed";
    return change === "changed" && settings.length === 0 ? [] : [{ cluster, change, settings }];
  });
}

/** Undefined for a cluster that a later version wrote: then what is written is compared. */
function meaning(list: ClusterList, cluster: string): ReadonlyMap<string, string> | undefined {
  try {
    return textsOf(list.cluster(cluster));
  } catch {
    return undefined;
  }
}

/** Each setting that has a value of its own, by its path. A list is one value. */
function textsOf(settings: object | undefined): ReadonlyMap<string, string> | undefined {
  if (settings === undefined) return undefined;
  const texts = new Map<string, string>();
  const visit = (value: unknown, path: string): void => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) texts.set(path, textOf(value));
    else for (const [name, each] of Object.entries(value)) visit(each, path === "" ? name : `${path}.${name}`);
  };
  visit(settings, "");
  return texts;
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(", ");
  if (typeof value !== "string") return JSON.stringify(value);
  // A certificate is known by its digest: nobody compares two by reading them.
  return value.startsWith("pem:") ? `certificate ${createHash("sha256").update(value).digest("hex").slice(0, 16)}` : value;
}
