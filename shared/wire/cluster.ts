import { X509Certificate } from "node:crypto";
import { findCluster } from "../config/find-cluster.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { ClusterConfig, Config } from "../config/schema.ts";
import { resolveReference } from "../config/secrets.ts";
import type { SecretSource } from "../config/secrets.ts";
import { LifeboatError } from "../errors.ts";
import type { EtcdSource, StreamLimits } from "../etcd/etcd-source.ts";
import type { EtcdSettings } from "../etcd/grpc/settings.ts";
import type { AgreementPolicy } from "../jobs/backup/ask-agreement.ts";
import { opensslReason } from "../openssl-reason.ts";
import type { Surroundings } from "./ports.ts";

/** The part of the composition root that connects to an etcd cluster. */

export interface ConnectedCluster {
  readonly etcd: EtcdSource;
  readonly limits: StreamLimits;
  readonly policy: AgreementPolicy;
  /** How old the newest good snapshot may be, in milliseconds: the configuration's rpo. */
  readonly rpoMs: number;
}

/** Secrets that AWS keeps, in the region of the keys where these are in KMS; the SDK is loaded at the first one. */
function cloudSecrets({ keys }: Config, { debug, clock }: Surroundings): SecretSource {
  let source: Promise<SecretSource> | undefined;
  return {
    async read(reference, setting) {
      source ??= import("../cloud/aws/secrets.ts").then(async ({ AwsSecrets }) => {
        const watch = debug === undefined ? undefined : (await import("./debug/aws.ts")).traceAws(debug, clock);
        return new AwsSecrets(keys.kind === "kms" ? keys.region : undefined, watch);
      });
      return (await source).read(reference, setting);
    },
  };
}

/** The named cluster of the configuration, connected to lazily. Throws `config/not-found` for a name that is not there. */
export async function connectCluster(loaded: LoadedConfig, name: string, surroundings: Surroundings): Promise<ConnectedCluster> {
  const { config, directory } = loaded;
  const cluster = findCluster(loaded, name);
  const sources = { directory, environment: surroundings.environment, cloud: cloudSecrets(config, surroundings) };
  const read = (reference: string | undefined, setting: string): Promise<string> | undefined =>
    reference === undefined ? undefined : resolveReference(reference, `clusters.${name}.${setting}`, sources);
  const { connect, call, idle, total, hashKv } = cluster.timeouts;
  // Loaded when needed: most commands never speak to etcd, and its client takes longest to load.
  const { openEtcd } = await import("../etcd/grpc/source.ts");
  const tls = await readTls(cluster, name, read);
  const auth = await readAuth(cluster, read);
  const { debug, clock } = surroundings;
  if (auth !== undefined) debug?.hide(auth.password);
  const opened = openEtcd(
    {
      endpoints: cluster.endpoints,
      tls,
      auth,
      connectMs: connect,
      callMs: call,
    },
    clock,
  );
  const etcd = debug === undefined ? opened : (await import("./debug/etcd.ts")).traceEtcd(opened, debug, clock);
  return {
    etcd,
    limits: { idleMs: idle, totalMs: total },
    policy: { agreement: cluster.agreement, voters: cluster.voters, hashKvMs: hashKv },
    rpoMs: cluster.rpo,
  };
}

type Read = (reference: string | undefined, setting: string) => Promise<string> | undefined;

async function readTls(cluster: ClusterConfig, name: string, read: Read): Promise<EtcdSettings["tls"]> {
  const { tls } = cluster;
  if (tls === undefined) return undefined;
  const [ca, cert, key] = [await read(tls.ca, "tls.ca"), await read(tls.cert, "tls.cert"), await read(tls.key, "tls.key")];
  requireCertificate(ca, tls.ca, `clusters.${name}.tls.ca`);
  requireCertificate(cert, tls.cert, `clusters.${name}.tls.cert`);
  return { ca, cert, key, serverName: tls.serverName };
}

/** Told here, by name: TLS itself would only say that something is wrong. */
function requireCertificate(pem: string | undefined, reference: string | undefined, setting: string): void {
  if (pem === undefined) return;
  try {
    void new X509Certificate(pem);
  } catch (error) {
    throw new LifeboatError("config/invalid", `${setting} (${reference}) is not a PEM certificate: ${opensslReason(error)}`, {
      hint: "name a file that begins with -----BEGIN CERTIFICATE-----",
      cause: error,
    });
  }
}

async function readAuth(cluster: ClusterConfig, read: Read): Promise<EtcdSettings["auth"]> {
  const { auth } = cluster;
  const password = await read(auth?.password, "auth.password");
  // Editors end a file with a newline that is no part of the password.
  return auth === undefined || password === undefined ? undefined : { username: auth.username, password: password.replace(/\r?\n$/, "") };
}
