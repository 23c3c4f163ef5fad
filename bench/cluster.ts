import { readFileSync } from "node:fs";
import { access, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tlsSecurity } from "../tools/lab/cluster-security.ts";
import type { ClusterFiles } from "../tools/lab/cluster-security.ts";
import { LabMember } from "../tools/lab/etcd-member.ts";
import { requireEtcd } from "../tools/lab/etcd-programs.ts";
import type { EtcdPrograms } from "../tools/lab/etcd-programs.ts";
import { freePorts } from "../tools/lab/free-port.ts";
import { planMembers } from "../tools/lab/member-plan.ts";
import { fill } from "./load.ts";

/** One page of 4 KiB a key: the names are megabytes, near enough. */
export const SIZES = { "35": 8_750, "200": 50_000, "1600": 400_000 } as const;
export type Size = keyof typeof SIZES;

/** An etcd 3.6 of one member that holds the load, and listens both with TLS and without. */
export interface LoadedEtcd {
  readonly programs: EtcdPrograms;
  readonly plainPort: number;
  readonly tlsPort: number;
  readonly files: ClusterFiles;
  /** User and system, since it was started. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}

export interface LoadOptions {
  readonly size: Size;
  /** For certificates and the log. */
  readonly folder: string;
  /** Where data directories are; one that is there and filled is used as it is. */
  readonly dataFolder: string;
  readonly signal: AbortSignal;
  progress(text: string): void;
}

export async function startLoadedEtcd(options: LoadOptions): Promise<LoadedEtcd> {
  const { size, folder, dataFolder, signal } = options;
  const programs = requireEtcd("3.6");
  const dataDir = join(dataFolder, `lifeboat-bench-etcd-${size}`);
  // Beside the data, not in it: etcd warns of files that it does not know.
  const marker = `${dataDir}.filled`;
  const isFilled = await exists(marker);
  if (!isFilled) await rm(dataDir, { recursive: true, force: true });
  await mkdir(dataFolder, { recursive: true });

  const security = await tlsSecurity(folder, "tls", {});
  const [peerPort, plainPort, tlsPort] = await freePorts(3);
  if (peerPort === undefined || plainPort === undefined || tlsPort === undefined) throw new Error("no free ports");
  const plain = `http://127.0.0.1:${plainPort}`;
  const secure = `https://127.0.0.1:${tlsPort}`;
  const seat = { name: "bench", peerUrl: `http://127.0.0.1:${peerPort}`, dataDir, isLearner: false };
  // The last of equal flags counts.
  const flags = [
    `--listen-client-urls=${plain},${secure}`,
    `--advertise-client-urls=${plain},${secure}`,
    `--quota-backend-bytes=${8 * 1024 ** 3}`,
  ];
  const [plan] = await planMembers(programs, security, [seat], folder, flags);
  if (plan === undefined) throw new Error("no plan for the member");
  const member = new LabMember(plan);
  try {
    await member.start();
    if (!isFilled) {
      const keys = SIZES[size];
      await fill({ endpoints: [plain] }, keys, signal, (done) => options.progress(`filling: ${done} of ${keys} keys`));
      await writeFile(marker, `${keys} keys\n`);
    }
  } catch (error) {
    await member.kill();
    throw error;
  }
  return {
    programs,
    plainPort,
    tlsPort,
    files: security.files,
    cpuSeconds: () => cpuSecondsOf(member.pid),
    stop: () => member.stop(),
  };
}

/** proc(5): utime and stime are the 14th and 15th field of stat, in hundredths of a second; the second is a name that may hold spaces. */
function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
