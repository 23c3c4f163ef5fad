import { freePorts } from "../tools/lab/free-port.ts";
import type { LoadedEtcd } from "./cluster.ts";

/** What opens a stored snapshot without lifeboat. Paths of files and programs. */
export interface ByHand {
  readonly etcd: LoadedEtcd;
  readonly age: string;
  readonly unzstd: string;
  readonly identity: string;
  /** The data object of the snapshot. */
  readonly stored: string;
}

/**
 * The way to one value without lifeboat, in bash: decrypt, decompress, etcdutl snapshot restore, an etcd on that, etcdctl get, into the file `out`, which etcdctl ends with a line. `hand` has to be an
 * empty folder, and room for two databases.
 */
export async function getByHand({ etcd: { programs }, age, unzstd, identity, stored }: ByHand, key: string): Promise<string> {
  const [clientPort, peerPort] = await freePorts(2);
  const [client, peer] = [`http://127.0.0.1:${clientPort}`, `http://127.0.0.1:${peerPort}`];
  return `
    ${age} -d -i ${identity} ${stored} | ${unzstd} > hand/snapshot.db
    ${programs.etcdutl} snapshot restore hand/snapshot.db --data-dir hand/data --name m --initial-cluster m=${peer} --initial-advertise-peer-urls ${peer} 2> hand/etcdutl.log
    ${programs.etcd} --data-dir hand/data --name m --listen-peer-urls ${peer} --initial-advertise-peer-urls ${peer} --initial-cluster m=${peer} \\
      --listen-client-urls ${client} --advertise-client-urls ${client} --quota-backend-bytes ${8 * 1024 ** 3} --log-level error > hand/etcd.log 2>&1 < /dev/null &
    pid=$!
    until ${programs.etcdctl} --endpoints ${client} endpoint health > /dev/null 2>&1; do sleep 0.02; done
    ${programs.etcdctl} --endpoints ${client} get ${key} --print-value-only > out
    kill -9 $pid`;
}
