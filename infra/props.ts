import { ArnFormat, Duration, Size, Stack } from "aws-cdk-lib";
import { SecurityGroup, Subnet, Vpc } from "aws-cdk-lib/aws-ec2";
import { Key } from "aws-cdk-lib/aws-kms";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { RetentionDays } from "aws-cdk-lib/aws-logs";
import { Bucket, ObjectLockRetention } from "aws-cdk-lib/aws-s3";
import { Secret } from "aws-cdk-lib/aws-secretsmanager";
import type { ISecret } from "aws-cdk-lib/aws-secretsmanager";
import { Construct } from "constructs";
import { DEFAULT_NETWORK } from "../shared/config/fleet-schema.ts";
import type { CloudReference } from "../shared/config/secrets.ts";
import { LifeboatError } from "../shared/errors.ts";
import { acknowledge } from "./acknowledge.ts";
import type { AuditProps } from "./constructs/audit.ts";
import type { BackupFleetProps } from "./constructs/backup-fleet.ts";
import type { BackupTimes, ClusterBackupProps } from "./constructs/cluster-backup.ts";
import type { DeskProps } from "./constructs/desk.ts";
import type { DrillsProps } from "./constructs/drills.ts";
import type { KeeperProps } from "./constructs/keeper.ts";
import { keeperRoleArn } from "./constructs/keeper-names.ts";
import type { KopiaRepository } from "./constructs/kopia-access.ts";
import { kopiaLayer } from "./constructs/kopia-layer.ts";
import type { NetworkPlacement } from "./constructs/network.ts";
import type { SnapshotVaultProps } from "./constructs/snapshot-vault.ts";
import type { KeyOrAlias } from "./constructs/vault-keys.ts";
import type { Replica } from "./constructs/vault.ts";
import { bucketKeyName } from "./deployment.ts";
import type { DeployedCluster, DeployedDrill, DeployedReplica, Deployment } from "./deployment.ts";

/** lifeboat.yaml as props of the constructs. What the file names by ARN or id is imported, in a scope of its own below `scope`. */

/** Props of the vault: bucket and keys as the configuration names them. */
export function snapshotVaultProps(scope: Construct, deployment: Deployment): SnapshotVaultProps {
  const { store, keys, service } = deployment;
  const imports = new Construct(scope, "VaultSettings");
  const keyOrAlias = (id: string, name: string): KeyOrAlias => (name.startsWith("alias/") ? name : Key.fromKeyArn(imports, id, name));
  return {
    bucketName: store.bucket,
    prefix: store.prefix,
    objectLock: store.lock === undefined ? undefined : retention(store.lock),
    bucketKey: keyOrAlias("BucketKey", bucketKeyName(store, service)),
    wrappingKey: keyOrAlias("WrappingKey", keys.wrap),
    retiredKeys: keysByArn(imports, keys.retired),
    signingKeys: {
      snapshot: keyOrAlias("SnapshotKey", keys.sign.snapshot),
      audit: keyOrAlias("AuditKey", keys.sign.audit),
      bundle: keyOrAlias("BundleKey", keys.sign.bundle),
    },
    keepers: [keeperRoleArn(service.name), ...service.keepers],
  };
}

/**
 * Props of one cluster's backup, but for vault, notifications, network and tasks, which the app hands in. Throws a LifeboatError `config/not-found` for a cluster that the configuration does not
 * have.
 */
export function clusterBackupProps(
  scope: Construct,
  deployment: Deployment,
  name: string,
): Omit<ClusterBackupProps, "vault" | "notifications" | "network" | "tasks"> {
  const { service, configuration, replicas } = deployment;
  const cluster = clusterNamed(deployment, name);
  const { demands } = cluster;
  const imports = new Construct(scope, `${name}Settings`);
  return {
    cluster: name,
    configuration,
    serviceName: service.name,
    schedule: timesOf(demands.schedule),
    flexibleWindow: Duration.millis(demands.flexibleWindowMs),
    rpo: Duration.millis(demands.rpoMs),
    deepVerify: Duration.millis(demands.deepEveryMs),
    grace: Duration.millis(demands.graceMs),
    databaseSize: Size.bytes(demands.databaseBytes),
    megabytesPerSecond: demands.megabytesPerSecond,
    ...secretsOf(imports, cluster),
    ...verifySecretsOf(imports, cluster),
    secretKeys: keysByArn(imports, service.secretKeys),
    replicas: replicas.map((replica, index) => replicaOf(new Construct(imports, `Replica${index}`), replica)),
    runbook: service.runbook,
    logRetention: logRetention(service.logDays),
  };
}

/** Props of a fleet, but for vault and notifications, which the app hands in. Throws a LifeboatError `config/invalid` where the configuration has no `service.fleet`. */
export function backupFleetProps(scope: Construct, deployment: Deployment): Omit<BackupFleetProps, "vault" | "notifications"> {
  const { service, configuration, replicas, drill } = deployment;
  const { fleet } = service;
  if (fleet === undefined)
    throw new LifeboatError("config/invalid", `${configuration.path} has no service.fleet`, { hint: "set service: { fleet: true }" });
  const imports = new Construct(scope, "FleetSettings");
  const networks: Record<string, NetworkPlacement | undefined> = { [DEFAULT_NETWORK]: networkPlacement(scope, deployment) };
  for (const [name, network] of Object.entries(fleet.networks)) networks[name] = placementOf(new Construct(imports, name), network);
  return {
    configuration,
    serviceName: service.name,
    networks,
    databaseSize: Size.bytes(fleet.databaseSize),
    megabytesPerSecond: fleet.megabytesPerSecond,
    concurrency: fleet.concurrency,
    secretKeys: keysByArn(imports, service.secretKeys),
    replicas: replicas.map((replica, index) => replicaOf(new Construct(imports, `Replica${index}`), replica)),
    hasDrills: drill !== undefined,
    runbook: service.runbook,
    logRetention: logRetention(service.logDays),
  };
}

/** Props of the keeper, but for vault and notifications, which the app hands in. */
export function keeperProps({ configuration, service, store }: Deployment): Omit<KeeperProps, "vault" | "notifications"> {
  return {
    configuration,
    serviceName: service.name,
    keptDays: store.lock?.keptDays,
    fleet: service.fleet !== undefined,
    runbook: service.runbook,
    logRetention: logRetention(service.logDays),
  };
}

/** Props of the desk, but for vault and notifications, which the app hands in. */
export function deskProps({ configuration, service }: Deployment): Omit<DeskProps, "vault" | "notifications"> {
  const { architectures, requireMfa } = service.desk;
  return {
    configuration,
    serviceName: service.name,
    architectures,
    requireMfa,
    fleet: service.fleet !== undefined,
    runbook: service.runbook,
    logRetention: logRetention(service.logDays),
  };
}

/** Props of the audit, but for vault and notifications, which the app hands in. */
export function auditProps(
  scope: Construct,
  { configuration, service, replicas }: Deployment,
): Omit<AuditProps, "vault" | "notifications"> {
  const imports = new Construct(scope, "AuditSettings");
  return {
    configuration,
    replicas: replicas.map((replica, index) => replicaOf(new Construct(imports, `Replica${index}`), replica)),
    serviceName: service.name,
    fleet: service.fleet !== undefined,
    runbook: service.runbook,
    logRetention: logRetention(service.logDays),
  };
}

/** Props of the drills, but for vault, notifications and network, which the app hands in. */
export function drillsProps(
  { configuration, service }: Deployment,
  { architecture, etcd, clusters }: DeployedDrill,
): Omit<DrillsProps, "vault" | "notifications" | "network"> {
  return {
    configuration,
    clusters,
    etcd,
    architecture,
    serviceName: service.name,
    fleet: service.fleet !== undefined,
    runbook: service.runbook,
    logRetention: logRetention(service.logDays),
  };
}

/** Where the functions run by `service.network`; undefined without it. The VPC is seen without asking AWS. */
export function networkPlacement(scope: Construct, deployment: Deployment): NetworkPlacement | undefined {
  const { service } = deployment;
  return service.network === undefined ? undefined : placementOf(new Construct(scope, "NetworkSettings"), service.network);
}

function placementOf(imports: Construct, { vpc, subnets, securityGroup }: NetworkSettings): NetworkPlacement {
  const imported = subnets.map((subnetId) => Subnet.fromSubnetAttributes(imports, subnetId, { subnetId }));
  for (const subnet of imported)
    acknowledge(subnet, "Annotation::@aws-cdk/aws-ec2:noSubnetRouteTableId", "nothing asks a subnet for its routes");
  return {
    // CDK wants a zone, and nothing here is placed by one: subnets are named.
    vpc: Vpc.fromVpcAttributes(imports, "Vpc", { vpcId: vpc, availabilityZones: ["any"] }),
    vpcSubnets: { subnets: imported },
    // Its rules are its owner's: that it reaches etcd, and HTTPS.
    securityGroup: SecurityGroup.fromSecurityGroupId(imports, "SecurityGroup", securityGroup, { mutable: false }),
  };
}

/** The Kopia repository of the configuration, with the layer of its program in the stack of `scope`; undefined where the store is none. */
export function kopiaRepository(scope: Construct, { kopia }: Deployment): KopiaRepository | undefined {
  if (kopia === undefined) return undefined;
  const { bucket, prefix, region, lock } = kopia.repository;
  const imports = new Construct(scope, "KopiaSettings");
  return {
    bucket: Bucket.fromBucketAttributes(imports, "Bucket", { bucketName: bucket, region }),
    prefix,
    lockDays: lock?.days,
    layer: kopiaLayer(imports, "Program", kopia.program),
  };
}

type NetworkSettings = NonNullable<Deployment["service"]["network"]>;

function clusterNamed({ clusters, configuration }: Deployment, name: string): DeployedCluster {
  const found = clusters.find((each) => each.name === name);
  if (found !== undefined) return found;
  throw new LifeboatError("config/not-found", `${configuration.path} has no cluster ${name}`, {
    hint: `there are ${configuration.clusters.join(", ")}`,
  });
}

function keysByArn(scope: Construct, arns: readonly string[]): readonly IKey[] {
  return arns.map((arn) => Key.fromKeyArn(scope, arn, arn));
}

function timesOf(schedule: DeployedCluster["demands"]["schedule"]): BackupTimes {
  return "rate" in schedule ? { rate: Duration.millis(schedule.rate) } : schedule;
}

function secretsOf(
  scope: Construct,
  { secrets }: Pick<DeployedCluster, "secrets">,
): Required<Pick<ClusterBackupProps, "secrets" | "parameters">> {
  return {
    secrets: namesOf(secrets, "secretsmanager").map((name) => secretNamed(scope, name)),
    parameters: namesOf(secrets, "ssm").map((name) => ({ parameterArn: parameterArn(scope, name) })),
  };
}

function verifySecretsOf(
  scope: Construct,
  { verifySecrets }: DeployedCluster,
): Required<Pick<ClusterBackupProps, "verifySecrets" | "verifyParameters">> {
  const { secrets, parameters } = secretsOf(new Construct(scope, "Verify"), { secrets: verifySecrets });
  return { verifySecrets: secrets, verifyParameters: parameters };
}

function namesOf(secrets: DeployedCluster["secrets"], service: CloudReference["service"]): readonly string[] {
  return [...new Set(secrets.filter((each) => each.service === service).map(({ name }) => name))];
}

/** By its ARN, which ends in a dash and six characters of Secrets Manager's own, or without them, or by its name. */
function secretNamed(scope: Construct, name: string): ISecret {
  if (!name.startsWith("arn:")) return Secret.fromSecretNameV2(scope, name, name);
  return /-[A-Za-z0-9]{6}$/.test(name) ? Secret.fromSecretCompleteArn(scope, name, name) : Secret.fromSecretPartialArn(scope, name, name);
}

function parameterArn(scope: Construct, name: string): string {
  if (name.startsWith("arn:")) return name;
  return Stack.of(scope).formatArn({
    service: "ssm",
    resource: "parameter",
    resourceName: name.replace(/^\//, ""),
    arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
  });
}

function replicaOf(scope: Construct, { store, wrappingKey }: DeployedReplica): Replica {
  return {
    bucket: Bucket.fromBucketAttributes(scope, "Bucket", {
      bucketName: store.bucket,
      region: store.region,
      ...(store.sse === undefined ? {} : { encryptionKey: Key.fromKeyArn(scope, "BucketKey", store.sse.kmsKey) }),
    }),
    prefix: store.prefix,
    lockDays: store.lock?.days,
    wrappingKey: wrappingKey === undefined ? undefined : Key.fromKeyArn(scope, "WrappingKey", wrappingKey),
  };
}

/** The schema takes the numbers of this enumeration, and imports no CDK to say so. */
const RETENTIONS = Object.values(RetentionDays).filter((each) => typeof each === "number");

function logRetention(days: number): RetentionDays {
  return RETENTIONS.find((each: number) => each === days) ?? RetentionDays.INFINITE;
}

function retention({ mode, days }: NonNullable<Deployment["store"]["lock"]>): ObjectLockRetention {
  return mode === "compliance" ? ObjectLockRetention.compliance(Duration.days(days)) : ObjectLockRetention.governance(Duration.days(days));
}
