import { cpus, loadavg, release, totalmem } from "node:os";
import { statfs } from "node:fs/promises";
import { runProgram } from "../tools/lab/run-program.ts";
import type { EtcdPrograms } from "../tools/lab/etcd-programs.ts";

export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  /** What `folder` is on. */
  readonly fileSystem: string;
  readonly load: string;
  readonly versions: Readonly<Record<string, string>>;
}

/** What the figures depend on. */
export async function describeMachine(folder: string, programs: EtcdPrograms, age: string): Promise<Machine> {
  const firstLine = async (command: string, ...args: readonly string[]): Promise<string> =>
    ((await runProgram(command, args, { env: { PATH: process.env["PATH"] } })).trim().split("\n")[0] ?? "").trim();
  const { type } = await statfs(folder);
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1e9),
    kernel: `${process.platform} ${release()}`,
    fileSystem: FILE_SYSTEMS[type] ?? `type 0x${type.toString(16)}`,
    load: loadavg()
      .map((value) => value.toFixed(1))
      .join(" "),
    versions: {
      node: process.version,
      etcd: (await firstLine(programs.etcd, "--version")).replace("etcd Version: ", ""),
      age: await firstLine(age, "--version"),
      zstd: /v\d+(\.\d+)+/.exec(await firstLine("zstd", "--version"))?.[0] ?? "unknown",
    },
  };
}

/** statfs(2). */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0xef53: "ext4",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x01021994: "tmpfs (memory)",
  0x794c7630: "overlayfs",
};
