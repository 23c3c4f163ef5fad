import { ArnFormat, Aws, Stack } from "aws-cdk-lib";
import { Effect, Policy, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";
import type { CloudReference } from "../../shared/config/secrets.ts";
import { STORE_KEY } from "../../shared/documents/layout.ts";
import { acknowledgeWildcards } from "../acknowledge.ts";
import type { DeployedCluster, Deployment, ReplicaStore } from "../deployment.ts";
import type { SnapshotVault } from "./snapshot-vault.ts";

/** The roles of docs/threat-model.md, each for one cluster: what is not allowed here is denied. */

export interface RoleProps {
  readonly deployment: Deployment;
  readonly cluster: DeployedCluster;
  readonly vault: SnapshotVault;
  /** `lambda.amazonaws.com`, `ecs-tasks.amazonaws.com`. */
  readonly service: string;
}

/** May encrypt, sign manifests and put, and read metadata: no data, nothing wrapped, no removal. */
export function backupRole(scope: Construct, id: string, props: RoleProps): Role {
  const { deployment, cluster, vault } = props;
  return roleWith(scope, id, props, [
    // Clusters know each other's names of objects: were the right bound to a prefix, S3 would answer for an absent object as for a forbidden one.
    allow(["s3:ListBucket"], [vault.bucketArn]),
    allow(
      ["s3:GetObject", "s3:GetObjectVersion"],
      [...below(props, "snapshots", "verified", "lineage", "acceptances", "custody"), markerOf(props)],
    ),
    allowPut(deployment.store.lock, [...below(props, "data", "snapshots", "lineage", "custody"), markerOf(props)]),
    ...lockStatements(props),
    allow(["kms:Encrypt"], [vault.wrappingKey.keyArn], contextOf(cluster)),
    ...(deployment.replicaKeys.length === 0 ? [] : [allow(["kms:Encrypt"], deployment.replicaKeys, contextOf(cluster))]),
    allow(["kms:Sign", "kms:GetPublicKey"], [vault.signingKeys.snapshot.keyArn]),
    bucketKeyStatement(props),
    ...secretStatements(scope, props),
  ]);
}

/**
 * May read, unwrap and countersign what the other role put, and copy it to replicas: no manifest, no data of its own in the vault, no removal. Nor an acceptance of
 * a lineage, which is a person's word.
 */
export function verifyRole(scope: Construct, id: string, props: RoleProps): Role {
  const { deployment, cluster, vault } = props;
  return roleWith(scope, id, props, [
    allow(["s3:ListBucket"], [vault.bucketArn]),
    allow(["s3:GetObject", "s3:GetObjectVersion"], [...below(props, ""), markerOf(props)]),
    allowPut(deployment.store.lock, below(props, "verified", "custody")),
    ...lockStatements(props),
    allow(["kms:Decrypt"], [vault.wrappingKey.keyArn, ...deployment.keys.retired], contextOf(cluster)),
    // What the writer wrapped for replicas is its word: the verifier wraps it itself.
    ...(deployment.replicaKeys.length === 0 ? [] : [allow(["kms:Encrypt"], deployment.replicaKeys, contextOf(cluster))]),
    allow(["kms:Sign", "kms:GetPublicKey"], [vault.signingKeys.audit.keyArn]),
    bucketKeyStatement(props),
    ...deployment.replicas.flatMap((replica) => replicaStatements(props, replica)),
  ]);
}

/** May look at what is said of snapshots, and at nothing else: no data, nothing wrapped or signed, nothing put. */
export function checkRole(scope: Construct, id: string, props: RoleProps): Role {
  const { vault, deployment } = props;
  return roleWith(scope, id, props, [
    allow(["s3:ListBucket"], [vault.bucketArn]),
    allow(
      ["s3:GetObject", "s3:GetObjectVersion"],
      [...below(props, "snapshots", "verified", "lineage", "acceptances", "custody"), markerOf(props)],
    ),
    allow(["kms:Decrypt"], [vault.bucketKey.keyArn], viaService("s3", deployment)),
  ]);
}

function roleWith(scope: Construct, id: string, { service }: RoleProps, statements: readonly PolicyStatement[]): Role {
  const role = new Role(scope, id, { assumedBy: new ServicePrincipal(service) });
  const policy = new Policy(scope, `${id}Policy`, { statements: [...statements], roles: [role] });
  acknowledgeWildcards(
    policy,
    statements.flatMap((statement) => statement.resources),
    "the objects of one kind of one cluster; their names hold the time of each snapshot",
  );
  return role;
}

function allow(
  actions: readonly string[],
  resources: readonly string[],
  conditions: Record<string, Record<string, string>> = {},
): PolicyStatement {
  return new PolicyStatement({ effect: Effect.ALLOW, actions: [...actions], resources: [...resources], conditions });
}

/** To fill a replica, and to see what is there. A bucket in another account must allow it as well. */
function replicaStatements({ cluster }: RoleProps, { bucket, prefix, lock, sse, region }: ReplicaStore): readonly PolicyStatement[] {
  const bucketArn = `arn:${Aws.PARTITION}:s3:::${bucket}`;
  const objects = [`${bucketArn}/${prefix}clusters/${cluster.name}/*`, `${bucketArn}/${prefix}${STORE_KEY}`];
  return [
    allow(["s3:ListBucket", ...(lock === undefined ? [] : ["s3:GetBucketObjectLockConfiguration"])], [bucketArn]),
    allow(["s3:GetObject", "s3:GetObjectVersion", ...(lock === undefined ? [] : ["s3:GetObjectRetention"])], objects),
    allowPut(lock, objects),
    ...(sse === undefined
      ? []
      : [
          allow(["kms:GenerateDataKey", "kms:Decrypt"], [sse.kmsKey], {
            StringEquals: { "kms:ViaService": `s3.${region}.${Aws.URL_SUFFIX}` },
          }),
        ]),
  ];
}

/** What marks the store: the first backup puts it, whichever cluster's that is. */
function markerOf({ deployment, vault }: RoleProps): string {
  return `${vault.bucketArn}/${deployment.store.prefix}${STORE_KEY}`;
}

/** Objects of these kinds of the cluster; "" for all. */
function below({ deployment, cluster, vault }: RoleProps, ...kinds: readonly string[]): readonly string[] {
  return kinds.map((kind) => `${vault.bucketArn}/${deployment.store.prefix}clusters/${cluster.name}/${kind === "" ? "" : `${kind}/`}*`);
}

/** A lock that is asked for by the day may last a moment longer than so many of them. */
const ROUNDING_DAYS = 1;

/**
 * To put objects, and under a lock to lock them for as long as the configuration says: else whoever steals the role could fill the bucket with what nobody can remove for decades. "IfExists", since
 * only a request with a retention has the key. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
 */
function allowPut(lock: ReplicaStore["lock"], objects: readonly string[]): PolicyStatement {
  const actions = ["s3:PutObject", "s3:AbortMultipartUpload"];
  if (lock === undefined) return allow(actions, objects);
  return allow([...actions, "s3:PutObjectRetention"], objects, {
    NumericLessThanEqualsIfExists: { "s3:object-lock-remaining-retention-days": String(lock.days + ROUNDING_DAYS) },
  });
}

/** What it takes to see that the bucket locks what is put. To shorten a lock would take s3:BypassGovernanceRetention. */
function lockStatements(props: RoleProps): readonly PolicyStatement[] {
  if (props.deployment.store.lock === undefined) return [];
  return [
    allow(["s3:GetBucketObjectLockConfiguration"], [props.vault.bucketArn]),
    allow(["s3:GetObjectRetention"], [...below(props, ""), markerOf(props)]),
  ];
}

/** Wrapped with the cluster's name, an identity opens for the role of that cluster alone. */
function contextOf({ name }: DeployedCluster): Record<string, Record<string, string>> {
  return { StringEquals: { "kms:EncryptionContext:cluster": name } };
}

/** An upload in parts needs both, and S3 alone may use them in the role's name. */
function bucketKeyStatement({ deployment, vault }: RoleProps): PolicyStatement {
  return allow(["kms:GenerateDataKey", "kms:Decrypt"], [vault.bucketKey.keyArn], viaService("s3", deployment));
}

function viaService(service: string, { store }: Deployment): Record<string, Record<string, string>> {
  return { StringEquals: { "kms:ViaService": `${service}.${store.region}.${Aws.URL_SUFFIX}` } };
}

function secretStatements(scope: Construct, { deployment, cluster }: RoleProps): readonly PolicyStatement[] {
  const arns = (service: CloudReference["service"]): readonly string[] => [
    ...new Set(cluster.secrets.filter((each) => each.service === service).map(({ name }) => arnOf(scope, service, name))),
  ];
  const [secrets, parameters] = [arns("secretsmanager"), arns("ssm")];
  return [
    ...(secrets.length === 0 ? [] : [allow(["secretsmanager:GetSecretValue"], secrets)]),
    ...(parameters.length === 0 ? [] : [allow(["ssm:GetParameter"], parameters)]),
    ...(deployment.service.secretKeys.length === 0
      ? []
      : [
          ...(secrets.length === 0
            ? []
            : [allow(["kms:Decrypt"], deployment.service.secretKeys, viaService("secretsmanager", deployment))]),
          ...(parameters.length === 0 ? [] : [allow(["kms:Decrypt"], deployment.service.secretKeys, viaService("ssm", deployment))]),
        ]),
  ];
}

/** Secrets Manager ends the ARN of a secret in a dash and six characters of its own, of which a name knows nothing. */
const SUFFIX = "-??????";

function arnOf(scope: Construct, service: CloudReference["service"], name: string): string {
  if (name.startsWith("arn:")) return service === "ssm" || /-[A-Za-z0-9]{6}$/.test(name) ? name : `${name}${SUFFIX}`;
  const stack = Stack.of(scope);
  return service === "ssm"
    ? stack.formatArn({ service: "ssm", resource: "parameter", resourceName: name.replace(/^\//, ""), partition: Aws.PARTITION })
    : stack.formatArn({
        service: "secretsmanager",
        resource: "secret",
        resourceName: `${name}${SUFFIX}`,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      });
}
