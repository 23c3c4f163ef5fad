import { join } from "node:path";
import type { Authority } from "./certificates.ts";
import { plainSecurity, ROOT_PASSWORD, tlsSecurity } from "./cluster-security.ts";
import type { ClusterFiles, ClusterSecurity, Security, SecurityOptions } from "./cluster-security.ts";
import type { Connection } from "./connection.ts";
import { LabMember } from "./etcd-member.ts";
import { requireEtcd } from "./etcd-programs.ts";
import type { EtcdPrograms, EtcdVersion } from "./etcd-programs.ts";
import { freePorts } from "./free-port.ts";
import { planMembers } from "./member-plan.ts";
import type { Seat } from "./member-plan.ts";
import type { RestoredMember } from "./restore.ts";
import { runProgram } from "./run-program.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import type { TemporaryFolder } from "./temporary-folder.ts";
import { until } from "./until.ts";

export interface ClusterOptions extends SecurityOptions {
  readonly version: EtcdVersion;
  /** Voting members; 1 by default. */
  readonly members?: number;
  /** `plain` by default. */
  readonly security?: Security;
  /** One member more, which is a learner and stays one. */
  readonly learner?: boolean;
  /** More flags of etcd's for every member. */
  readonly flags?: readonly string[];
}

export interface EtcdctlOptions {
  readonly input?: string;
  /** In place of all voting members'. */
  readonly endpoints?: readonly string[];
}

/** A real etcd cluster on loopback with its own temporary folder. It ends with this process at the latest. */
export interface EtcdCluster extends AsyncDisposable {
  readonly version: EtcdVersion;
  readonly programs: EtcdPrograms;
  /** Voting members first. */
  readonly members: readonly LabMember[];
  /** To the voting members, as root where auth is on. */
  readonly connection: Connection;
  /** Of the voting members. */
  readonly endpoints: readonly string[];
  readonly files: ClusterFiles;
  /** Issued the cluster's certificates; undefined for `plain`. */
  readonly authority: Authority | undefined;
  /** For files of the caller's too; removed with the cluster. */
  readonly folder: string;
  leader(): Promise<LabMember>;
  /** Voting members that do not lead. */
  followers(): Promise<readonly LabMember[]>;
  /** Runs etcdctl against the cluster, as root where auth is on: its stdout. */
  etcdctl(args: readonly string[], options?: EtcdctlOptions): Promise<string>;
  /** Kills every member and removes the folder. */
  stop(): Promise<void>;
}

/** A cluster whose members are all healthy. */
export async function startCluster(options: ClusterOptions): Promise<EtcdCluster> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options);
    } catch (error) {
      // Somebody took a port between our look and the member's start.
      if (attempt === 3 || !String(error).includes("address already in use")) throw error;
    }
  }
}

/** A cluster of one member on a restored data directory, with certificates of its own: the client's is root's, which serves whether the snapshot has auth on or not. */
export async function startFrom(restored: RestoredMember): Promise<EtcdCluster> {
  const programs = requireEtcd(restored.version);
  const folder = await temporaryFolder();
  const security = await tlsSecurity(folder.path, "certificate", {});
  const plans = await planMembers(programs, security, [{ ...restored, isLearner: false }], folder.path);
  const cluster = assemble(
    programs,
    security,
    plans.map((plan) => new LabMember(plan)),
    folder,
  );
  return orStop(cluster, () => startAll(cluster.members));
}

async function startOnce({
  version,
  members = 1,
  security: kind = "plain",
  learner = false,
  flags,
  ...options
}: ClusterOptions): Promise<EtcdCluster> {
  const programs = requireEtcd(version);
  const folder = await temporaryFolder();
  const security = kind === "plain" ? plainSecurity() : await tlsSecurity(folder.path, kind, options);
  const ports = await freePorts(learner ? members + 1 : members);
  const seats = ports.map((port, index): Seat => {
    const isLearner = index === members;
    const name = isLearner ? "learner" : `m${index + 1}`;
    return { name, peerUrl: `http://127.0.0.1:${port}`, dataDir: join(folder.path, name), isLearner };
  });
  const plans = await planMembers(programs, security, seats, folder.path, flags);
  const cluster = assemble(
    programs,
    security,
    plans.map((plan) => new LabMember(plan)),
    folder,
  );
  return orStop(cluster, async () => {
    await startAll(cluster.members.filter((member) => !member.isLearner));
    for (const seat of seats.filter(({ isLearner }) => isLearner)) {
      await cluster.etcdctl(["member", "add", seat.name, "--learner", `--peer-urls=${seat.peerUrl}`]);
      await startAll(cluster.members.filter((member) => member.isLearner));
    }
    if (kind === "password" || kind === "certificate") await turnAuthOn(cluster);
  });
}

async function startAll(members: readonly LabMember[]): Promise<void> {
  for (const member of members) {
    await member.start({ wait: false });
    // A new member asks the others first, for a second each where they listen already and do not answer yet.
    await member.bootstrapped();
  }
  await Promise.all(members.map((member) => member.ready()));
}

/** `cluster` after `action`; where that fails nothing of the cluster is left. */
async function orStop(cluster: EtcdCluster, action: () => Promise<void>): Promise<EtcdCluster> {
  try {
    await action();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

function assemble(programs: EtcdPrograms, security: ClusterSecurity, members: readonly LabMember[], folder: TemporaryFolder): EtcdCluster {
  const voters = members.filter((member) => !member.isLearner);
  const endpoints = voters.map((member) => member.endpoint);
  const leader = (): Promise<LabMember> =>
    until("a leader", 30_000, async () => {
      const leads = await Promise.all(voters.map((member) => member.isLeader()));
      return voters.find((_, index) => leads[index]);
    });
  const stop = async (): Promise<void> => {
    await Promise.all(members.map((member) => member.kill()));
    await folder.remove();
  };
  return {
    version: programs.version,
    programs,
    members,
    connection: { endpoints, ...security.client },
    endpoints,
    files: security.files,
    authority: security.authority,
    folder: folder.path,
    leader,
    followers: async () => {
      const leading = await leader();
      return voters.filter((member) => member !== leading);
    },
    etcdctl: (args, options = {}) => {
      const ETCDCTL_ENDPOINTS = (options.endpoints ?? endpoints).join(",");
      // Only 3.4 knows an API version 2 as well; later ones warn about the variable.
      const api = programs.version === "3.4" ? { ETCDCTL_API: "3" } : {};
      const env = { PATH: process.env["PATH"], ...api, ETCDCTL_ENDPOINTS, ...security.etcdctl };
      return runProgram(programs.etcdctl, args, { env, ...(options.input !== undefined && { input: options.input }) });
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function turnAuthOn(cluster: EtcdCluster): Promise<void> {
  await cluster.etcdctl(["user", "add", "root", "--interactive=false"], { input: `${ROOT_PASSWORD}\n` });
  await cluster.etcdctl(["role", "add", "root"]);
  await cluster.etcdctl(["user", "grant-role", "root", "root"]);
  await cluster.etcdctl(["auth", "enable"]);
  // A linearizable read on each member: from its answer on, that member too has applied the above.
  await cluster.etcdctl(["endpoint", "health"]);
}
