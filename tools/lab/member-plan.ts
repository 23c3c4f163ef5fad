import { join } from "node:path";
import type { ClusterSecurity } from "./cluster-security.ts";
import type { EtcdPrograms } from "./etcd-programs.ts";
import { freePorts } from "./free-port.ts";

/** A member's place in its cluster. */
export interface Seat {
  readonly name: string;
  readonly peerUrl: string;
  readonly dataDir: string;
  readonly isLearner: boolean;
}

export interface MemberPlan extends Seat {
  /** Where clients connect. */
  readonly endpoint: string;
  /** Plain http whatever the clients' side speaks: /metrics and /health, and how the lab looks in. */
  readonly metricsUrl: string;
  readonly logFile: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** How to start each member: addresses on free ports, flags. Logs go into `folder`. */
export async function planMembers(
  { etcd, version }: EtcdPrograms,
  security: ClusterSecurity,
  seats: readonly Seat[],
  folder: string,
  flags: readonly string[] = [],
): Promise<readonly MemberPlan[]> {
  const ports = await freePorts(2 * seats.length);
  return seats.map((seat, index) => {
    const endpoint = `${security.scheme}://127.0.0.1:${ports[2 * index]}`;
    const metricsUrl = `http://127.0.0.1:${ports[2 * index + 1]}`;
    const initial = seats.filter((each) => !each.isLearner || seat.isLearner).map(({ name, peerUrl }) => `${name}=${peerUrl}`);
    const args = [
      `--name=${seat.name}`,
      `--data-dir=${seat.dataDir}`,
      `--listen-peer-urls=${seat.peerUrl}`,
      `--initial-advertise-peer-urls=${seat.peerUrl}`,
      `--listen-client-urls=${endpoint}`,
      `--advertise-client-urls=${endpoint}`,
      `--listen-metrics-urls=${metricsUrl}`,
      `--initial-cluster=${initial.join(",")}`,
      `--initial-cluster-state=${seat.isLearner ? "existing" : "new"}`,
      "--initial-cluster-token=lifeboat-lab",
      // Half of the defaults: an election within a second, and still a leader while all cores are busy.
      "--heartbeat-interval=50",
      "--election-timeout=500",
      // Else a learner is refused until all members have talked to each other for five seconds.
      "--strict-reconfig-check=false",
      "--bcrypt-cost=4",
      "--logger=zap",
      "--log-level=warn",
      ...(version === "3.4" ? [] : ["--unsafe-no-fsync"]),
      ...security.serverFlags,
      ...flags,
    ];
    return { ...seat, endpoint, metricsUrl, logFile: join(folder, `${seat.name}.log`), command: etcd, args };
  });
}
