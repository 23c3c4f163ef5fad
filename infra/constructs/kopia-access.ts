import type { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { ILayerVersion } from "aws-cdk-lib/aws-lambda";
import type { IBucket } from "aws-cdk-lib/aws-s3";
import { REPOSITORY_CONTEXT } from "../../shared/documents/repository.ts";
import { allow, allowPut, viaService } from "./vault-access.ts";
import type { ISnapshotVault } from "./vault.ts";

/** A Kopia repository, and the program by which functions open it. */
export interface KopiaRepository {
  /** Its bucket. Its `encryptionKey` is the key that encrypts it at rest, where there is one. */
  readonly bucket: IBucket;
  /**
   * What the names of all its blobs begin with: `store.repository.prefix` of the configuration, ending in a slash.
   *
   * @default ""
   */
  readonly prefix?: string;
  /**
   * How long blobs are locked: `store.repository.lock.days` of the configuration.
   *
   * @default they are not locked
   */
  readonly lockDays?: number | undefined;
  /** Holds kopia for linux-arm64 as `bin/kopia`. */
  readonly layer: ILayerVersion;
}

/**
 * What opens the repository: its password, which reads and removes everything in it, and the blobs. `write`: also puts blobs, and removes those by which Kopia marks that it writes; `maintain`: removes any, and extends locks. To read
 * takes the same password, so what keeps a role that reads from writing is this policy alone.
 */
export function kopiaStatements(
  vault: ISnapshotVault,
  { bucket, prefix = "", lockDays }: KopiaRepository,
  does: "read" | "write" | "maintain",
): readonly PolicyStatement[] {
  const { wrappingKey, retiredKeys } = vault;
  const { bucketArn, encryptionKey, env } = bucket;
  const blobs = `${bucketArn}/${prefix}*`;
  return [
    allow(["s3:GetObject", "s3:GetObjectVersion"], [`${vault.bucketArn}/${vault.prefix}kopia/*`]),
    allow(["kms:Decrypt"], [wrappingKey.keyArn, ...retiredKeys.map(({ keyArn }) => keyArn)], {
      StringEquals: { "kms:EncryptionContext:cluster": REPOSITORY_CONTEXT },
    }),
    allow(["s3:ListBucket", "s3:GetBucketLocation"], [bucketArn]),
    allow(["s3:GetObject"], [blobs]),
    ...(does === "read"
      ? []
      : [allowPut(lockDays, [blobs]), allow(["s3:DeleteObject"], [does === "maintain" ? blobs : `${bucketArn}/${prefix}${SESSIONS}*`])]),
    ...(encryptionKey === undefined
      ? []
      : [
          allow(
            does === "read" ? ["kms:Decrypt"] : ["kms:Decrypt", "kms:GenerateDataKey"],
            [encryptionKey.keyArn],
            viaService("s3", env.region),
          ),
        ]),
  ];
}

/** What the names of the blobs begin with that say that somebody writes: https://github.com/kopia/kopia/blob/master/repo/content/sessions.go */
const SESSIONS = "s";
