import { Aws, Stack } from "aws-cdk-lib";
import { Effect, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";
import { SESSION_TAG } from "../../shared/contract/service.ts";
import { intakeContext } from "../../shared/documents/intake.ts";
import { bundlesPrefix, FLEET_PREFIX, STORE_KEY } from "../../shared/documents/layout.ts";
import type { ISnapshotVault, Replica, SigningKeys } from "./vault.ts";

/** The kinds of objects below `clusters/CLUSTER/` (docs/format.md). */
export type ObjectKind =
  | "snapshots"
  | "data"
  | "verified"
  | "catalog"
  | "lineage"
  | "acceptances"
  | "drills"
  | "pins"
  | "rewraps"
  | "verdicts"
  | "custody";

/** In the place of a cluster's name: that for which the role was assumed. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html */
export const TAGGED_CLUSTER = `\${aws:PrincipalTag/${SESSION_TAG}}`;

type Conditions = Record<string, Record<string, string | readonly string[]>>;

/** The statements that allow a role of `scope` something in the part of a vault that is one cluster's, or some clusters'. What is not allowed is denied. */
export class VaultAccess {
  readonly #scope: Construct;
  readonly #vault: ISnapshotVault;
  readonly #clusters: readonly string[];

  constructor(scope: Construct, vault: ISnapshotVault, ...clusters: readonly string[]) {
    this.#scope = scope;
    this.#vault = vault;
    this.#clusters = clusters;
  }

  /** Clusters know each other's names of objects: were the right bound to a prefix, S3 would answer for an absent object as for a forbidden one. */
  list(): PolicyStatement {
    return allow(["s3:ListBucket"], [this.#vault.bucketArn]);
  }

  /** What it takes to work out what retention no longer keeps: every version of everything, and until when each is locked. */
  seeVersions(): readonly PolicyStatement[] {
    return [
      allow(["s3:ListBucketVersions"], [this.#vault.bucketArn]),
      allow(["s3:GetObjectRetention", "s3:GetObjectLegalHold"], [...this.#below("all"), ...this.#bundles()]),
    ];
  }

  /** Objects of these kinds, or all of the cluster, and what marks the store. */
  read(kinds: readonly ObjectKind[] | "all"): PolicyStatement {
    return allow(["s3:GetObject", "s3:GetObjectVersion"], [...this.#below(kinds), this.#marker()]);
  }

  /** What is said of files of nodes, and not these themselves. */
  readNodeFileDocuments(): PolicyStatement {
    const documents = this.#below("all").map((below) => below.replace(/\*$/, "node-files/*.json"));
    return allow(["s3:GetObject", "s3:GetObjectVersion"], documents);
  }

  /** Objects of these kinds. `marks`: also what marks the store, which the first backup puts, whichever cluster's that is. */
  put(kinds: readonly ObjectKind[], { marks = false } = {}): PolicyStatement {
    return allowPut(this.#vault.lockDays, [...this.#below(kinds), ...(marks ? [this.#marker()] : [])]);
  }

  /** Published restore bundles: to give out links to them. */
  readBundles(): PolicyStatement {
    return allow(["s3:GetObject", "s3:GetObjectVersion"], this.#bundles());
  }

  putBundles(): PolicyStatement {
    return allowPut(this.#vault.lockDays, this.#bundles());
  }

  /** What it takes to see that the bucket locks what is put. To shorten a lock would take s3:BypassGovernanceRetention. */
  seeLocks(): readonly PolicyStatement[] {
    if (this.#vault.lockDays === undefined) return [];
    return [
      allow(["s3:GetBucketObjectLockConfiguration"], [this.#vault.bucketArn]),
      allow(["s3:GetObjectRetention"], [...this.#below("all"), this.#marker()]),
    ];
  }

  /** The lists of a fleet's clusters, all versions: a mark that hides one takes nothing back. No role of the service puts any. */
  readLists(): readonly PolicyStatement[] {
    const { bucketArn, prefix } = this.#vault;
    return [
      allow(["s3:GetObject", "s3:GetObjectVersion"], [`${bucketArn}/${prefix}${FLEET_PREFIX}*`]),
      allow(["s3:ListBucket", "s3:ListBucketVersions"], [bucketArn], { StringLike: { "s3:prefix": `${prefix}${FLEET_PREFIX}*` } }),
    ];
  }

  /** Wraps the key of a snapshot. */
  wrap(): PolicyStatement {
    return allow(["kms:Encrypt"], [this.#vault.wrappingKey.keyArn], this.#context());
  }

  /** Opens what was wrapped for a snapshot of the cluster. */
  unwrap(): PolicyStatement {
    return allow(["kms:Decrypt"], this.#wrappingKeys(), this.#context());
  }

  /** Opens what the cluster's nodes encrypt their files to: whoever may open snapshots may not open these, nor the other way round. */
  unwrapIntakes(): PolicyStatement {
    const contexts = this.#clusters.map((cluster) => intakeContext(cluster, 1)["cluster"]);
    return allow(["kms:Decrypt"], this.#wrappingKeys(), { StringEquals: { "kms:EncryptionContext:cluster": contexts } });
  }

  #wrappingKeys(): readonly string[] {
    const { wrappingKey, retiredKeys } = this.#vault;
    return [wrappingKey.keyArn, ...retiredKeys.map(({ keyArn }) => keyArn)];
  }

  sign(purpose: keyof SigningKeys): PolicyStatement {
    return allow(["kms:Sign", "kms:GetPublicKey"], [this.#vault.signingKeys[purpose].keyArn]);
  }

  /** The key of the bucket, through S3 alone. An upload in parts needs both actions, a download the second. */
  bucketKey(...actions: readonly ("kms:GenerateDataKey" | "kms:Decrypt")[]): readonly PolicyStatement[] {
    const { bucketKey } = this.#vault;
    return bucketKey === undefined ? [] : [allow(actions, [bucketKey.keyArn], viaService("s3", Stack.of(this.#scope).region))];
  }

  /** Wraps the key of a snapshot for replicas as well. */
  wrapForReplicas(replicas: readonly Replica[]): readonly PolicyStatement[] {
    const keys = replicas.flatMap(({ wrappingKey }) => (wrappingKey === undefined ? [] : [wrappingKey.keyArn]));
    return keys.length === 0 ? [] : [allow(["kms:Encrypt"], keys, this.#context())];
  }

  /** Sees what a replica has. Nothing but reading an object tells whether it is there. */
  look({ bucket, prefix = "" }: Replica): readonly PolicyStatement[] {
    const { bucketArn, encryptionKey, env } = bucket;
    return [
      allow(["s3:ListBucket"], [bucketArn]),
      allow(
        ["s3:GetObject", "s3:GetObjectVersion"],
        [...this.#clusters.map((cluster) => `${bucketArn}/${prefix}clusters/${cluster}/*`), `${bucketArn}/${prefix}${STORE_KEY}`],
      ),
      ...(encryptionKey === undefined ? [] : [allow(["kms:Decrypt"], [encryptionKey.keyArn], viaService("s3", env.region))]),
    ];
  }

  /** Fills a replica, and sees what is there. A bucket in another account must allow it as well. */
  fill({ bucket, prefix = "", lockDays }: Replica): readonly PolicyStatement[] {
    const { bucketArn, encryptionKey, env } = bucket;
    const objects = [
      ...this.#clusters.map((cluster) => `${bucketArn}/${prefix}clusters/${cluster}/*`),
      `${bucketArn}/${prefix}${STORE_KEY}`,
    ];
    const isLocked = lockDays !== undefined;
    return [
      allow(["s3:ListBucket", ...(isLocked ? ["s3:GetBucketObjectLockConfiguration"] : [])], [bucketArn]),
      allow(["s3:GetObject", "s3:GetObjectVersion", ...(isLocked ? ["s3:GetObjectRetention"] : [])], objects),
      allowPut(lockDays, objects),
      ...(encryptionKey === undefined
        ? []
        : [allow(["kms:GenerateDataKey", "kms:Decrypt"], [encryptionKey.keyArn], viaService("s3", env.region))]),
    ];
  }

  #marker(): string {
    return `${this.#vault.bucketArn}/${this.#vault.prefix}${STORE_KEY}`;
  }

  #below(kinds: readonly ObjectKind[] | "all"): readonly string[] {
    return this.#clusters
      .map((cluster) => `${this.#vault.bucketArn}/${this.#vault.prefix}clusters/${cluster}`)
      .flatMap((below) => (kinds === "all" ? [`${below}/*`] : kinds.map((kind) => `${below}/${kind}/*`)));
  }

  #bundles(): readonly string[] {
    return this.#clusters.map((cluster) => `${this.#vault.bucketArn}/${this.#vault.prefix}${bundlesPrefix(cluster)}*`);
  }

  /** Wrapped with the cluster's name, an identity opens for the role of that cluster alone. */
  #context(): Conditions {
    const [only, ...others] = this.#clusters;
    return { StringEquals: { "kms:EncryptionContext:cluster": others.length === 0 && only !== undefined ? only : this.#clusters } };
  }
}

export function allow(actions: readonly string[], resources: readonly string[], conditions: Conditions = {}): PolicyStatement {
  return new PolicyStatement({ effect: Effect.ALLOW, actions: [...actions], resources: [...resources], conditions });
}

export function deny(actions: readonly string[], resources: readonly string[]): PolicyStatement {
  return new PolicyStatement({ effect: Effect.DENY, actions: [...actions], resources: [...resources] });
}

/** That a key is used by this service of AWS in the role's name, and by nobody else. */
export function viaService(service: string, region: string): Conditions {
  return { StringEquals: { "kms:ViaService": `${service}.${region}.${Aws.URL_SUFFIX}` } };
}

/** What no role of ours ever removes: what is said of all snapshots of a cluster, and the log of all that happened to them. */
export const NEVER_REMOVED: readonly ObjectKind[] = ["custody", "lineage", "acceptances", "verdicts"];

/** A lock that is asked for by the day may last a moment longer than so many of them. */
export const ROUNDING_DAYS = 1;

/**
 * To put objects, and under a lock to lock them for as long as the configuration says: else whoever steals the role could fill the bucket with what nobody can remove for decades. "IfExists", since
 * only a request with a retention has the key. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
 */
export function allowPut(lockDays: number | undefined, objects: readonly string[]): PolicyStatement {
  const actions = ["s3:PutObject", "s3:AbortMultipartUpload"];
  if (lockDays === undefined) return allow(actions, objects);
  return allow([...actions, "s3:PutObjectRetention"], objects, {
    NumericLessThanEqualsIfExists: { "s3:object-lock-remaining-retention-days": String(lockDays + ROUNDING_DAYS) },
  });
}
