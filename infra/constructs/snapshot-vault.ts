import { Aws, Duration } from "aws-cdk-lib";
import { AnyPrincipal, Effect, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectLockRetention, ObjectOwnership } from "aws-cdk-lib/aws-s3";
import { S3_SERVER_ACCESS_LOGS_USE_BUCKET_POLICY } from "aws-cdk-lib/cx-api";
import { Construct } from "constructs";
import { STORE_KEY } from "../../shared/documents/layout.ts";
import { bucketKeyName } from "../deployment.ts";
import type { Deployment } from "../deployment.ts";
import { acknowledge } from "../acknowledge.ts";
import { KEPT } from "./kept.ts";
import { bucketKey, signingKey, wrappingKey } from "./vault-keys.ts";

export interface SnapshotVaultProps {
  readonly deployment: Deployment;
}

/** Unfinished uploads of killed runs: the longest run takes hours, so after two days nobody comes back to them. */
const UNFINISHED_DAYS = 2;
/** How long it is on record who asked the bucket for what. */
const ACCESS_LOG_DAYS = 400;

/**
 * Where snapshots are kept: the bucket that the configuration names, the key that encrypts it at rest, the key that wraps each snapshot's own key, and a signing key
 * for each purpose. All of it stays when its stack is deleted.
 */
export class SnapshotVault extends Construct {
  readonly bucket: Bucket;
  /** By the name in the configuration, so that other stacks need not ask this one for it. */
  readonly bucketArn: string;
  readonly bucketKey: IKey;
  readonly wrappingKey: IKey;
  readonly signingKeys: Readonly<Record<"snapshot" | "audit" | "bundle", IKey>>;

  constructor(scope: Construct, id: string, { deployment }: SnapshotVaultProps) {
    super(scope, id);
    // Else S3 would be let into the bucket of access logs by an ACL, which a bucket of one owner refuses.
    this.node.setContext(S3_SERVER_ACCESS_LOGS_USE_BUCKET_POLICY, true);
    const { store, keys, service } = deployment;
    this.bucketArn = `arn:${Aws.PARTITION}:s3:::${store.bucket}`;
    this.bucketKey = bucketKey(this, "BucketKey", bucketKeyName(store, service));
    this.wrappingKey = wrappingKey(this, "WrappingKey", keys.wrap);
    this.signingKeys = {
      snapshot: signingKey(this, "SnapshotKey", keys.sign.snapshot, "snapshots: the role of the backup signs manifests"),
      audit: signingKey(this, "AuditKey", keys.sign.audit, "countersignatures: the role of the verification signs what it has read back"),
      bundle: signingKey(this, "BundleKey", keys.sign.bundle, "restore bundles: the only key that nodes trust"),
    };
    this.bucket = new Bucket(this, "Bucket", {
      bucketName: store.bucket,
      versioned: true,
      objectLockEnabled: true,
      ...(store.lock === undefined ? {} : { objectLockDefaultRetention: retention(store.lock) }),
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      encryption: BucketEncryption.KMS,
      encryptionKey: this.bucketKey,
      bucketKeyEnabled: true,
      lifecycleRules: [{ id: "unfinished-uploads", abortIncompleteMultipartUploadAfter: Duration.days(UNFINISHED_DAYS) }],
      serverAccessLogsBucket: this.#accessLogs(),
      serverAccessLogsPrefix: "vault/",
      removalPolicy: KEPT,
    });
    this.bucket.addToResourcePolicy(
      writtenOnce([`${store.prefix}clusters/*`, `${store.prefix}${STORE_KEY}`].map((key) => this.bucket.arnForObjects(key))),
    );
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

/** Nothing under `clusters/` is ever rewritten, nor what marks the store, so nobody may put without If-None-Match: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html */
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

function retention({ mode, days }: { readonly mode: "governance" | "compliance"; readonly days: number }): ObjectLockRetention {
  return mode === "compliance" ? ObjectLockRetention.compliance(Duration.days(days)) : ObjectLockRetention.governance(Duration.days(days));
}
