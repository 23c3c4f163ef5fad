import { resolve } from "node:path";
import { loadConfig } from "../shared/config/load.ts";
import type { LoadedConfig } from "../shared/config/load.ts";
import type { ClusterConfig, Config } from "../shared/config/schema.ts";
import { cloudReference } from "../shared/config/secrets.ts";
import type { CloudReference } from "../shared/config/secrets.ts";
import { LifeboatError } from "../shared/errors.ts";
import { stateMachineName } from "../shared/service.ts";
import { alarmWindow } from "./alarm-window.ts";
import type { AlarmWindow } from "./alarm-window.ts";
import { readAuthorities } from "./authorities.ts";
import { scheduleExpression } from "./schedule/expression.ts";
import type { ScheduleExpression } from "./schedule/expression.ts";
import { LARGEST_DATABASE_BYTES, sizesFor } from "./sizes.ts";
import type { Sizes } from "./sizes.ts";

/** A lifeboat.yaml that can be deployed, with what follows from it. */
export interface Deployment {
  readonly loaded: LoadedConfig;
  /** Of lifeboat.yaml, absolute. */
  readonly path: string;
  readonly store: Extract<Config["store"], { kind: "s3" }>;
  readonly keys: Extract<Config["keys"], { kind: "kms" }>;
  readonly service: Config["service"];
  readonly clusters: readonly DeployedCluster[];
  /** Paths of certificates of authorities, relative to the configuration: functions carry them. */
  readonly authorities: readonly string[];
  /** ARNs of the keys that wrap for replicas. */
  readonly replicaKeys: readonly string[];
  /** Buckets that the role that verifies fills with copies. */
  readonly replicas: readonly ReplicaStore[];
}

/** A replica's bucket. */
export type ReplicaStore = Extract<Config["store"], { kind: "s3" }>;

export interface DeployedCluster {
  readonly name: string;
  readonly sizes: Sizes;
  readonly schedule: ScheduleExpression;
  /** 0 for none. */
  readonly flexibleMinutes: number;
  /** No backup for so long is an alarm: the longest gap of the schedule, its window, the time of a run, and the grace. */
  readonly silence: AlarmWindow;
  /** No verification for so long is one: the same, and the time of the verification. */
  readonly unverified: AlarmWindow;
  /** How often somebody looks whether the newest good snapshot is younger than the rpo. */
  readonly checkMinutes: number;
  /** What the functions read from AWS to connect. */
  readonly secrets: readonly CloudReference[];
}

/** Reads lifeboat.yaml at `path`. Throws as loadConfig, and `config/invalid` naming every setting that cannot be deployed. */
export async function readDeployment(path: string): Promise<Deployment> {
  return deploymentOf(await loadConfig(path), resolve(path));
}

/** Throws `config/invalid`. */
function deploymentOf(loaded: LoadedConfig, path: string): Deployment {
  const { config, file } = loaded;
  const problems: string[] = [];
  const { store, keys } = config;
  if (store.kind !== "s3") problems.push("store: functions keep nothing on a disk; use { kind: s3, bucket: ..., region: ... }");
  if (store.kind === "s3" && store.profile !== undefined)
    problems.push("store.profile: a function has no profiles, but its role; leave it out");
  if (keys.kind !== "kms") problems.push("keys: functions hold no key files; use { kind: kms, ... }");
  if (store.kind === "s3" && keys.kind === "kms" && store.region !== keys.region)
    problems.push(
      `keys.region: ${keys.region} is not the ${store.region} of the store; the vault is one stack, and a stack has one region`,
    );
  if (store.kind === "s3") problems.push(...endpointProblem("store.endpoint", store.endpoint, "the vault's bucket is"));
  if (keys.kind === "kms") problems.push(...endpointProblem("keys.endpoint", keys.endpoint, "the vault's keys are"));
  if (store.kind === "s3" && keys.kind === "kms") problems.push(...keyProblems(keys, store, config.service));
  problems.push(...replicaProblems(config), ...nameProblems(config));

  const clusters = Object.entries(config.clusters).flatMap(([name, cluster]) => {
    const found = clusterOf(name, cluster);
    if (found.deployed?.sizes.kind === "task" && config.service.network === undefined)
      problems.push(
        `clusters.${name}.service.databaseSize: its backup may take more than the 15 minutes of a function; name service.network, so that it runs as a task there`,
      );
    problems.push(...found.problems.map((problem) => `clusters.${name}.${problem}`));
    return found.deployed === undefined ? [] : [found.deployed];
  });
  const authorities = readAuthorities(loaded, problems);
  if (problems.length > 0 || store.kind !== "s3" || keys.kind !== "kms") {
    throw new LifeboatError("config/invalid", problems.map((problem) => `${file}: ${problem}`).join("\n"), {
      hint: 'docs/cli.md, "Settings of the service", says what can be deployed',
    });
  }
  return {
    loaded,
    path,
    store,
    keys,
    service: config.service,
    clusters,
    authorities,
    replicaKeys: replicaKeys(config),
    replicas: replicaStores(config),
  };
}

/** Private endpoints of AWS are ones as well: bucket.vpce-0123-4567.s3.eu-central-1.vpce.amazonaws.com. */
function endpointProblem(setting: string, endpoint: string | undefined, what: string): string[] {
  if (endpoint === undefined || /\.amazonaws\.com(\.cn)?$/.test(new URL(endpoint).hostname)) return [];
  return [`${setting}: ${what} in AWS, and functions would look for it at ${endpoint}; leave it out`];
}

const NAMEABLE = "name it by alias/NAME, and the vault makes it, or by the ARN of a key that is there; policies need one or the other";
const KEY_ARN = /^arn:[^:]+:kms:([^:]+):\d{12}:key\//;

function keyProblems({ wrap, sign }: Deployment["keys"], store: ReplicaStore, service: Deployment["service"]): string[] {
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

const NO_WAY_OUT = "from a network without NAT, whose endpoints lead to services of its own region";

function replicaProblems({ replicas, service, keys }: Config): string[] {
  return replicas.flatMap(({ name, wrap, store }, index) => {
    const at = `replicas.${index}`;
    const problems: string[] = [];
    const isInside = service.network?.nat === false && keys.kind === "kms";
    if (isInside && wrap?.kind === "kms" && wrap.region !== keys.region)
      problems.push(`${at}.wrap: the key of ${name} cannot be reached ${NO_WAY_OUT}`);
    if (wrap?.kind === "kms" && !KEY_ARN.test(wrap.key))
      problems.push(`${at}.wrap.key: name the key of ${name} by its ARN, so that the role of the backup can be allowed to encrypt by it`);
    if (store.kind !== "s3")
      problems.push(`${at}.store: functions keep nothing on a disk; use { kind: s3, ... }, or another file for the command line`);
    else if (isInside && (store.endpoint !== undefined || store.region !== keys.region))
      problems.push(`${at}.store: ${name} cannot be reached ${NO_WAY_OUT}`);
    else if (store.sse !== undefined && !KEY_ARN.test(store.sse.kmsKey))
      problems.push(`${at}.store.sse.kmsKey: name the key by its ARN, so that the role that fills ${name} can be allowed to use it`);
    return problems;
  });
}

function replicaStores({ replicas }: Config): readonly ReplicaStore[] {
  return replicas.flatMap(({ store }) => (store.kind === "s3" ? [store] : []));
}

function replicaKeys({ replicas }: Config): readonly string[] {
  return replicas.flatMap(({ wrap }) => (wrap?.kind === "kms" ? [wrap.key] : []));
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

const MINUTE_MS = 60_000;
/** What EventBridge Scheduler takes. */
const LONGEST_WINDOW_MINUTES = 1440;

/** Problems begin with the setting below the cluster. */
function clusterOf(
  name: string,
  cluster: ClusterConfig,
): { readonly deployed: DeployedCluster | undefined; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const { databaseSize, megabytesPerSecond, flexibleWindow = 0, grace } = cluster.service;
  if (databaseSize > LARGEST_DATABASE_BYTES)
    problems.push(
      `service.databaseSize: the proof of so many entries does not fit the memory of a task; at most ${LARGEST_DATABASE_BYTES / 2 ** 30}GiB do`,
    );
  if (flexibleWindow % MINUTE_MS !== 0 || flexibleWindow > LONGEST_WINDOW_MINUTES * MINUTE_MS)
    problems.push(`service.flexibleWindow: AWS takes whole minutes, at most ${LONGEST_WINDOW_MINUTES / 60}h`);
  problems.push(...referenceProblems(cluster));

  const schedule = scheduleExpression(cluster.schedule);
  if (typeof schedule === "string") return { deployed: undefined, problems: [...problems, `schedule: ${schedule}`] };
  const sizes = sizesFor(databaseSize, megabytesPerSecond);
  const runMs = (sizes.startSeconds + sizes.seconds) * 1000;
  const between = schedule.longestGapMs + flexibleWindow + runMs;
  const silence = alarmWindow(between + grace);
  const unverified = alarmWindow(between + runMs + grace);
  if (silence === undefined || unverified === undefined)
    problems.push(
      "schedule: leaves gaps that no alarm of CloudWatch can watch, which looks back seven days; back up at least every six days",
    );
  if (cluster.rpo < between + runMs)
    problems.push(
      `rpo: ${minutes(between + runMs)} minutes can lie between two verified backups by the schedule, its window and the time of a run; back up more often, or take a larger rpo`,
    );
  if (silence === undefined || unverified === undefined) return { deployed: undefined, problems };
  const secrets = references(cluster).flatMap(([, reference]) => cloudReference(reference) ?? []);
  return {
    deployed: {
      name,
      sizes,
      schedule,
      flexibleMinutes: flexibleWindow / MINUTE_MS,
      silence,
      unverified,
      checkMinutes: checkMinutes(cluster.rpo),
      secrets,
    },
    problems,
  };
}

/** Six times in an rpo, so that it is known soon, and not more often than is worth its requests. */
function checkMinutes(rpoMs: number): number {
  return Math.max(5, Math.min(60, Math.floor(rpoMs / 6 / MINUTE_MS)));
}

function minutes(ms: number): number {
  return Math.ceil(ms / MINUTE_MS);
}

function references({ tls, auth }: ClusterConfig): readonly (readonly [setting: string, reference: string])[] {
  const all = { "tls.ca": tls?.ca, "tls.cert": tls?.cert, "tls.key": tls?.key, "auth.password": auth?.password };
  return Object.entries(all).flatMap(([setting, reference]) => (reference === undefined ? [] : [[setting, reference] as const]));
}

function referenceProblems(cluster: ClusterConfig): string[] {
  return references(cluster).flatMap(([setting, reference]) => {
    if (reference.startsWith("env:"))
      return [`${setting}: a function has no such variable; keep it in AWS and write secretsmanager:NAME#FIELD or ssm:NAME`];
    if (reference.startsWith("file:") && setting !== "tls.ca")
      return [`${setting}: a secret would lie in the function's code; keep it in AWS and write secretsmanager:NAME#FIELD or ssm:NAME`];
    return [];
  });
}

/** Throws `config/not-found` for a name that is not there. */
export function clusterNamed({ clusters, loaded }: Deployment, name: string): DeployedCluster {
  const found = clusters.find((each) => each.name === name);
  if (found !== undefined) return found;
  throw new LifeboatError("config/not-found", `${loaded.file} has no cluster ${name}`, {
    hint: `there are ${clusters.map((each) => each.name).join(", ")}`,
  });
}
