import { createHash } from "node:crypto";
import { RETENTION_DEFAULTS } from "../retention/policy.ts";
import type { ClusterConfig, Config } from "./schema.ts";
import { VERIFY_DEFAULTS } from "./verify-schema.ts";

export const POLICY_SECTIONS = ["breakGlass", "trustedKeys", "replicas", "cluster", "store", "keys", "recipients"] as const;
type PolicySection = (typeof POLICY_SECTIONS)[number];

/**
 * Digests of what in a configuration decides who can open snapshots, whose word is believed, where snapshots and copies go, by which keys, and how a cluster is backed up: by section, `sha256:` and hex, over
 * JSON with sorted names. The custody log carries them, so that a change is on record. Where a configuration does not have the cluster, there is no section `cluster`.
 */
export function policyDigests(config: Config, cluster: string): Readonly<Partial<Record<PolicySection, string>>> {
  const { breakGlass, replicas, recipients, desk } = config;
  const { ends, ...trusted } = config.trustedKeys;
  const settings = Object.hasOwn(config.clusters, cluster) ? config.clusters[cluster] : undefined;
  const sections: Partial<Record<PolicySection, unknown>> = {
    breakGlass: breakGlass.toSorted(),
    trustedKeys: {
      ...Object.fromEntries(Object.entries(trusted).map(([purpose, fingerprints]) => [purpose, fingerprints.toSorted()])),
      // Only where there are any: else every log would tell of a change with the first version that knows them.
      ...(Object.keys(ends).length === 0 ? {} : { ends }),
    },
    replicas: replicas.toSorted((one, other) => (one.name < other.name ? -1 : 1)),
    store: storeSection(config.store),
    keys: withoutPlace(config.keys),
    ...(Object.keys(recipients).length === 0 && desk.unenrolled === "allow" ? {} : { recipients: { recipients, desk } }),
    ...(settings && { cluster: clusterSection(settings) }),
  };
  return Object.fromEntries(Object.entries(sections).map(([name, section]) => [name, digestOf(section)]));
}

function clusterSection({ verify, retention, drill, nodeFiles, ...all }: ClusterConfig): object {
  // Labels decide none of it.
  const settings = Object.fromEntries(Object.entries(all).filter(([name]) => name !== "labels"));
  const own = withoutDefaults(verify, VERIFY_DEFAULTS);
  return {
    ...settings,
    endpoints: all.endpoints.toSorted(),
    service: withoutDefaults(all.service, SERVICE_DEFAULTS),
    retention: withoutDefaults(retention, RETENTION_DEFAULTS),
    ...(Object.keys(own).length === 0 ? {} : { verify: own }),
    ...(Object.keys(drill).length === 0 ? {} : { drill }),
    ...(Object.keys(nodeFiles).length === 0 ? {} : { nodeFiles }),
  };
}

const SERVICE_DEFAULTS = { network: "default" } as const;

/** Settings that earlier versions did not know count only where they are not at their defaults, for the same reason. */
function withoutDefaults(section: object, defaults: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(section).filter(([name, value]) => defaults[name] !== value));
}

function storeSection(store: Config["store"]): unknown {
  if (store.kind !== "kopia") return withoutPlace(store);
  return { kind: store.kind, repository: withoutPlace(store.repository), manifests: withoutPlace(store.manifests) };
}

/** Without what differs from host to host and role to role: folders, and profiles of credentials. */
function withoutPlace(section: object): unknown {
  return Object.fromEntries(Object.entries(section).filter(([name]) => name !== "path" && name !== "profile"));
}

function digestOf(section: unknown): string {
  const text = JSON.stringify(section, (_name, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : value,
  );
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}
