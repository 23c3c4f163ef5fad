import { resolve } from "node:path";
import { backupAccess, secretsIn, verifierAccess } from "../shared/config/etcd-access.ts";
import type { EtcdAccess } from "../shared/config/etcd-access.ts";
import { objectStoreOf } from "../shared/config/store-schema.ts";
import type { KopiaStoreConfig } from "../shared/config/store-schema.ts";
import { loadConfig } from "../shared/config/load.ts";
import type { LoadedConfig } from "../shared/config/load.ts";
import type { ClusterConfig, Config } from "../shared/config/schema.ts";
import { cloudReference } from "../shared/config/secrets.ts";
import type { CloudReference } from "../shared/config/secrets.ts";
import { LifeboatError } from "../shared/errors.ts";
import { stateMachineName } from "../shared/contract/service.ts";
import { TOOLS_MINORS } from "../shared/bundle/plan.ts";
import type { Architecture, ToolsMinor } from "../shared/bundle/plan.ts";
import { readAuthorities } from "./authorities.ts";
import { planCluster } from "./cluster-plan.ts";
import type { ClusterDemands, ClusterPlan } from "./cluster-plan.ts";
import { LARGEST_DRILL_BYTES, LARGEST_DRILL_IN_FUNCTION_BYTES, sizesFor } from "./sizes.ts";

/** lifeboat.yaml as the functions carry it. */
export interface Configuration {
  /** Absolute path of the file. */
  readonly path: string;
  /** The certificates of authorities that it names by `file:`, relative to its folder. They go with the functions' code. */
  readonly authorities: readonly string[];
  /** Names of its clusters. */
  readonly clusters: readonly string[];
}

/** A lifeboat.yaml that can be deployed, with what follows from it. */
export interface Deployment {
  /** The whole file, parsed. */
  readonly loaded: LoadedConfig;
  /** The file itself, for the functions' code. */
  readonly configuration: Configuration;
  /** `store`, which is in S3; of a Kopia repository `store.manifests`. */
  readonly store: S3Store;
  /** Where the store is a Kopia repository. */
  readonly kopia: DeployedKopia | undefined;
  /** Where `service.drill` asks for drills. */
  readonly drill: DeployedDrill | undefined;
  /** `keys`, which are in KMS. */
  readonly keys: Extract<Config["keys"], { kind: "kms" }>;
  /** Settings of the service. */
  readonly service: Config["service"];
  /** Those of `clusters`, in their order; none where `service.fleet` says that the store lists them. */
  readonly clusters: readonly DeployedCluster[];
  /** Those of `replicas` that are in S3, which is all of them. */
  readonly replicas: readonly DeployedReplica[];
}

type S3Store = Extract<Config["store"], { kind: "s3" }>;

/** A Kopia repository, which is in a bucket of its own that is there already, and the program that reads and writes it. */
export interface DeployedKopia {
  /** `store.repository`. */
  readonly repository: Extract<KopiaStoreConfig["repository"], { kind: "s3" }>;
  /** `service.kopia`, its path absolute. */
  readonly program: KopiaProgram;
}

/** What rehearses restores. */
export interface DeployedDrill {
  /** Of the machines that it runs on. */
  readonly architecture: Architecture;
  /** The server etcd of each minor, its path absolute. */
  readonly etcd: readonly (KopiaProgram & { readonly minor: ToolsMinor })[];
  /** Those of the clusters that have `drill.every`. */
  readonly clusters: readonly { readonly name: string; readonly databaseBytes: number }[];
  /** Whether some fit a function. */
  readonly hasFunction: boolean;
  /** Whether some are too large for one. */
  readonly hasTask: boolean;
}

/** A program by its file. */
export interface KopiaProgram {
  /** The file, of the architecture that the functions run on. */
  readonly path: string;
  /** In hex. */
  readonly sha256: string;
}

/** A replica. */
export interface DeployedReplica {
  /** The bucket that the role of the verification fills with copies. */
  readonly store: S3Store;
  /** The ARN of the key that wraps for it; undefined where the vault's own key does. */
  readonly wrappingKey: string | undefined;
}

/** A cluster of the configuration. */
export interface DeployedCluster {
  /** Its name. */
  readonly name: string;
  /** What the configuration asks for. */
  readonly demands: ClusterDemands;
  /** What follows from it. */
  readonly plan: ClusterPlan;
  /** What the backup function reads from AWS to connect. */
  readonly secrets: readonly CloudReference[];
  /** The same of the verify function, which asks members whether they confirm snapshots; empty where it does not. */
  readonly verifySecrets: readonly CloudReference[];
}

/** How a configuration is to be deployed. */
export interface DeploymentOptions {
  /**
   * The app hands in a VPC and a TaskHost: a cluster that does not fit the 15 minutes of a function then needs no `service.network` in the file.
   *
   * @default false
   */
  readonly ownNetwork?: boolean;
}

/**
 * Reads lifeboat.yaml at `path`. Throws a LifeboatError: `config/invalid` names every setting that is wrong or cannot be deployed, `config/not-found` says that there is no
 * such file.
 */
export async function readDeployment(path: string, options: DeploymentOptions = {}): Promise<Deployment> {
  return deploymentOf(await loadConfig(path), resolve(path), options);
}

/** Throws `config/invalid`. */
function deploymentOf(loaded: LoadedConfig, path: string, { ownNetwork = false }: DeploymentOptions): Deployment {
  const { config, file } = loaded;
  const problems: string[] = [];
  const { keys } = config;
  const store = objectStoreOf(config.store);
  const at = config.store.kind === "kopia" ? "store.manifests" : "store";
  if (store.kind !== "s3") problems.push(`${at}: functions keep nothing on a disk; use { kind: s3, bucket: ..., region: ... }`);
  if (store.kind === "s3" && store.profile !== undefined) problems.push(`${at}.profile: ${NO_PROFILES}`);
  if (keys.kind !== "kms") problems.push("keys: functions hold no key files; use { kind: kms, ... }");
  if (store.kind === "s3" && keys.kind === "kms" && store.region !== keys.region)
    problems.push(
      `keys.region: ${keys.region} is not the ${store.region} of the store; the vault is one stack, and a stack has one region`,
    );
  if (store.kind === "s3") problems.push(...endpointProblem(`${at}.endpoint`, store.endpoint, "the vault's bucket is"));
  if (keys.kind === "kms") problems.push(...endpointProblem("keys.endpoint", keys.endpoint, "the vault's keys are"));
  if (store.kind === "s3" && keys.kind === "kms") problems.push(...keyProblems(keys, store, config.service));
  const isFleet = config.service.fleet !== undefined;
  problems.push(...replicaProblems(config), ...(isFleet ? fleetProblems(config) : nameProblems(config)), ...kopiaProblems(config));
  if (!isFleet && config.fleet.length > 0)
    problems.push("fleet: functions have lifeboat.yaml alone, and no files of teams; set service.fleet, whose clusters the store lists");
  const kopia = kopiaOf(loaded);
  const drill = drillOf(loaded);
  problems.push(...drillProblems(config, drill, ownNetwork));

  // Those of a fleet are listed in the store, and known to no template.
  const clusters = Object.entries(isFleet ? {} : config.clusters).flatMap(([name, cluster]) => {
    const found = clusterOf(name, cluster);
    if (found.deployed?.plan.sizes.kind === "task" && config.service.network === undefined && !ownNetwork)
      problems.push(
        `clusters.${name}.service.databaseSize: its backup may take more than the 15 minutes of a function; name service.network, so that it runs as a task there`,
      );
    if (found.deployed?.plan.sizes.kind === "task" && kopia !== undefined)
      problems.push(
        `clusters.${name}.service.databaseSize: its backup may take more than the 15 minutes of a function, and a task has no kopia; keep it in a store of objects`,
      );
    problems.push(...found.problems.map((problem) => `clusters.${name}.${problem}`));
    return found.deployed === undefined ? [] : [found.deployed];
  });
  const authorities = isFleet ? [] : readAuthorities(loaded, problems);
  if (problems.length > 0 || store.kind !== "s3" || keys.kind !== "kms") {
    throw new LifeboatError("config/invalid", problems.map((problem) => `${file}: ${problem}`).join("\n"), {
      hint: 'docs/cli.md, "Settings of the service", says what can be deployed',
    });
  }
  return {
    loaded,
    configuration: { path, authorities, clusters: clusters.map(({ name }) => name) },
    store,
    kopia,
    drill,
    keys,
    service: config.service,
    clusters,
    replicas: config.replicas.flatMap(({ store: each, wrap }) =>
      each.kind === "s3" ? [{ store: each, wrappingKey: wrap?.kind === "kms" ? wrap.key : undefined }] : [],
    ),
  };
}

const NO_WAY_OUT = "from a network without NAT, whose endpoints lead to services of its own region";
const NO_PROFILES = "a function has no profiles, but its role; leave it out";

/** Undefined also where it cannot be deployed: `kopiaProblems` says why. */
function kopiaOf({ config: { store, service }, directory }: LoadedConfig): DeployedKopia | undefined {
  if (store.kind !== "kopia" || store.repository.kind !== "s3" || service.kopia === undefined) return undefined;
  const { path, sha256 } = service.kopia;
  return { repository: store.repository, program: { path: resolve(directory, path), sha256 } };
}

function kopiaProblems({ store, service, keys }: Config): string[] {
  if (store.kind !== "kopia")
    return service.kopia === undefined ? [] : ["service.kopia: the store is no Kopia repository; leave it out, or name one under store"];
  const { repository, manifests } = store;
  const problems: string[] = [];
  if (service.kopia === undefined)
    problems.push("service.kopia: functions run kopia; name the program for linux-arm64: { path: ./kopia, sha256: ... }");
  if (service.desk.enabled)
    problems.push(
      "service.desk.enabled: the desk publishes bundles, which have no copy of a snapshot in a Kopia repository; make them with lifeboat bundle --out",
    );
  if (repository.kind !== "s3")
    return [...problems, "store.repository: functions keep nothing on a disk; use { kind: s3, bucket: ..., region: ... }"];
  if (repository.profile !== undefined) problems.push(`store.repository.profile: ${NO_PROFILES}`);
  problems.push(...endpointProblem("store.repository.endpoint", repository.endpoint, "the bucket is"));
  if (manifests.kind === "s3" && manifests.bucket === repository.bucket)
    problems.push(
      "store.repository.bucket: it is the vault's, whose policy lets nobody write over or remove objects as Kopia does; give it a bucket of its own",
    );
  if (service.network?.nat === false && keys.kind === "kms" && repository.region !== keys.region)
    problems.push(`store.repository.region: the bucket cannot be reached ${NO_WAY_OUT}`);
  return problems;
}

function drillOf({ config: { service, clusters }, directory }: LoadedConfig): DeployedDrill | undefined {
  if (service.drill === undefined) return undefined;
  const isFleet = service.fleet !== undefined;
  const drilled = Object.entries(isFleet ? {} : clusters).flatMap(([name, cluster]) =>
    cluster.drill.every === undefined ? [] : [{ name, databaseBytes: cluster.service.databaseSize }],
  );
  return {
    architecture: service.drill.architecture,
    etcd: TOOLS_MINORS.flatMap((minor) => {
      const program = service.drill?.etcd[minor];
      return program === undefined ? [] : [{ minor, path: resolve(directory, program.path), sha256: program.sha256 }];
    }),
    clusters: drilled,
    hasFunction: isFleet || drilled.some(({ databaseBytes }) => databaseBytes <= LARGEST_DRILL_IN_FUNCTION_BYTES),
    hasTask: drilled.some(({ databaseBytes }) => databaseBytes > LARGEST_DRILL_IN_FUNCTION_BYTES),
  };
}

function drillProblems({ store, service }: Config, drill: DeployedDrill | undefined, ownNetwork: boolean): string[] {
  if (drill === undefined) return [];
  const problems: string[] = [];
  if (drill.clusters.length === 0 && service.fleet === undefined)
    problems.push("service.drill: no cluster has drill.every; say there how often, or leave it out");
  if (store.kind === "kopia")
    problems.push("service.drill: functions drill no snapshot in a Kopia repository; run lifeboat drill on a machine that has kopia");
  if (drill.hasTask && service.network?.nat === false)
    problems.push(
      "service.network.nat: a task that drills calls Lambda, which a network without NAT does not reach; let it, or drill that cluster elsewhere",
    );
  for (const { name, databaseBytes } of drill.clusters) {
    const at = `clusters.${name}.service.databaseSize`;
    if (databaseBytes > LARGEST_DRILL_BYTES)
      problems.push(`${at}: what a drill restores does not fit the disk of a task; at most ${LARGEST_DRILL_BYTES / 2 ** 30}GiB do`);
    else if (databaseBytes > LARGEST_DRILL_IN_FUNCTION_BYTES && service.network === undefined && !ownNetwork)
      problems.push(
        `${at}: what a drill restores does not fit the disk of a function; name service.network, so that it runs as a task there`,
      );
  }
  return problems;
}

/** Private endpoints of AWS are ones as well: bucket.vpce-0123-4567.s3.eu-central-1.vpce.amazonaws.com. */
function endpointProblem(setting: string, endpoint: string | undefined, what: string): string[] {
  if (endpoint === undefined || /\.amazonaws\.com(\.cn)?$/.test(new URL(endpoint).hostname)) return [];
  return [`${setting}: ${what} in AWS, and functions would look for it at ${endpoint}; leave it out`];
}

const NAMEABLE = "name it by alias/NAME, and the vault makes it, or by the ARN of a key that is there; policies need one or the other";
const KEY_ARN = /^arn:[^:]+:kms:([^:]+):\d{12}:key\//;

function keyProblems({ wrap, sign }: Deployment["keys"], store: S3Store, service: Deployment["service"]): string[] {
  const named = {
    "keys.wrap": wrap,
    "keys.sign.snapshot": sign.snapshot,
    "keys.sign.audit": sign.audit,
    "keys.sign.bundle": sign.bundle,
    ...(store.sse === undefined ? {} : { "store.sse.kmsKey": store.sse.kmsKey }),
  };
  const problems = Object.entries(named).flatMap(([setting, key]) => {
    const region = KEY_ARN.exec(key)?.[1];
    if (region === undefined && !key.startsWith("alias/")) return [`${setting}: ${NAMEABLE}`];
    if (key.startsWith("alias/aws/")) return [`${setting}: aliases that begin with alias/aws/ are AWS's own; take another`];
    return region === undefined || region === store.region
      ? []
      : [`${setting}: the key is in ${region}, and bucket and functions are in ${store.region}`];
  });
  // Who writes may decrypt by the bucket's key, through S3.
  const bucketKey = bucketKeyName(store, service);
  const shared = Object.entries(named).find(([setting, key]) => setting.startsWith("keys.") && key === bucketKey);
  if (shared !== undefined) problems.push(`${shared[0]}: ${bucketKey} is the key of the bucket, and each has a key of its own`);
  // The backup's role decrypts its secrets by these.
  if (service.secretKeys.includes(wrap))
    problems.push(
      "service.secretKeys: one of them is keys.wrap, by which what backs up must not decrypt; give the secrets a key of their own",
    );
  return problems;
}

/** The alias or the ARN of the key that encrypts the bucket at rest. */
export function bucketKeyName({ sse }: Deployment["store"], { name }: Deployment["service"]): string {
  return sse?.kmsKey ?? `alias/${name}-bucket`;
}

function replicaProblems({ replicas, service, keys }: Config): string[] {
  return replicas.flatMap(({ name, wrap, store }, index) => {
    const at = `replicas.${index}`;
    const problems: string[] = [];
    const isInside = service.network?.nat === false && keys.kind === "kms";
    if (isInside && wrap?.kind === "kms" && wrap.region !== keys.region)
      problems.push(`${at}.wrap: the key of ${name} cannot be reached ${NO_WAY_OUT}`);
    if (wrap?.kind === "kms" && !KEY_ARN.test(wrap.key))
      problems.push(`${at}.wrap.key: name the key of ${name} by its ARN, so that the role of the backup can be allowed to encrypt by it`);
    if (store.kind === "kopia")
      problems.push(
        `${at}.store: functions fill no replica that is a Kopia repository; leave it out of this file, and run lifeboat copy with another one where kopia is`,
      );
    else if (store.kind !== "s3")
      problems.push(`${at}.store: functions keep nothing on a disk; use { kind: s3, ... }, or another file for the command line`);
    else if (isInside && (store.endpoint !== undefined || store.region !== keys.region))
      problems.push(`${at}.store: ${name} cannot be reached ${NO_WAY_OUT}`);
    else if (store.sse !== undefined && !KEY_ARN.test(store.sse.kmsKey))
      problems.push(`${at}.store.sse.kmsKey: name the key by its ARN, so that the role that fills ${name} can be allowed to use it`);
    return problems;
  });
}

function fleetProblems({ service, store }: Config): string[] {
  const { fleet, network } = service;
  if (fleet === undefined) return [];
  const problems: string[] = [];
  if (store.kind === "kopia")
    problems.push("service.fleet: the one password of a Kopia repository opens all clusters in it; keep them in a store of objects");
  if (sizesFor(fleet.databaseSize, fleet.megabytesPerSecond).kind === "task")
    problems.push(
      "service.fleet.databaseSize: a backup may take more than the 15 minutes of a function, and a fleet has functions alone; keep larger clusters in a service of their own over the same vault",
    );
  const shared = [...Object.values(fleet.networks), ...(network === undefined ? [] : [network])].filter(({ nat }) => !nat);
  for (const { vpc } of shared)
    if (shared.filter((each) => each.vpc === vpc).length > 1)
      problems.push(
        `service.fleet.networks: two networks without NAT are in ${vpc}, which has each endpoint of AWS once; make one of them`,
      );
  return [...new Set(problems)];
}

function nameProblems({ service, clusters: settings }: Config): string[] {
  const clusters = Object.keys(settings);
  if (clusters.length === 0) return ["clusters: there are none to back up"];
  const byName = new Map<string, string>();
  return clusters.flatMap((cluster) => {
    const machine = stateMachineName(service.name, cluster);
    const other = byName.get(machine);
    byName.set(machine, cluster);
    return other === undefined ? [] : [`clusters.${cluster}: its state machine would be called as that of ${other}; rename one of them`];
  });
}

/** Problems begin with the setting below the cluster. */
function clusterOf(
  name: string,
  cluster: ClusterConfig,
): { readonly deployed: DeployedCluster | undefined; readonly problems: readonly string[] } {
  const { databaseSize, megabytesPerSecond, flexibleWindow = 0, grace } = cluster.service;
  const demands: ClusterDemands = {
    schedule: cluster.schedule,
    rpoMs: cluster.rpo,
    deepEveryMs: cluster.verify.deepVerify,
    flexibleWindowMs: flexibleWindow,
    graceMs: grace,
    databaseBytes: databaseSize,
    megabytesPerSecond,
  };
  const { plan, problems: found } = planCluster(demands);
  const access = { backup: backupAccess(name, cluster), verify: verifierAccess(name, cluster) };
  const isAsking = cluster.verify.confirm !== "off" && cluster.agreement !== "off";
  const problems = [
    ...referenceProblems(name, [access.backup, access.verify]),
    ...found.map(({ setting, message }) => `${setting}: ${message}`),
  ];
  if (plan === undefined) return { deployed: undefined, problems };
  const secrets = cloudSecrets(access.backup);
  return { deployed: { name, demands, plan, secrets, verifySecrets: isAsking ? cloudSecrets(access.verify) : [] }, problems };
}

function cloudSecrets(access: EtcdAccess): readonly CloudReference[] {
  return secretsIn(access).flatMap(({ reference }) => cloudReference(reference) ?? []);
}

/** Each once, by its setting below the cluster: what one role has of the other is the same setting. */
function referenceProblems(name: string, accesses: readonly EtcdAccess[]): readonly string[] {
  const bySetting = new Map(
    accesses.flatMap(secretsIn).map(({ setting, reference }) => [setting.slice(`clusters.${name}.`.length), reference]),
  );
  return [...bySetting].flatMap(([setting, reference]) => {
    if (reference.startsWith("env:"))
      return [`${setting}: a function has no such variable; keep it in AWS and write secretsmanager:NAME#FIELD or ssm:NAME`];
    if (reference.startsWith("file:") && !setting.endsWith("tls.ca"))
      return [`${setting}: a secret would lie in the function's code; keep it in AWS and write secretsmanager:NAME#FIELD or ssm:NAME`];
    return [];
  });
}
