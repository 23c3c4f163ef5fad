import { ArnFormat, Stack } from "aws-cdk-lib";
import { Policy, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { ISecret } from "aws-cdk-lib/aws-secretsmanager";
import type { IParameter } from "aws-cdk-lib/aws-ssm";
import type { Construct } from "constructs";
import { REPORT_KEY, WATCH_KEY } from "../../shared/documents/layout.ts";
import { acknowledgeWildcards } from "../acknowledge.ts";
import { kopiaStatements } from "./kopia-access.ts";
import type { KopiaRepository } from "./kopia-access.ts";
import { runnerWithTag } from "./session-tag.ts";
import { allow, allowPut, deny, VaultAccess, viaService } from "./vault-access.ts";
import type { ObjectKind } from "./vault-access.ts";
import type { ISnapshotVault, Replica } from "./vault.ts";

/** The roles of docs/threat-model.md, each for one cluster: what is not allowed here is denied. For a fleet that cluster is TAGGED_CLUSTER. */

/** What a cluster's functions read from AWS to connect to etcd. */
export interface ClusterSecrets {
  readonly secrets: readonly ISecret[];
  readonly parameters: readonly Pick<IParameter, "parameterArn">[];
  /** Where names begin so, all of them but those that begin with `except`. */
  readonly below?: { readonly prefix: string; readonly except?: string };
  /** Keys in KMS that encrypt them, where these are not AWS's own. */
  readonly keys: readonly IKey[];
}

export interface RoleProps {
  readonly cluster: string;
  /** Where data is in a Kopia repository. */
  readonly kopia?: KopiaRepository | undefined;
  readonly vault: ISnapshotVault;
  readonly replicas: readonly Replica[];
  readonly secrets: ClusterSecrets;
  /** `lambda.amazonaws.com`, `ecs-tasks.amazonaws.com`; or the role that assumes it with the tag of a cluster. */
  readonly service: string | Role;
}

/** May encrypt, sign manifests and put, and read metadata: no data, nothing wrapped, no removal. With a Kopia repository it has the repository's password, which reads. */
export function backupRole(scope: Construct, id: string, props: RoleProps): Role {
  const access = new VaultAccess(scope, props.vault, props.cluster);
  return roleWith(scope, id, props, [
    access.list(),
    access.read(["snapshots", "verified", "lineage", "acceptances", "custody"]),
    access.put([...(props.kopia === undefined ? (["data"] as const) : []), "snapshots", "lineage", "custody"], { marks: true }),
    ...access.seeLocks(),
    ...(props.kopia === undefined ? [access.wrap()] : kopiaStatements(props.vault, props.kopia, "write")),
    ...access.wrapForReplicas(props.replicas),
    access.sign("snapshot"),
    ...access.bucketKey("kms:GenerateDataKey", "kms:Decrypt"),
    ...secretStatements(scope, props.secrets),
  ]);
}

/**
 * May read, unwrap and countersign what the other role put, ask members whether they confirm it, and copy it to replicas: no manifest, no data of its own in the vault. It orders what retention no longer keeps to go, and removes nothing. Nor an acceptance of
 * a lineage, which is a person's word.
 */
export function verifyRole(scope: Construct, id: string, props: RoleProps): Role {
  const access = new VaultAccess(scope, props.vault, props.cluster);
  return roleWith(scope, id, props, [
    access.list(),
    access.read("all"),
    access.put(["verified", "catalog", "custody"]),
    ...access.seeLocks(),
    ...access.seeVersions(),
    access.unwrap(),
    ...(props.kopia === undefined ? [] : kopiaStatements(props.vault, props.kopia, "read")),
    // What the writer wrapped for replicas is its word: the verifier wraps it itself.
    ...access.wrapForReplicas(props.replicas),
    access.sign("audit"),
    ...access.bucketKey("kms:GenerateDataKey", "kms:Decrypt"),
    ...props.replicas.flatMap((replica) => access.fill(replica)),
    ...secretStatements(scope, props.secrets),
  ]);
}

/** May look at what is said of snapshots, and at nothing else: no data, nothing wrapped or signed, nothing put. */
export function checkRole(scope: Construct, id: string, props: Pick<RoleProps, "cluster" | "vault" | "service">): Role {
  const access = new VaultAccess(scope, props.vault, props.cluster);
  return roleWith(scope, id, props, [
    access.list(),
    access.read(["snapshots", "verified", "catalog", "lineage", "acceptances", "custody"]),
    ...access.bucketKey("kms:Decrypt"),
  ]);
}

/**
 * The desk: may open snapshots of its clusters and sign restore bundles, put those and their records, and give out links to them and to the data. No manifest, no data, no countersignature put, nothing removed; it signs nothing
 * that says of a snapshot whether it is good.
 */
export function deskRole(
  scope: Construct,
  id: string,
  {
    clusters,
    vault,
    service,
    opensIntakes,
  }: Pick<RoleProps, "vault" | "service"> & {
    readonly clusters: readonly string[];
    /** Whether its bundles have the nodes' own files: not those of drills. */
    readonly opensIntakes: boolean;
  },
): Role {
  const access = new VaultAccess(scope, vault, ...clusters);
  return roleWith(scope, id, { service, vault }, [
    access.list(),
    // Data as well: a link that it gives out is good for what it may read itself.
    access.read("all"),
    access.readBundles(),
    access.put(["custody"]),
    access.putBundles(),
    ...access.seeLocks(),
    access.unwrap(),
    ...(opensIntakes ? [access.unwrapIntakes()] : []),
    access.sign("bundle"),
    ...access.bucketKey("kms:GenerateDataKey", "kms:Decrypt"),
  ]);
}

/**
 * Rehearses restores: may read what is stored, and sign and put evidence of what came of it. It opens nothing and signs no bundle: `desk`, the function that makes the bundles of drills, does, and it may call that one alone.
 */
export function drillRole(
  scope: Construct,
  id: string,
  {
    clusters,
    vault,
    service,
    desk,
  }: Pick<RoleProps, "vault" | "service"> & { readonly clusters: readonly string[]; readonly desk: string },
): Role {
  const access = new VaultAccess(scope, vault, ...clusters);
  return roleWith(scope, id, { service, vault }, [
    access.list(),
    access.read("all"),
    access.readBundles(),
    access.put(["drills", "custody"]),
    ...access.seeLocks(),
    ...access.seeVersions(),
    access.sign("audit"),
    allow(["lambda:InvokeFunction"], [desk]),
    ...access.bucketKey("kms:GenerateDataKey", "kms:Decrypt"),
  ]);
}

/** What is said of snapshots. */
const DOCUMENTS = [
  "snapshots",
  "verified",
  "catalog",
  "lineage",
  "acceptances",
  "custody",
  "drills",
  "pins",
  "rewraps",
  "verdicts",
] as const satisfies ObjectKind[];

/**
 * Looks at what is said of snapshots, at locks and at replicas, and writes the page of the report, one object: no data of the vault, nothing wrapped or signed. Documents are those of all clusters of the vault: with each by name the policy would not fit a role.
 */
export function auditRole(
  scope: Construct,
  id: string,
  {
    clusters,
    vault,
    replicas,
    service,
    readsLists,
  }: Pick<RoleProps, "vault" | "replicas" | "service"> & { readonly clusters: readonly string[]; readonly readsLists: boolean },
): Role {
  const access = new VaultAccess(scope, vault, ...clusters);
  const page = `${vault.bucketArn}/${vault.prefix}${REPORT_KEY}`;
  return roleWith(scope, id, { service, vault }, [
    access.list(),
    new VaultAccess(scope, vault, "*").read(DOCUMENTS),
    new VaultAccess(scope, vault, "*").readNodeFileDocuments(),
    ...access.seeLocks(),
    allow(
      ["s3:GetObjectRetention", "s3:GetObjectLegalHold"],
      clusters.map((cluster) => `${vault.bucketArn}/${vault.prefix}clusters/${cluster}/*`),
    ),
    allowPut(vault.lockDays, [page]),
    allow(["s3:GetObject", "s3:GetObjectRetention"], [page]),
    allow(["kms:DescribeKey"], [vault.wrappingKey.keyArn]),
    ...access.bucketKey("kms:GenerateDataKey", "kms:Decrypt"),
    ...replicas.flatMap((replica) => access.look(replica)),
    ...(readsLists ? access.readLists() : []),
  ]);
}

/** Says who is due: may read the lists of a fleet, and nothing else. */
export function plannerRole(scope: Construct, id: string, { vault, service }: Pick<RoleProps, "vault" | "service">): Role {
  const access = new VaultAccess(scope, vault);
  return roleWith(scope, id, { service, vault }, [access.read([]), ...access.readLists(), ...access.bucketKey("kms:Decrypt")]);
}

/** Looks at what is said of the snapshots of all clusters of a fleet, and puts what it told of whom, one object. Nothing else. */
export function watchRole(scope: Construct, id: string, { vault, service }: Pick<RoleProps, "vault" | "service">): Role {
  const access = new VaultAccess(scope, vault, "*");
  const memory = `${vault.bucketArn}/${vault.prefix}${WATCH_KEY}`;
  return roleWith(scope, id, { service, vault }, [
    access.list(),
    access.read(["snapshots", "verified", "catalog", "lineage", "acceptances", "custody"]),
    ...access.readLists(),
    allowPut(vault.lockDays, [memory]),
    allow(["s3:GetObject"], [memory]),
    ...access.bucketKey("kms:GenerateDataKey", "kms:Decrypt"),
  ]);
}

/** Runs the maintenance of a Kopia repository, which removes blobs: all that it may do elsewhere is to read the password. */
export function maintenanceRole(scope: Construct, id: string, vault: ISnapshotVault, kopia: KopiaRepository): Role {
  const access = new VaultAccess(scope, vault);
  return roleWith(scope, id, { service: "lambda.amazonaws.com", vault }, [
    access.list(),
    access.read([]),
    ...kopiaStatements(vault, kopia, "maintain"),
    ...access.bucketKey("kms:Decrypt"),
  ]);
}

function roleWith(
  scope: Construct,
  id: string,
  { service, vault }: Pick<RoleProps, "service" | "vault">,
  own: readonly PolicyStatement[],
): Role {
  const isLent = typeof service !== "string";
  const statements = isLent ? [...own, ...new VaultAccess(scope, vault).readLists()] : own;
  const role = new Role(scope, id, { assumedBy: isLent ? runnerWithTag(service) : new ServicePrincipal(service) });
  const policy = new Policy(scope, `${id}Policy`, { statements: [...statements], roles: [role] });
  acknowledgeWildcards(
    policy,
    statements.flatMap((statement) => statement.resources),
    "the objects of one kind of one cluster; their names hold the time of each snapshot",
  );
  return role;
}

function secretStatements(scope: Construct, { secrets, parameters, below, keys }: ClusterSecrets): readonly PolicyStatement[] {
  const stack = Stack.of(scope);
  const arnBelow = (prefix: string) => ({
    secret: stack.formatArn({ service: "secretsmanager", resource: "secret", resourceName: `${prefix}*`, arnFormat: COLON }),
    parameter: stack.formatArn({ service: "ssm", resource: "parameter", resourceName: `${prefix}*` }),
  });
  const allBelow = below === undefined ? undefined : arnBelow(below.prefix);
  const secretArns = [...new Set([...secrets.map(arnOf), ...(allBelow === undefined ? [] : [allBelow.secret])])];
  const parameterArns = [
    ...new Set([...parameters.map(({ parameterArn }) => parameterArn), ...(allBelow === undefined ? [] : [allBelow.parameter])]),
  ];
  const keyArns = keys.map(({ keyArn }) => keyArn);
  const decrypt = (service: string, arns: readonly string[]): readonly PolicyStatement[] =>
    arns.length === 0 || keyArns.length === 0 ? [] : [allow(["kms:Decrypt"], keyArns, viaService(service, stack.region))];
  return [
    ...(secretArns.length === 0 ? [] : [allow(["secretsmanager:GetSecretValue"], secretArns)]),
    ...(parameterArns.length === 0 ? [] : [allow(["ssm:GetParameter"], parameterArns)]),
    ...(below?.except === undefined
      ? []
      : [deny(["secretsmanager:GetSecretValue", "ssm:GetParameter"], Object.values(arnBelow(`${below.prefix}${below.except}`)))]),
    ...decrypt("secretsmanager", secretArns),
    ...decrypt("ssm", parameterArns),
  ];
}

const COLON = ArnFormat.COLON_RESOURCE_NAME;

/** Secrets Manager ends the ARN of a secret in a dash and six characters of its own, of which a name knows nothing. */
const SUFFIX = "-??????";

function arnOf({ secretArn, secretFullArn }: ISecret): string {
  return secretFullArn ?? `${secretArn}${SUFFIX}`;
}
