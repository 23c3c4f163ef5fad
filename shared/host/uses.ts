import type { Program } from "./program-finder.ts";

export interface Use {
  /** The commands of lifeboat that cannot do without it. */
  readonly neededBy: readonly string[];
  /** What a person does with it, as the end of a sentence. */
  readonly usedFor: string;
}

const USED_FOR: Readonly<Record<Program["name"], (minor: string) => string>> = {
  age: () => "opening a snapshot without lifeboat (docs/format.md)",
  "age-keygen": () => "making a break-glass identity of your own",
  etcd: (minor) => `rehearsing a restore of etcd ${minor === "3.5" ? "3.4 or 3.5" : minor}`,
  etcdctl: (minor) => `looking at members of etcd ${minor} after a restore`,
  etcdutl: (minor) => `restoring an exported snapshot of etcd ${minor === "3.5" ? "3.4 or 3.5" : minor} (docs/runbook.md)`,
  "kube-decode": () => "reading objects of Kubernetes in etcd's values",
  kopia: () => "reading and keeping a Kopia repository by hand",
  unzstd: () => "decompressing a snapshot where there is no zstd",
};

/** What every command that touches snapshots of a Kopia store runs. */
const KOPIA_COMMANDS = ["backup", "verify", "export", "prune"] as const;

/** What a program is there for. No command is lost without one but those of kopia: with another store backing up, verifying and exporting need none. See `wantedBy`. */
export function useOf({ name, minor }: Program): Use {
  return { neededBy: name === "kopia" ? KOPIA_COMMANDS : [], usedFor: USED_FOR[name](minor ?? "") };
}

/**
 * The commands that use it, and can be whole without: `lifeboat bundle` puts it into restore bundles, which a machine that only makes backups never does; the others need it
 * where etcd holds objects of Kubernetes.
 */
export function wantedBy({ name }: Program): readonly string[] {
  if (name === "etcd") return ["drill"];
  if (name === "kube-decode") return ["get", "diff", "impact"];
  return name === "age-keygen" || name === "kopia" ? [] : ["bundle"];
}
