import { join } from "node:path";
import { createAuthority, writeSecret } from "./certificates.ts";
import type { Authority, Validity } from "./certificates.ts";
import type { Connection } from "./connection.ts";

/**
 * `plain`: http. `tls`: client certificates are asked for. `password`: TLS without client certificates, auth on, user root.
 * `certificate`: client certificates are asked for, auth on, the client's common name is root.
 */
export type Security = "plain" | "tls" | "password" | "certificate";

export interface SecurityOptions {
  /** The only name in the servers' certificates; else they name 127.0.0.1, localhost and etcd.lifeboat.test. */
  readonly serverName?: string;
  /** Of the servers' certificates. */
  readonly serverValidity?: Validity;
}

/** Paths of PEM files; those that the cluster's security has no use for are undefined. */
export interface ClusterFiles {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** What a cluster's security means for its members' flags, its clients and etcdctl. */
export interface ClusterSecurity {
  readonly scheme: "http" | "https";
  readonly files: ClusterFiles;
  readonly authority: Authority | undefined;
  readonly client: Omit<Connection, "endpoints">;
  readonly serverFlags: readonly string[];
  /** ETCDCTL_* variables. */
  readonly etcdctl: NodeJS.ProcessEnv;
}

/** Of root, where auth is on. Without a space: etcdctl reads one word of its stdin. */
export const ROOT_PASSWORD = "correct-horse-battery-staple";

const SERVER_NAMES = ["127.0.0.1", "localhost", "etcd.lifeboat.test"];

export function plainSecurity(): ClusterSecurity {
  const files = { ca: undefined, cert: undefined, key: undefined };
  return { scheme: "http", files, authority: undefined, client: {}, serverFlags: [], etcdctl: {} };
}

/** Issues certificates and writes them into `folder`. */
export async function tlsSecurity(
  folder: string,
  security: Exclude<Security, "plain">,
  options: SecurityOptions,
): Promise<ClusterSecurity> {
  const { serverName, serverValidity } = options;
  const authority = await createAuthority();
  const server = await authority.issueServer(serverName === undefined ? SERVER_NAMES : [serverName], serverValidity);
  const client = security === "password" ? undefined : await authority.issueClient(security === "certificate" ? "root" : "lifeboat");
  const auth = security === "password" ? { username: "root", password: ROOT_PASSWORD } : undefined;

  const write = (name: string, pem: string): Promise<string> => writeSecret(join(folder, name), pem);
  const ca = await write("ca.pem", authority.certificate);
  const serverFiles = [await write("server.pem", server.cert), await write("server-key.pem", server.key)];
  const cert = client && (await write("client.pem", client.cert));
  const key = client && (await write("client-key.pem", client.key));

  return {
    scheme: "https",
    files: { ca, cert, key },
    authority,
    client: { tls: { ca: authority.certificate, ...client, ...(serverName !== undefined && { serverName }) }, ...(auth && { auth }) },
    serverFlags: [
      `--cert-file=${serverFiles[0]}`,
      `--key-file=${serverFiles[1]}`,
      // A CA alone makes etcd ask for client certificates, also without --client-cert-auth.
      ...(client === undefined ? [] : ["--client-cert-auth", `--trusted-ca-file=${ca}`]),
    ],
    etcdctl: {
      ETCDCTL_CACERT: ca,
      ...(client && { ETCDCTL_CERT: cert, ETCDCTL_KEY: key }),
      ...userOf(auth),
      // etcdctl cannot be told another server name, nor another time.
      ...((serverName !== undefined || serverValidity !== undefined) && { ETCDCTL_INSECURE_SKIP_TLS_VERIFY: "true" }),
    },
  };
}

function userOf(auth: Connection["auth"]): NodeJS.ProcessEnv {
  return auth === undefined ? {} : { ETCDCTL_USER: auth.username, ETCDCTL_PASSWORD: auth.password };
}
