import { randomBytes, X509Certificate } from "node:crypto";
import { createRequire } from "node:module";
import { access, constants, lstat, readFile, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Clock, RandomBytes } from "../clock.ts";
import { findCluster } from "../config/find-cluster.ts";
import type { LoadedConfig } from "../config/load.ts";
import { policyDigests } from "../config/policy-digests.ts";
import { resolveReference } from "../config/secrets.ts";
import type { Environment, SecretSource } from "../config/secrets.ts";
import type { ClusterConfig, Config } from "../config/schema.ts";
import type { Actor } from "../vault/custody/append.ts";
import { isLifeboatError, LifeboatError, messageOf } from "../errors.ts";
import { opensslReason } from "../openssl-reason.ts";
import type { EtcdSettings } from "../etcd/grpc/settings.ts";
import type { EtcdSource, StreamLimits } from "../etcd/etcd-source.ts";
import type { Executions } from "../cloud/executions.ts";
import { errnoOf, makeFolders } from "../folders.ts";
import { FileLock } from "../host/files/file-lock.ts";
import type { HostLock } from "../host/host-lock.ts";
import { addedKeys } from "../vault/added-keys.ts";
import type { AgreementPolicy } from "../jobs/backup/ask-agreement.ts";
import type { InitPorts } from "../jobs/init.ts";
import type { ClusterPolicy } from "../vault/judge.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import { LocalKeyRing } from "../keys/local/local-key-ring.ts";
import { createLocalKeys } from "../keys/local/create-local-keys.ts";
import type { TrustedKeys } from "../documents/signed-document.ts";
import { removeUnfinished, requireFree, unfinishedOutputs, writeOutput } from "../host/files/output-file.ts";
import { writeStream } from "../host/files/output-stream.ts";
import { InstalledPrograms, requireToolsFolder } from "../host/programs/installed-programs.ts";
import type { ProgramFinder } from "../host/program-finder.ts";
import { newIdentity, readIdentities } from "../seal/age.ts";
import { markPlace, newMarker } from "../place/marker.ts";
import type { BlobStore } from "../store/blob-store.ts";
import { DirectoryBlobStore } from "../store/directory/directory-store.ts";
import type { Replica } from "../store/replica.ts";
import { SealedStore } from "../store/sealed/sealed-store.ts";
import type { SnapshotStore } from "../store/snapshot-store.ts";
import { actorOf } from "./actor.ts";
import { openKeys, openReplicaKeys, openStores } from "./stores.ts";
import type { Makes } from "./stores.ts";

/** The composition root: configuration in, ports out. Nothing else knows the adapters. */

/** What the process lends. */
export interface Surroundings {
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly environment: Environment;
  /** A folder for lock files that every process of this user on this host shares. */
  readonly runtimeFolder: string;
  /** A folder that outlives the process, for what this host remembers; undefined where there is none. */
  readonly stateFolder: string | undefined;
}

export interface Ports {
  readonly blobs: BlobStore;
  readonly replicas: readonly Replica[];
  readonly snapshots: SnapshotStore;
  readonly keys: KeyRing;
  readonly trusted: TrustedKeys;
  readonly lock: HostLock;
  readonly clock: Clock;
  readonly actor: Actor;
  readonly configuration: (cluster: string) => Readonly<Record<string, string>>;
  readonly policyOf: (cluster: string) => ClusterPolicy | undefined;
}

export interface ConnectedCluster {
  readonly etcd: EtcdSource;
  readonly limits: StreamLimits;
  readonly policy: AgreementPolicy;
  /** How old the newest good snapshot may be, in milliseconds: the configuration's rpo. */
  readonly rpoMs: number;
}

/**
 * The ports that a configuration asks for. Adapters that take long to load are loaded only where it does. `makes`: which stores may be made where there is none. With
 * `from`, the name of a replica, the store is that replica, its wrapping key is tried first, and `primary` stands among the replicas. Throws `config/not-found`
 * for a name that is not there.
 */
export async function wire(loaded: LoadedConfig, surroundings: Surroundings, makes: Makes = "nothing", from?: string): Promise<Ports> {
  const { config, directory } = loaded;
  const keys = await openKeys(config.keys, directory);
  const { blobs, replicas } = await openStores(loaded, surroundings, { keys, makes, from });
  return {
    blobs,
    replicas,
    keys,
    snapshots: new SealedStore({
      blobs,
      keys,
      ...(await openReplicaKeys(config, from)),
      breakGlass: config.breakGlass,
      randomBytes: surroundings.randomBytes,
      maxBytes: config.maxDatabaseSize,
      addedKeys: addedKeys({ blobs, trusted: config.trustedKeys }),
    }),
    trusted: config.trustedKeys,
    lock: new FileLock(join(surroundings.runtimeFolder, "etcd-lifeboat"), surroundings.clock),
    clock: surroundings.clock,
    actor: actorOf(config),
    configuration: (cluster) => policyDigests(config, cluster),
    policyOf: (cluster) => policyIn(config, cluster),
  };
}

function policyIn({ clusters }: Config, name: string): ClusterPolicy | undefined {
  const cluster = Object.hasOwn(clusters, name) ? clusters[name] : undefined;
  return cluster === undefined ? undefined : { agreement: cluster.agreement, rpoMs: cluster.rpo };
}

/** Secrets that AWS keeps, in the region of the keys where these are in KMS; the SDK is loaded at the first one. */
function cloudSecrets({ keys }: Config): SecretSource {
  let source: Promise<SecretSource> | undefined;
  return {
    async read(reference, setting) {
      source ??= import("../cloud/aws/secrets.ts").then(({ AwsSecrets }) => new AwsSecrets(keys.kind === "kms" ? keys.region : undefined));
      return (await source).read(reference, setting);
    },
  };
}

/** The named cluster of the configuration, connected to lazily. Throws `config/not-found` for a name that is not there. */
export async function connectCluster(loaded: LoadedConfig, name: string, surroundings: Surroundings): Promise<ConnectedCluster> {
  const { config, directory } = loaded;
  const cluster = findCluster(loaded, name);
  const sources = { directory, environment: surroundings.environment, cloud: cloudSecrets(config) };
  const read = (reference: string | undefined, setting: string): Promise<string> | undefined =>
    reference === undefined ? undefined : resolveReference(reference, `clusters.${name}.${setting}`, sources);
  const { connect, call, idle, total, hashKv } = cluster.timeouts;
  // Loaded when needed: most commands never speak to etcd, and its client takes longest to load.
  const { openEtcd } = await import("../etcd/grpc/source.ts");
  const etcd = openEtcd(
    {
      endpoints: cluster.endpoints,
      tls: await readTls(cluster, name, read),
      auth: await readAuth(cluster, read),
      connectMs: connect,
      callMs: call,
    },
    surroundings.clock,
  );
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

/** The deployed service, in the region of `stateMachine` (an ARN), else of the configuration's keys or store. */
export async function openExecutions({ config: { keys, store } }: LoadedConfig, stateMachine: string | undefined): Promise<Executions> {
  const { StepFunctions } = await import("../cloud/aws/step-functions.ts");
  const named = stateMachine?.split(":")[3];
  return new StepFunctions(named ?? (keys.kind === "kms" ? keys.region : store.kind === "s3" ? store.region : undefined));
}

/** Finds helper programs, also where there is no configuration. Throws `config/invalid` for a `tools.dir` that cannot be one. */
export async function findPrograms(loaded: LoadedConfig | undefined, { clock, environment }: Surroundings): Promise<ProgramFinder> {
  const dir = loaded?.config.tools.dir;
  const toolsDir = loaded === undefined || dir === undefined ? undefined : resolve(loaded.directory, dir);
  if (toolsDir !== undefined) await requireToolsFolder(toolsDir, `tools.dir in ${loaded?.file}`);
  // From dist/ this leads to a folder that is never there.
  const checkoutFolder = fileURLToPath(new URL("../../tools/bin", import.meta.url));
  return new InstalledPrograms({ toolsDir, packageFolder: programsPackage(), checkoutFolder, path: environment["PATH"] }, clock);
}

/** Where npm put the optional package for this system, if it did. */
function programsPackage(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve(`@etcd-lifeboat/tools-${process.platform}-${process.arch}/package.json`);
    return join(dirname(manifest), "bin");
  } catch {
    return undefined;
  }
}

/** What `lifeboat init` does to the file system. */
export const initPorts: InitPorts = {
  async createKeys(folder) {
    const { publicKeys, wrappingKey } = await createLocalKeys(folder);
    const { snapshot, audit, bundle } = publicKeys;
    return { fingerprints: { snapshot: snapshot.fingerprint, audit: audit.fingerprint, bundle: bundle.fingerprint }, wrappingKey };
  },
  newIdentity,
  requireFree,
  async writeNew(path, text) {
    async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
      yield Buffer.from(text);
    }
    await writeOutput(path, body());
  },
  async makeFolder(path) {
    const there = await lstat(path).then(
      () => true,
      () => false,
    );
    await makeFolders(path).catch((error: unknown) => {
      throw new LifeboatError("output/failed", `cannot make the folder ${path}: ${messageOf(error)}`, {
        hint: "name another folder with --dir, or mend what stands in the way",
        cause: error,
      });
    });
    return !there;
  },
  async markStore(store, { keys, snapshotKey, at }) {
    const marker = { store: randomBytes(16).toString("hex"), createdAt: at };
    const trusted = { snapshot: [snapshotKey], audit: [], bundle: [] };
    return markPlace(new DirectoryBlobStore(store, randomBytes), await newMarker(new LocalKeyRing(keys), trusted, marker));
  },
  isReadable: (path) =>
    access(path, constants.R_OK).then(
      () => true,
      () => false,
    ),
  remove: (path) => rm(path, { recursive: true, force: true }),
};

/** The identities in an age identity file, which the person calls `name`. Throws `input/not-found`, or `input/unusable` for what is none. */
export async function readIdentityFile(path: string, name: string): Promise<readonly string[]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const isAbsent = errnoOf(error) === "ENOENT";
    throw new LifeboatError(
      isAbsent ? "input/not-found" : "input/unusable",
      isAbsent ? `there is no identity file ${name}` : `cannot read the identity file ${name}: ${messageOf(error)}`,
      { hint: "name a file with a line AGE-SECRET-KEY-1...", cause: error },
    );
  }
  if (/^(age-encryption\.org\/v1\n|-----BEGIN AGE ENCRYPTED FILE-----)/.test(text))
    throw new LifeboatError("input/unusable", `the identity file ${name} is itself encrypted`, {
      hint: `decrypt it first: age --decrypt --output identity.key ${name}`,
    });
  try {
    return readIdentities(text);
  } catch (error) {
    if (!isLifeboatError(error)) throw error;
    throw new LifeboatError("input/unusable", `${name}: ${error.message}`, { hint: error.hint, cause: error });
  }
}

export { removeUnfinished, requireFree, unfinishedOutputs, writeOutput, writeStream };
