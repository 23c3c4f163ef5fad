import type { ClusterPolicy } from "../audit/facts.ts";
import { labelsOf } from "../config/labels.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { AuditMemory } from "../host/audit-memory.ts";
import { AuditFolder } from "../host/files/audit-folder.ts";
import { checkKeys } from "../jobs/doctor/check-keys.ts";
import type { ReportPorts } from "../jobs/audit/report.ts";
import type { ReadyPorts } from "../jobs/audit/ready.ts";
import { connectCluster } from "./cluster.ts";
import type { Ports, Surroundings } from "./ports.ts";
import { findBundlePrograms } from "./programs.ts";
import { prunePolicyOf } from "./prune-policy.ts";

/** The part of the composition root that audits. */

/** What the configuration asks of a cluster; undefined for one that it does not have. */
export function auditPolicyIn(loaded: LoadedConfig): (cluster: string) => ClusterPolicy | undefined {
  const { config } = loaded;
  const keepsDataElsewhere = config.store.kind === "kopia";
  const recipients = Object.keys(config.recipients);
  return (cluster) => {
    if (!Object.hasOwn(config.clusters, cluster)) return undefined;
    const { policy, lockMs, keptLockMs } = prunePolicyOf(loaded, cluster);
    const { retention, requireReplica, rpoMs } = policy;
    return {
      rpoMs,
      retention,
      requireReplica,
      lockMs,
      keptLockMs,
      drillEveryMs: config.clusters[cluster]?.drill.every,
      nodeFilesEveryMs: config.clusters[cluster]?.nodeFiles.every,
      breakGlass: config.breakGlass,
      recipients,
      keepsDataElsewhere,
    };
  };
}

/** `folder`: one that no other user can write to. */
export function auditMemory(folder: string, location: string): AuditMemory {
  return new AuditFolder(folder, location);
}

/** What `lifeboat report` asks of the configuration besides. */
export function reportPorts(loaded: LoadedConfig, ports: Ports): ReportPorts {
  const { clusters } = loaded.config;
  return {
    ...ports,
    auditPolicyOf: auditPolicyIn(loaded),
    scheduleOf: (cluster) => (Object.hasOwn(clusters, cluster) ? clusters[cluster]?.schedule : undefined),
    labelsOf: (cluster) => labelsOf(loaded.config, cluster),
  };
}

/** What `lifeboat ready` asks besides the store. */
export function readyPorts(loaded: LoadedConfig, ports: Ports, surroundings: Surroundings): ReadyPorts {
  return {
    ...ports,
    auditPolicyOf: auditPolicyIn(loaded),
    connect: async (cluster, look) => {
      const { etcd, policy } = await connectCluster(loaded, cluster, surroundings);
      try {
        return await look(etcd, policy);
      } finally {
        etcd.close();
      }
    },
    checkKeys: async (signal) => {
      // Loaded when needed: an audit asks no key service.
      const { openInspectors } = await import("./doctor.ts");
      const { keys, stores } = await openInspectors(loaded, surroundings);
      return checkKeys({ keys, trusted: loaded.config.trustedKeys, stores }, signal);
    },
    programs: () => findBundlePrograms(loaded, surroundings),
  };
}
