import { Stack } from "aws-cdk-lib";
import { Effect, Policy, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";
import { bundlesPrefix, STORE_KEY } from "../../shared/documents/layout.ts";
import { acknowledgeWildcards } from "../acknowledge.ts";
import { runnerWithTag } from "./session-tag.ts";
import { allow, NEVER_REMOVED, ROUNDING_DAYS, TAGGED_CLUSTER, VaultAccess, viaService } from "./vault-access.ts";
import { kopiaStatements } from "./kopia-access.ts";
import type { KopiaRepository } from "./kopia-access.ts";
import type { ISnapshotVault } from "./vault.ts";

export interface KeeperRoleProps {
  /** Fixed, since the vault's bucket policy names it. */
  readonly roleName: string;
  readonly vault: ISnapshotVault;
  readonly clusters: readonly string[];
  /** Where it is assumed for a cluster of a fleet, by whom. */
  readonly runner: Role | undefined;
  /** Undefined where it renews no lock. */
  readonly keptDays: number | undefined;
  readonly versioned: boolean;
  /** Where data is in a Kopia repository. */
  readonly kopia: KopiaRepository | undefined;
}

/** What it reads: all that is said of snapshots, and nothing of what is in them. */
const DOCUMENTS = ["snapshots", "verified", "rewraps", "pins", "drills", "lineage", "acceptances", "custody"] as const;

/**
 * May list, read documents, delete versions of what is about snapshots, extend locks and throw unfinished uploads away: no data, no key, nothing put, no lock shortened, and nothing of the custody log and the lineages removed. By the bucket's own key it reads the
 * documents, through S3 alone. With a Kopia repository it has the repository's password as well, since a snapshot is removed there by kopia alone.
 */
export function keeperRole(scope: Construct, id: string, props: KeeperRoleProps): Role {
  const { roleName, vault, runner, keptDays, versioned, kopia } = props;
  const { bucketArn, prefix, bucketKey } = vault;
  const clusters = runner === undefined ? props.clusters : [TAGGED_CLUSTER];
  const below = `${bucketArn}/${prefix}clusters`;
  const mark = `${bucketArn}/${prefix}${STORE_KEY}`;
  // Documents of all clusters of the vault, whose names it sees anyway: with each by name the policy would not fit a role.
  const anyOrTagged = runner === undefined ? "*" : TAGGED_CLUSTER;
  const documents = [...DOCUMENTS.map((kind) => `${below}/${anyOrTagged}/${kind}/*`), mark];
  const ofClusters = clusters.map((cluster) => `${below}/${cluster}/*`);
  // Published bundles go with their snapshot, and no lock of theirs is renewed.
  const removable = [...ofClusters, ...clusters.map((cluster) => `${bucketArn}/${prefix}${bundlesPrefix(cluster)}*`)];
  const remove = versioned ? "s3:DeleteObjectVersion" : "s3:DeleteObject";
  const statements = [
    allow(["s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"], [bucketArn]),
    allow(["s3:GetObject", "s3:GetObjectVersion"], documents),
    allow([remove, "s3:GetObjectRetention", "s3:GetObjectLegalHold", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"], removable),
    new PolicyStatement({
      effect: Effect.DENY,
      actions: [remove],
      resources: NEVER_REMOVED.map((kind) => `${below}/*/${kind}/*`),
    }),
    ...(keptDays === undefined
      ? []
      : [
          allow(["s3:GetObjectRetention", "s3:GetObjectLegalHold"], [mark]),
          allow(["s3:PutObjectRetention"], [...ofClusters, mark], {
            NumericLessThanEqualsIfExists: { "s3:object-lock-remaining-retention-days": String(keptDays + ROUNDING_DAYS) },
          }),
        ]),
    ...(bucketKey === undefined ? [] : [allow(["kms:Decrypt"], [bucketKey.keyArn], viaService("s3", Stack.of(scope).region))]),
    ...(kopia === undefined ? [] : kopiaStatements(vault, kopia, "write")),
    ...(runner === undefined ? [] : new VaultAccess(scope, vault).readLists()),
  ];
  const assumedBy = runner === undefined ? new ServicePrincipal("lambda.amazonaws.com") : runnerWithTag(runner);
  const role = new Role(scope, id, { roleName, assumedBy });
  const policy = new Policy(scope, `${id}Policy`, { statements, roles: [role] });
  acknowledgeWildcards(
    policy,
    statements.flatMap(({ resources }) => resources),
    "the documents of each cluster, and all objects of those that it serves; their names hold the time of each snapshot",
  );
  return role;
}
