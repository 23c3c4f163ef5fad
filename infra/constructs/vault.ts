import type { IBucket } from "aws-cdk-lib/aws-s3";
import type { IKey } from "aws-cdk-lib/aws-kms";

/** The keys that sign in a vault, one for each purpose. */
export interface SigningKeys {
  /** Signs manifests: the role of the backup. */
  readonly snapshot: IKey;
  /** Signs countersignatures: the role of the verification. */
  readonly audit: IKey;
  /** Signs restore bundles: the only key that nodes trust. */
  readonly bundle: IKey;
}

/** A vault as those who use it see it: made by `SnapshotVault`, or there already (`SnapshotVault.fromAttributes`). */
export interface ISnapshotVault {
  /** Where snapshots and their documents are. */
  readonly bucket: IBucket;
  /** The bucket's ARN by its name: other stacks use the vault without an export for it. */
  readonly bucketArn: string;
  /** What the keys of all objects begin with: "", or a prefix that ends in a slash. */
  readonly prefix: string;
  /** The longest, in days, that what is put may be locked; undefined for a vault without Object Lock. */
  readonly lockDays: number | undefined;
  /** Encrypts the bucket at rest; undefined where S3 does that by a key of its own. */
  readonly bucketKey: IKey | undefined;
  /** Wraps the key of each snapshot. */
  readonly wrappingKey: IKey;
  /** Wrapped earlier snapshots, and decrypts them still. */
  readonly retiredKeys: readonly IKey[];
  /** Sign, each for one purpose. */
  readonly signingKeys: SigningKeys;
}

/** A vault that is there already, made by another app or by hand. */
export interface SnapshotVaultAttributes {
  /** The bucket. Its `encryptionKey` is the key that encrypts it at rest, where there is one: roles are then allowed to use it through S3. */
  readonly bucket: IBucket;
  /**
   * What the keys of all objects begin with: `store.prefix` of the configuration, ending in a slash.
   *
   * @default ""
   */
  readonly prefix?: string;
  /**
   * How long objects are locked: `store.lock.days` of the configuration.
   *
   * @default objects are not locked
   */
  readonly lockDays?: number | undefined;
  /** Wraps the key of each snapshot: `keys.wrap` of the configuration. */
  readonly wrappingKey: IKey;
  /**
   * Wrapped earlier snapshots: `keys.retired` of the configuration.
   *
   * @default none
   */
  readonly retiredKeys?: readonly IKey[];
  /** Sign, each for one purpose: `keys.sign` of the configuration. */
  readonly signingKeys: SigningKeys;
}

/** A copy of the vault elsewhere, which the role of the verification fills. */
export interface Replica {
  /**
   * The bucket, which may be in another region or account (its policy must then allow the role). Its `encryptionKey` is the key that encrypts it at rest, where there is one.
   * An imported bucket needs its `region` for that.
   */
  readonly bucket: IBucket;
  /**
   * What the keys of all objects begin with, ending in a slash.
   *
   * @default ""
   */
  readonly prefix?: string;
  /**
   * How long objects are locked there, in days.
   *
   * @default objects are not locked
   */
  readonly lockDays?: number | undefined;
  /**
   * Wraps the key of each snapshot for whoever comes back from the replica.
   *
   * @default the vault's own wrapping key opens the replica
   */
  readonly wrappingKey?: IKey | undefined;
}
