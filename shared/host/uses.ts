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
  etcdctl: (minor) => `looking at members of etcd ${minor} after a restore`,
  etcdutl: (minor) => `restoring an exported snapshot of etcd ${minor === "3.5" ? "3.4 or 3.5" : minor} (docs/runbook.md)`,
  kopia: () => "reading and keeping a Kopia repository by hand",
  unzstd: () => "decompressing a snapshot where there is no zstd",
};

/** What every command that touches snapshots of a Kopia store runs. */
const KOPIA_COMMANDS = ["backup", "verify", "export", "prune"] as const;

/** What a program is there for. No command runs one but kopia: with another store backing up, verifying and exporting need none. See `isBundled`. */
export function useOf({ name, minor }: Program): Use {
  return { neededBy: name === "kopia" ? KOPIA_COMMANDS : [], usedFor: USED_FOR[name](minor ?? "") };
}

/** Whether `lifeboat bundle` puts it into restore bundles. It needs no `neededBy`: a machine that only makes backups is whole without it. */
export function isBundled({ name }: Program): boolean {
  return name !== "age-keygen" && name !== "kopia";
}
