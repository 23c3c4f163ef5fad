import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Connection } from "../lab/connection.ts";
import { startCluster } from "../lab/etcd-cluster.ts";
import { fillWithKubernetesData } from "../lab/kubernetes-data.ts";
import { heading, say } from "./say.ts";

/** What the demo is shown with. */
export interface DemoCluster {
  readonly connection: Connection;
  /** Absolute paths of PEM files, for the arguments of `lifeboat init`. */
  readonly files: { readonly cacert?: string | undefined; readonly cert?: string | undefined; readonly key?: string | undefined };
  readonly user?: string | undefined;
  stop(): Promise<void>;
}

/** Three members of etcd 3.6 with TLS on loopback, filled as Kubernetes would. */
export async function sampleCluster(): Promise<DemoCluster> {
  heading("Starting an etcd 3.6 cluster of three members with TLS on loopback, and filling it with Kubernetes-shaped data");
  const cluster = await startCluster({ version: "3.6", members: 3, security: "tls" });
  const filled = await fillWithKubernetesData(cluster.connection, { megabytes: 8 });
  say(`${filled.keys} keys at revision ${filled.revision}: ${cluster.endpoints.join(", ")}`);
  const { ca, cert, key } = cluster.files;
  return { connection: cluster.connection, files: { cacert: ca, cert, key }, stop: () => cluster.stop() };
}

export interface OwnClusterOptions {
  readonly endpoint: readonly string[];
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly user?: string;
}

/** The person's own cluster. Nothing here or later writes to it. */
export async function ownCluster(options: OwnClusterOptions): Promise<DemoCluster> {
  const from = process.env["INIT_CWD"] ?? process.cwd();
  const absolute = (path: string | undefined): string | undefined => (path === undefined ? undefined : resolve(from, path));
  const files = { cacert: absolute(options.cacert), cert: absolute(options.cert), key: absolute(options.key) };
  const read = async (path: string | undefined): Promise<string | undefined> => (path === undefined ? undefined : readFile(path, "utf8"));
  const ca = await read(files.cacert);
  const password = process.env["ETCD_PASSWORD"];
  if (options.user !== undefined && password === undefined)
    throw new Error("--user needs the password in the environment variable ETCD_PASSWORD");
  return {
    connection: {
      endpoints: options.endpoint,
      ...(ca !== undefined && { tls: { ca, ...pair(await read(files.cert), await read(files.key)) } }),
      ...(options.user !== undefined && password !== undefined && { auth: { username: options.user, password } }),
    },
    files,
    user: options.user,
    stop: () => Promise.resolve(),
  };
}

function pair(cert: string | undefined, key: string | undefined): { cert: string; key: string } | undefined {
  return cert === undefined || key === undefined ? undefined : { cert, key };
}
