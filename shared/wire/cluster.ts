import { X509Certificate } from "node:crypto";
import { backupAccess, verifierAccess } from "../config/etcd-access.ts";
import type { EtcdAccess, SecretSetting } from "../config/etcd-access.ts";
import { findCluster } from "../config/find-cluster.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { ClusterConfig, Config } from "../config/schema.ts";
import { resolveReference } from "../config/secrets.ts";
import type { SecretSource } from "../config/secrets.ts";
import { LifeboatError } from "../errors.ts";
import type { EtcdSource, StreamLimits } from "../etcd/etcd-source.ts";
import type { EtcdSettings } from "../etcd/grpc/settings.ts";
import type { AgreementPolicy } from "../jobs/backup/ask-agreement.ts";
import type { MembersToAsk } from "../jobs/verify/inquiry.ts";
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
function cloudSecrets({ keys }: Config, { debug, clock, credentials }: Surroundings): SecretSource {
  let source: Promise<SecretSource> | undefined;
  return {
    async read(reference, setting) {
      source ??= import("../cloud/aws/secrets.ts").then(async ({ AwsSecrets }) => {
        const watch = debug === undefined ? undefined : (await import("./debug/aws.ts")).traceAws(debug, clock);
        return new AwsSecrets(keys.kind === "kms" ? keys.region : undefined, watch, credentials);
      });
      return (await source).read(reference, setting);
    },
  };
}

/** The named cluster of the configuration, connected to lazily. Throws `config/not-found` for a name that is not there. */
export async function connectCluster(loaded: LoadedConfig, name: string, surroundings: Surroundings): Promise<ConnectedCluster> {
  const cluster = findCluster(loaded, name);
  const { idle, total } = cluster.timeouts;
  return {
    ...(await connect(loaded, cluster, backupAccess(name, cluster), surroundings)),
    limits: { idleMs: idle, totalMs: total },
    rpoMs: cluster.rpo,
  };
}

/** The same cluster as its verifier reaches it: by `verify` of its configuration, and by the cluster's own settings where that is silent. A name that is not there is one that nobody can be asked about. */
export async function connectVerifier(loaded: LoadedConfig, name: string, surroundings: Surroundings): Promise<MembersToAsk> {
  const cluster = Object.hasOwn(loaded.config.clusters, name) ? loaded.config.clusters[name] : undefined;
  if (cluster === undefined) return { notAsked: `the configuration does not have the cluster ${name}` };
  if (cluster.verify.confirm === "off") return { notAsked: "verify.confirm is off for this cluster" };
  if (cluster.agreement === "off") return { notAsked: "agreement is off for this cluster" };
  return connect(loaded, cluster, verifierAccess(name, cluster), surroundings);
}

async function connect(
  { config, directory }: LoadedConfig,
  { agreement, voters }: ClusterConfig,
  access: EtcdAccess,
  surroundings: Surroundings,
): Promise<Pick<ConnectedCluster, "etcd" | "policy">> {
  const { debug, clock, environment } = surroundings;
  const sources = { directory, environment, cloud: cloudSecrets(config, surroundings) };
  const read: Read = (secret) => (secret === undefined ? undefined : resolveReference(secret.reference, secret.setting, sources));
  // Loaded when needed: most commands never speak to etcd, and its client takes longest to load.
  const { openEtcd } = await import("../etcd/grpc/source.ts");
  const tls = await readTls(access.tls, read);
  const auth = await readAuth(access.auth, read);
  if (auth !== undefined) debug?.hide(auth.password);
  const { connectMs, callMs, hashKvMs } = access;
  const opened = openEtcd({ endpoints: access.endpoints, tls, auth, connectMs, callMs }, clock);
  const etcd = debug === undefined ? opened : (await import("./debug/etcd.ts")).traceEtcd(opened, debug, clock);
  return { etcd, policy: { agreement, voters, hashKvMs } };
}

type Read = (secret: SecretSetting | undefined) => Promise<string> | undefined;

async function readTls(tls: EtcdAccess["tls"], read: Read): Promise<EtcdSettings["tls"]> {
  if (tls === undefined) return undefined;
  const [ca, cert, key] = [await read(tls.ca), await read(tls.cert), await read(tls.key)];
  requireCertificate(ca, tls.ca);
  requireCertificate(cert, tls.cert);
  return { ca, cert, key, serverName: tls.serverName };
}

/** Told here, by name: TLS itself would only say that something is wrong. */
function requireCertificate(pem: string | undefined, secret: SecretSetting | undefined): void {
  if (pem === undefined || secret === undefined) return;
  try {
    void new X509Certificate(pem);
  } catch (error) {
    throw new LifeboatError(
      "config/invalid",
      `${secret.setting}${secret.reference.startsWith("pem:") ? "" : ` (${secret.reference})`} is not a PEM certificate: ${opensslReason(error)}`,
      {
        hint: "name a file that begins with -----BEGIN CERTIFICATE-----",
        cause: error,
      },
    );
  }
}

async function readAuth(auth: EtcdAccess["auth"], read: Read): Promise<EtcdSettings["auth"]> {
  const password = await read(auth?.password);
  // Editors end a file with a newline that is no part of the password.
  return auth === undefined || password === undefined ? undefined : { username: auth.username, password: password.replace(/\r?\n$/, "") };
}
