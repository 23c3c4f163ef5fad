import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Every minor that lifeboat is tested with. */
export const ETCD_VERSIONS = ["3.4", "3.5", "3.6", "3.7"] as const;
export type EtcdVersion = (typeof ETCD_VERSIONS)[number];

/** Paths. For 3.4, which has no etcdutl, that of 3.5: it restores snapshots of 3.4. */
export interface EtcdPrograms {
  readonly version: EtcdVersion;
  readonly etcd: string;
  readonly etcdctl: string;
  readonly etcdutl: string;
}

const BIN = fileURLToPath(new URL("../bin/", import.meta.url));
const known = new Map<EtcdVersion, EtcdPrograms | undefined>();

/** The programs of a minor: what `npm run setup` built, for 3.4 what the system has on PATH; undefined where they are not there. */
export function etcdPrograms(version: EtcdVersion): EtcdPrograms | undefined {
  if (!known.has(version)) known.set(version, version === "3.4" ? systemPrograms() : builtPrograms(version));
  return known.get(version);
}

/** The same for a caller that cannot do without. */
export function requireEtcd(version: EtcdVersion): EtcdPrograms {
  const programs = etcdPrograms(version);
  if (programs !== undefined) return programs;
  const way = version === "3.4" ? "install your system's packages etcd-server and etcd-client of 3.4" : "run npm run setup";
  throw new Error(`etcd ${version} is not here: ${way}`);
}

function builtPrograms(version: EtcdVersion): EtcdPrograms | undefined {
  const [etcd, etcdctl, etcdutl] = ["etcd", "etcdctl", "etcdutl"].map((name) => executable(join(BIN, `etcd-${version}`, name)));
  return etcd && etcdctl && etcdutl ? { version, etcd, etcdctl, etcdutl } : undefined;
}

function systemPrograms(): EtcdPrograms | undefined {
  const [etcd, etcdctl] = ["etcd", "etcdctl"].map(onPath);
  const etcdutl = executable(join(BIN, "etcd-3.5", "etcdutl"));
  if (!etcd || !etcdctl || !etcdutl) return undefined;
  const isThatMinor = execFileSync(etcd, ["--version"], { encoding: "utf8" }).startsWith("etcd Version: 3.4.");
  return isThatMinor ? { version: "3.4", etcd, etcdctl, etcdutl } : undefined;
}

function onPath(name: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => executable(join(folder, name))).find((path) => path !== undefined);
}

function executable(path: string): string | undefined {
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return undefined;
  }
}
