import { Aws, Duration } from "aws-cdk-lib";
import { AnyPrincipal, Effect, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from "aws-cdk-lib/aws-s3";
import type { ObjectLockRetention } from "aws-cdk-lib/aws-s3";
import { S3_SERVER_ACCESS_LOGS_USE_BUCKET_POLICY } from "aws-cdk-lib/cx-api";
import { Construct } from "constructs";
import { MOST_VALID_MS } from "../../shared/bundle/plan.ts";
import { BUNDLES, FLEET_PREFIX, REPORTS_PREFIX, STORE_KEY } from "../../shared/documents/layout.ts";
import { acknowledge } from "../acknowledge.ts";
import { KEPT } from "./kept.ts";
import { NEVER_REMOVED } from "./vault-access.ts";
import { bucketKey, signingKey, wrappingKey } from "./vault-keys.ts";
import type { KeyOrAlias } from "./vault-keys.ts";
import type { ISnapshotVault, SigningKeys, SnapshotVaultAttributes } from "./vault.ts";

export interface SnapshotVaultProps {
  /** The bucket's name: `store.bucket` of the configuration. */
  readonly bucketName: string;
  /**
   * What the keys of all objects begin with: `store.prefix` of the configuration, ending in a slash.
   *
   * @default ""
   */
  readonly prefix?: string;
  /**
   * Locks each object for so long: `store.lock` of the configuration.
   *
   * @default the bucket can lock objects, and locks none by default
   */
  readonly objectLock?: ObjectLockRetention | undefined;
  /** Encrypts the bucket at rest. Nothing else uses it: whoever writes to the bucket may decrypt by it, through S3. */
  readonly bucketKey: KeyOrAlias;
  /** Wraps the key of each snapshot: `keys.wrap` of the configuration. */
  readonly wrappingKey: KeyOrAlias;
  /**
   * Wrapped earlier snapshots: `keys.retired` of the configuration.
   *
   * @default none
   */
  readonly retiredKeys?: readonly IKey[];
  /**
   * ARNs of the roles that may delete versions: the keeper's, and those of persons who prune by hand. To everybody else the bucket's policy denies it, administrators of the account included.
   *
   * @default nobody deletes a version
   */
  readonly keepers?: readonly string[];
  /** Sign, each for one purpose: `keys.sign` of the configuration. A key that is there must be ECC_NIST_P256. */
  readonly signingKeys: Readonly<Record<keyof SigningKeys, KeyOrAlias>>;
}

/** Unfinished uploads of killed runs: the longest run takes hours, so after two days nobody comes back to them. */
const UNFINISHED_DAYS = 2;
/** A day after the last on which a plan may be applied. What is locked for longer goes once its lock ends. */
const OLD_BUNDLE_DAYS = MOST_VALID_MS / 86_400_000 + 1;
/** S3 takes no less. */
const OLD_DAYS = 1;
/** How long it is on record who asked the bucket for what. */
const ACCESS_LOG_DAYS = 400;

/**
 * Where snapshots are kept: a bucket with versions and Object Lock, the key that encrypts it at rest, the key that wraps each snapshot's own key, and a signing key for
 * each purpose. All of it stays when its stack is deleted.
 */
export class SnapshotVault extends Construct implements ISnapshotVault {
  readonly bucket: Bucket;
  readonly bucketArn: string;
  readonly prefix: string;
  readonly lockDays: number | undefined;
  readonly bucketKey: IKey;
  readonly wrappingKey: IKey;
  readonly retiredKeys: readonly IKey[];
  readonly signingKeys: SigningKeys;

  /** A vault that is there already: for a service in another app, or a second one over the same vault. */
  static fromAttributes(attributes: SnapshotVaultAttributes): ISnapshotVault {
    const { bucket, prefix = "", lockDays, retiredKeys = [] } = attributes;
    return { ...attributes, prefix, lockDays, retiredKeys, bucketArn: bucket.bucketArn, bucketKey: bucket.encryptionKey };
  }

  constructor(scope: Construct, id: string, props: SnapshotVaultProps) {
    super(scope, id);
    // Else S3 would be let into the bucket of access logs by an ACL, which a bucket of one owner refuses.
    this.node.setContext(S3_SERVER_ACCESS_LOGS_USE_BUCKET_POLICY, true);
    const { bucketName, prefix = "", objectLock, signingKeys } = props;
    this.bucketArn = `arn:${Aws.PARTITION}:s3:::${bucketName}`;
    this.prefix = prefix;
    this.lockDays = objectLock?.duration.toDays();
    this.bucketKey = bucketKey(this, "BucketKey", props.bucketKey);
    this.wrappingKey = wrappingKey(this, "WrappingKey", props.wrappingKey);
    this.retiredKeys = props.retiredKeys ?? [];
    this.signingKeys = {
      snapshot: signingKey(this, "SnapshotKey", signingKeys.snapshot, "snapshots: the role of the backup signs manifests"),
      audit: signingKey(this, "AuditKey", signingKeys.audit, "countersignatures: the role of the verification signs what it has read back"),
      bundle: signingKey(this, "BundleKey", signingKeys.bundle, "restore bundles: the only key that nodes trust"),
    };
    this.bucket = new Bucket(this, "Bucket", {
      bucketName,
      versioned: true,
      objectLockEnabled: true,
      ...(objectLock === undefined ? {} : { objectLockDefaultRetention: objectLock }),
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      encryption: BucketEncryption.KMS,
      encryptionKey: this.bucketKey,
      bucketKeyEnabled: true,
      lifecycleRules: [
        { id: "unfinished-uploads", abortIncompleteMultipartUploadAfter: Duration.days(UNFINISHED_DAYS) },
        // The report and what the watch remembers are written over each hour, and no keeper knows of them. What is locked goes once its lock ends.
        { id: "old-reports", prefix: `${prefix}${REPORTS_PREFIX}`, noncurrentVersionExpiration: Duration.days(OLD_DAYS) },
        // Each is some 45 MB, and a drill leaves one: they would stay as long as their snapshots. One can be made again, as long as the snapshot is there.
        {
          id: "old-bundles",
          prefix: `${prefix}${BUNDLES}`,
          expiration: Duration.days(OLD_BUNDLE_DAYS),
          noncurrentVersionExpiration: Duration.days(OLD_DAYS),
        },
      ],
      serverAccessLogsBucket: this.#accessLogs(),
      serverAccessLogsPrefix: "vault/",
      removalPolicy: KEPT,
    });
    const lists = `${prefix}${FLEET_PREFIX}*`;
    const objects = [`${prefix}clusters/*`, `${prefix}${BUNDLES}*`, lists, `${prefix}${STORE_KEY}`].map((key) =>
      this.bucket.arnForObjects(key),
    );
    const never = [...NEVER_REMOVED.map((kind) => `${prefix}clusters/*/${kind}/*`), lists, `${prefix}${STORE_KEY}`];
    for (const statement of [
      writtenOnce(objects),
      neverHidden(objects),
      removedByKeepers(objects, props.keepers ?? []),
      neverRemoved(never.map((key) => this.bucket.arnForObjects(key))),
    ])
      this.bucket.addToResourcePolicy(statement);
  }

  /** Best effort, as all access logs of S3 are: what signs and opens snapshots is on record in CloudTrail. */
  #accessLogs(): Bucket {
    const logs = new Bucket(this, "AccessLogs", {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      // S3 delivers its logs into no bucket that a key of KMS encrypts by default.
      encryption: BucketEncryption.S3_MANAGED,
      lifecycleRules: [{ id: "old-logs", expiration: Duration.days(ACCESS_LOG_DAYS) }],
      removalPolicy: KEPT,
    });
    acknowledge(logs, "AwsSolutions-S1", "it holds the access logs; logging who delivers logs would never end");
    return logs;
  }
}

/** Nothing under `clusters/` and `bundles/` is ever rewritten, nor what marks the store, so nobody may put without If-None-Match: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html */
function writtenOnce(objects: string[]): PolicyStatement {
  return new PolicyStatement({
    sid: "WrittenOnce",
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: ["s3:PutObject"],
    resources: objects,
    // The parts of an upload carry no condition; its completion, which makes the object, does.
    conditions: { Null: { "s3:if-none-match": "true" }, Bool: { "s3:ObjectCreationOperation": "true" } },
  });
}

/** A delete without a version removes nothing, and hides what is there behind a marker: nobody needs it. */
function neverHidden(objects: string[]): PolicyStatement {
  return new PolicyStatement({
    sid: "NeverHidden",
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: ["s3:DeleteObject"],
    resources: objects,
  });
}

/** Also to who administers the account: they would have to change this policy first, which is on record. By the role, whatever session of it asks. */
function removedByKeepers(objects: string[], keepers: readonly string[]): PolicyStatement {
  return new PolicyStatement({
    sid: "RemovedByKeepers",
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: ["s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"],
    resources: objects,
    ...(keepers.length === 0 ? {} : { conditions: { ArnNotEquals: { "aws:PrincipalArn": [...keepers] } } }),
  });
}

/** Not even by them: a stolen keeper leaves the log of what it did. */
function neverRemoved(objects: string[]): PolicyStatement {
  return new PolicyStatement({
    sid: "NeverRemoved",
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: ["s3:DeleteObjectVersion"],
    resources: objects,
  });
}
