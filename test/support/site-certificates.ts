import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createAuthority } from "../../tools/lab/certificates.ts";

/** `plain`: http. `tls`: certificates for servers, peers and clients. `auth`: these, and authentication is on: the client's certificate is root's. */
export type SiteSecurity = "plain" | "tls" | "auth";

/** Certificates of one cluster, under the names that kubeadm gives them. */
export interface SiteCertificates {
  /** Flags of etcd's, for files in `folder`. */
  flags(folder: string): readonly string[];
  writeTo(folder: string): void;
}

const HOST = "127.0.0.1";

/** One pair serves as the server's and its peers'; the other is the client's. */
export async function siteCertificates(security: Exclude<SiteSecurity, "plain">): Promise<SiteCertificates> {
  const authority = await createAuthority();
  const server = await authority.issueServer([HOST]);
  const client = await authority.issueClient(security === "auth" ? "root" : "lifeboat");
  const files = {
    "ca.crt": authority.certificate,
    "server.crt": server.cert,
    "server.key": server.key,
    "healthcheck-client.crt": client.cert,
    "healthcheck-client.key": client.key,
  };
  return {
    flags: (folder) => [
      `--cert-file=${folder}/server.crt`,
      `--key-file=${folder}/server.key`,
      "--client-cert-auth=true",
      `--trusted-ca-file=${folder}/ca.crt`,
      `--peer-cert-file=${folder}/server.crt`,
      `--peer-key-file=${folder}/server.key`,
      "--peer-client-cert-auth=true",
      `--peer-trusted-ca-file=${folder}/ca.crt`,
    ],
    writeTo: (folder) => {
      mkdirSync(folder, { recursive: true });
      for (const [name, pem] of Object.entries(files)) writeFileSync(join(folder, name), pem, { mode: 0o600 });
    },
  };
}
