import { ROOT_PASSWORD } from "../../tools/lab/cluster-security.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { lifeboatHere } from "./lifeboat-here.ts";
import type { LifeboatOptions } from "./lifeboat.ts";

/** How to reach a cluster, of the lab or another one. */
export type Reachable = Pick<EtcdCluster, "connection" | "endpoints" | "files">;

/** What `lifeboat init` is told to reach a cluster under the name prod. */
export function initArguments(cluster: Reachable): string[] {
  const { ca, cert, key } = cluster.files;
  const flag = (name: string, value: string | undefined): string[] => (value === undefined ? [] : [name, value]);
  return [
    "init",
    "--cluster",
    "prod",
    ...cluster.endpoints.flatMap((each) => ["--endpoint", each]),
    ...flag("--cacert", ca),
    ...flag("--cert", cert),
    ...flag("--key", key),
    ...flag("--user", cluster.connection.auth?.username),
  ];
}

/** Makes a configuration for the cluster in `cwd`; how later commands are to be run. */
export async function initialise(cluster: EtcdCluster, cwd: string): Promise<LifeboatOptions> {
  const env: Record<string, string> = cluster.connection.auth === undefined ? {} : { ETCD_PASSWORD: ROOT_PASSWORD };
  const options = { cwd, env };
  const { code, stderr } = await lifeboatHere(initArguments(cluster), options);
  if (code !== 0) throw new Error(`lifeboat init ended with ${code}: ${stderr}`);
  return options;
}
