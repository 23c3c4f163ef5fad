import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { requireEtcd } from "./etcd-programs.ts";
import type { EtcdVersion } from "./etcd-programs.ts";
import { freePort } from "./free-port.ts";
import { runProgram } from "./run-program.ts";

/** The data directory of a member that is its new cluster's only one. */
export interface RestoredMember {
  readonly version: EtcdVersion;
  readonly name: string;
  readonly peerUrl: string;
  readonly dataDir: string;
}

/** Restores a snapshot by etcdutl, with its hash check, into a new directory in `folder`. The snapshot's `version` says which etcd then runs on it. */
export async function restore(version: EtcdVersion, snapshotFile: string, folder: string): Promise<RestoredMember> {
  const peerUrl = `http://127.0.0.1:${await freePort()}`;
  const dataDir = join(folder, "restored");
  await mkdir(folder, { recursive: true });
  const args = ["snapshot", "restore", snapshotFile, "--name=restored", `--data-dir=${dataDir}`];
  args.push(
    `--initial-cluster=restored=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    "--initial-cluster-token=lifeboat-restored",
  );
  await runProgram(requireEtcd(version).etcdutl, args, { env: { PATH: process.env["PATH"] }, cwd: folder });
  return { version, name: "restored", peerUrl, dataDir };
}
