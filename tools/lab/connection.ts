import { Etcd3 } from "etcd3";

/** How to reach a cluster; PEM texts. */
export interface Connection {
  readonly endpoints: readonly string[];
  readonly tls?: {
    readonly ca: string;
    readonly cert?: string;
    readonly key?: string;
    /** To find in the servers' certificates in place of the endpoints' host. */
    readonly serverName?: string;
  };
  readonly auth?: { readonly username: string; readonly password: string };
}

/** An etcd3 client for the lab's own reading and writing. Close it. */
export function openClient(connection: Connection): Etcd3 {
  const { endpoints, tls, auth } = connection;
  if (auth !== undefined && tls?.serverName !== undefined) throw new Error("etcd3 does not authenticate under another server name");
  const credentials = tls && {
    rootCertificate: Buffer.from(tls.ca),
    ...(tls.cert !== undefined && tls.key !== undefined && { certChain: Buffer.from(tls.cert), privateKey: Buffer.from(tls.key) }),
  };
  return new Etcd3({
    hosts: [...endpoints],
    grpcOptions: {
      // A page of large values is more than the 4 MiB that gRPC takes by default.
      "grpc.max_receive_message_length": -1,
      ...(tls?.serverName !== undefined && { "grpc.ssl_target_name_override": tls.serverName, "grpc.default_authority": tls.serverName }),
    },
    ...(credentials && { credentials }),
    ...(auth && { auth: { ...auth } }),
  });
}
