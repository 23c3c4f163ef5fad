import {
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketOwnershipControlsCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  GetPublicAccessBlockCommand,
  type DefaultRetention,
  type LifecycleRule as SdkRule,
} from "@aws-sdk/client-s3";
import type { MaybeUnreadable } from "../../unreadable.ts";
import type { BucketFacts, LifecycleRule, Retention } from "../store-inspector.ts";
import type { Bucket } from "./bucket.ts";
import { describeFault, faultOf, isCallersFault } from "./errors.ts";

/** How a bucket is set up, one question for each part of it: a store or caller may know some and not others. */
export async function readBucket(bucket: Bucket, signal: AbortSignal): Promise<BucketFacts> {
  const { client, where, settings } = bucket;
  const look = <T>(question: Question<T>): Promise<MaybeUnreadable<T>> => see(bucket, question, signal);
  const [versioning, objectLock, publicAccessBlock, policy, lifecycle, encryption, ownership] = await Promise.all([
    look<"enabled" | "suspended" | "off">({
      what: "versioning",
      ask: async (abortSignal) => {
        const { Status } = await client.send(new GetBucketVersioningCommand(where), { abortSignal });
        return Status === "Enabled" ? "enabled" : Status === "Suspended" ? "suspended" : "off";
      },
    }),
    look<{ readonly retention: Retention | undefined } | undefined>({
      what: "Object Lock",
      ask: async (abortSignal) => {
        const { ObjectLockConfiguration } = await client.send(new GetObjectLockConfigurationCommand(where), { abortSignal });
        if (ObjectLockConfiguration?.ObjectLockEnabled !== "Enabled") return undefined;
        return { retention: retentionOf(ObjectLockConfiguration.Rule?.DefaultRetention) };
      },
      none: { name: "ObjectLockConfigurationNotFoundError", value: undefined },
    }),
    look<readonly string[]>({
      what: "the public access block",
      ask: async (abortSignal) => {
        const { PublicAccessBlockConfiguration } = await client.send(new GetPublicAccessBlockCommand(where), { abortSignal });
        return Object.entries(PublicAccessBlockConfiguration ?? {}).flatMap(([name, isOn]) => (isOn === true ? [name] : []));
      },
      none: { name: "NoSuchPublicAccessBlockConfiguration", value: [] },
    }),
    look<string | undefined>({
      what: "the bucket policy",
      ask: async (abortSignal) => (await client.send(new GetBucketPolicyCommand(where), { abortSignal })).Policy,
      none: { name: "NoSuchBucketPolicy", value: undefined },
    }),
    look<readonly LifecycleRule[]>({
      what: "the lifecycle",
      ask: async (abortSignal) => {
        const { Rules = [] } = await client.send(new GetBucketLifecycleConfigurationCommand(where), { abortSignal });
        return Rules.filter(({ Status }) => Status === "Enabled").map(ruleOf);
      },
      none: { name: "NoSuchLifecycleConfiguration", value: [] },
    }),
    look<{ readonly algorithm: string; readonly key: string | undefined } | undefined>({
      what: "encryption at rest",
      ask: async (abortSignal) => {
        const { ServerSideEncryptionConfiguration } = await client.send(new GetBucketEncryptionCommand(where), { abortSignal });
        const rule = ServerSideEncryptionConfiguration?.Rules?.[0]?.ApplyServerSideEncryptionByDefault;
        return rule?.SSEAlgorithm === undefined ? undefined : { algorithm: rule.SSEAlgorithm, key: rule.KMSMasterKeyID };
      },
      none: { name: "ServerSideEncryptionConfigurationNotFoundError", value: undefined },
    }),
    look<string | undefined>({
      what: "object ownership",
      ask: async (abortSignal) =>
        (await client.send(new GetBucketOwnershipControlsCommand(where), { abortSignal })).OwnershipControls?.Rules?.[0]?.ObjectOwnership,
      none: { name: "OwnershipControlsNotFoundError", value: undefined },
    }),
  ]);
  return {
    kind: "bucket",
    bucket: settings.bucket,
    region: settings.region ?? "",
    prefix: settings.prefix,
    endpoint: settings.endpoint,
    namesOwner: settings.expectedBucketOwner !== undefined,
    ownLock: settings.lock,
    versioning,
    objectLock,
    publicAccessBlock,
    policy,
    lifecycle,
    encryption,
    ownership,
  };
}

interface Question<T> {
  readonly what: string;
  readonly ask: (signal: AbortSignal | undefined) => Promise<T>;
  /** The error by which S3 says that nothing is set. */
  readonly none?: { readonly name: string; readonly value: T };
}

async function see<T>({ retry }: Bucket, { what, ask, none }: Question<T>, signal: AbortSignal): Promise<MaybeUnreadable<T>> {
  const isAnswer = (error: unknown): boolean => faultOf(error).name === none?.name || unseenBy(error) !== undefined;
  try {
    return await retry.call(`read ${what}`, ask, { signal, except: isAnswer });
  } catch (error) {
    if (none !== undefined && faultOf(error).name === none.name) return none.value;
    const unseen = unseenBy(error);
    if (unseen === undefined) throw error;
    return { unseen, reason: describeFault(error) };
  }
}

function unseenBy(error: unknown): "denied" | "unsupported" | undefined {
  const { name, status } = faultOf(error);
  if (status === 501 || status === 405 || name === "NotImplemented") return "unsupported";
  return status === 403 && !isCallersFault(error) ? "denied" : undefined;
}

function retentionOf(retention: DefaultRetention | undefined): Retention | undefined {
  if (retention?.Mode === undefined) return undefined;
  // S3 counts a year as 365 days.
  const days = retention.Days ?? (retention.Years ?? 0) * 365;
  return { mode: retention.Mode === "COMPLIANCE" ? "compliance" : "governance", days };
}

function ruleOf({ ID = "", Prefix, Filter, ...rule }: SdkRule): LifecycleRule {
  const narrowed = Filter?.Tag ?? Filter?.And?.Tags?.[0] ?? sizeOf(Filter) ?? sizeOf(Filter?.And);
  const { Expiration, NoncurrentVersionExpiration, Transitions = [], NoncurrentVersionTransitions = [] } = rule;
  const removesObjects = Expiration?.Days !== undefined || Expiration?.Date !== undefined;
  return {
    id: ID,
    prefix: Filter?.Prefix ?? Filter?.And?.Prefix ?? Prefix ?? "",
    isNarrowed: narrowed !== undefined,
    abortsUploadsAfterDays: rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation,
    removes: [...(removesObjects ? ["objects" as const] : []), ...(NoncurrentVersionExpiration === undefined ? [] : ["versions" as const])],
    movesTo: [...Transitions, ...NoncurrentVersionTransitions].flatMap(({ StorageClass }) =>
      StorageClass === undefined ? [] : [StorageClass],
    ),
  };
}

function sizeOf(
  filter: { readonly ObjectSizeGreaterThan?: number | undefined; readonly ObjectSizeLessThan?: number | undefined } | undefined,
): number | undefined {
  return filter?.ObjectSizeGreaterThan ?? filter?.ObjectSizeLessThan;
}
