import {
  GetObjectLegalHoldCommand,
  GetObjectRetentionCommand,
  PutObjectRetentionCommand,
  type ObjectLockRetention,
} from "@aws-sdk/client-s3";
import { isLifeboatError, LifeboatError, messageOf } from "../../errors.ts";
import type { BlobLock, ReadOptions } from "../blob-store.ts";
import { throwIfAborted } from "../body-reader.ts";
import type { Bucket } from "./bucket.ts";
import { faultOf, isMissing, isMissingVersion } from "./errors.ts";

/** Object Lock: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html. Nothing here bypasses a retention in governance mode. */

/** The retention that was set for one version, over or not; undefined where there is none, or no such version. */
export async function retentionOf(bucket: Bucket, key: string, { version, signal }: ReadOptions): Promise<ObjectLockRetention | undefined> {
  const command = new GetObjectRetentionCommand(objectOf(bucket, key, version));
  return ask(bucket, `read the lock of ${key}`, { version, signal }, async (abortSignal) => {
    const { Retention } = await bucket.client.send(command, { abortSignal });
    return Retention?.RetainUntilDate === undefined ? undefined : Retention;
  });
}

export async function lockOf(bucket: Bucket, key: string, options: ReadOptions): Promise<BlobLock | undefined> {
  throwIfAborted(`read the lock of ${key} in ${bucket.location}`, options.signal);
  const agoMs = bucket.clock.now().getTime() - (seenWithoutLocks.get(bucket) ?? Number.NEGATIVE_INFINITY);
  return agoMs >= 0 && agoMs < WITHOUT_LOCKS_MS ? undefined : askForLock(bucket, key, options);
}

async function askForLock(bucket: Bucket, key: string, options: ReadOptions): Promise<BlobLock | undefined> {
  const command = new GetObjectLegalHoldCommand(objectOf(bucket, key, options.version));
  const [retention, isHeld] = await Promise.all([
    retentionOf(bucket, key, options),
    ask(bucket, `read the legal hold of ${key}`, options, async (abortSignal) => {
      const { LegalHold } = await bucket.client.send(command, { abortSignal });
      return LegalHold?.Status === "ON" ? true : undefined;
    }),
  ]);
  const end = retention?.RetainUntilDate;
  const until = end !== undefined && end > bucket.clock.now() ? end : undefined;
  const legalHold = isHeld === true;
  return until === undefined && !legalHold ? undefined : { until, legalHold };
}

/** When a bucket last said that nothing in it can be locked. A plan for ten thousand snapshots would ask it twenty thousand times. */
const seenWithoutLocks = new WeakMap<Bucket, number>();
/** So long it is taken at its word. Where Object Lock is turned on meanwhile, the store itself refuses to remove what is locked. */
const WITHOUT_LOCKS_MS = 60_000;

/** Sets a retention that ends at `until`, unless one that ends later is there. The end of the one that is there then. */
export async function extendLock(
  bucket: Bucket,
  key: string,
  version: string | undefined,
  until: Date,
  signal?: AbortSignal,
): Promise<Date> {
  const { client, retry, settings, location } = bucket;
  const before = await retentionOf(bucket, key, { version, signal });
  if (before?.RetainUntilDate !== undefined && before.RetainUntilDate >= until) return before.RetainUntilDate;
  // A lock keeps its mode: S3 weakens none, and to harden one is not asked for.
  const Mode = before?.Mode ?? (settings.lock?.mode === "compliance" ? "COMPLIANCE" : "GOVERNANCE");
  const command = new PutObjectRetentionCommand({ ...objectOf(bucket, key, version), Retention: { Mode, RetainUntilDate: until } });
  const hasNoLocks = (error: unknown): boolean => isWithoutLocks(error) || isMissing(error);
  try {
    await retry.call(`lock ${key}`, (abortSignal) => client.send(command, { abortSignal }), { signal, except: hasNoLocks });
    return until;
  } catch (error) {
    if (isMissing(error)) throw new LifeboatError("verify/missing", `${key} is not in ${location}`, { cause: error });
    if (isWithoutLocks(error)) throw noLocks(location, error);
    // Another run may have set a later end meanwhile, which S3 does not shorten.
    const after = isLifeboatError(error, "store/denied") ? await retentionOf(bucket, key, { version, signal }) : undefined;
    if (after?.RetainUntilDate !== undefined && after.RetainUntilDate >= until) return after.RetainUntilDate;
    throw error;
  }
}

function noLocks(location: string, cause: unknown): LifeboatError {
  return new LifeboatError("store/no-locks", `${location} has no Object Lock: nothing in it can be locked`, {
    hint: "Object Lock is turned on for a bucket that has versions: docs/cli.md, A bucket for the store",
    cause,
  });
}

/**
 * What a refusal to remove a version comes to: `store/locked` where a lock keeps it, which S3 answers as it answers a missing permission, else `error` as it is. Some stores enforce
 * the retention of the bucket and show none for the object: then their words tell.
 */
export async function lockedOrDenied(
  bucket: Bucket,
  key: string,
  version: string | undefined,
  error: unknown,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  if (!isLifeboatError(error, "store/denied")) return error;
  const lock = await askForLock(bucket, key, { version, signal }).catch(() => undefined);
  if (lock === undefined && !/object lock|\bWORM\b/i.test(messageOf(error.cause))) return error;
  const { until, legalHold } = lock ?? { until: undefined, legalHold: false };
  const name = version === undefined ? key : `${key} (version ${version})`;
  return new LifeboatError("store/locked", `${name} in ${bucket.location} is locked ${describeLock({ until, legalHold })}`, {
    hint: legalHold
      ? "whoever put it on hold has to end that first; it stays where it is until then"
      : "try again after that; it stays where it is until then",
    lock: { until, legalHold },
    cause: error.cause,
  });
}

function describeLock({ until, legalHold }: BlobLock): string {
  if (legalHold) return "by a legal hold, which has no end";
  return until === undefined ? "by Object Lock, and the store does not say until when" : `until ${until.toISOString()}`;
}

function objectOf(
  { where, settings }: Bucket,
  key: string,
  version: string | undefined,
): { Bucket: string; ExpectedBucketOwner?: string; Key: string; VersionId?: string } {
  return { ...where, Key: settings.prefix + key, ...(version === undefined ? {} : { VersionId: version }) };
}

/** Undefined where the object, the bucket or the store has no lock, or there is no such version. */
async function ask<T>(
  bucket: Bucket,
  doing: string,
  { version, signal }: ReadOptions,
  question: (signal: AbortSignal | undefined) => Promise<T | undefined>,
): Promise<T | undefined> {
  const isNotThere = version === undefined ? isMissing : isMissingVersion;
  const isNone = (error: unknown): boolean => isWithoutLocks(error) || isNotThere(error);
  try {
    return await bucket.retry.call(doing, question, { signal, except: isNone });
  } catch (error) {
    if (!isNone(error)) throw error;
    if (isOfBucketWithoutLocks(error)) seenWithoutLocks.set(bucket, bucket.clock.now().getTime());
    return undefined;
  }
}

/** S3 says InvalidRequest of much else, and has no other word for it here. */
function isOfBucketWithoutLocks(error: unknown): boolean {
  return faultOf(error).name === "InvalidRequest" && /missing object lock configuration/i.test(messageOf(error));
}

/** Of an object (400 or 404, as the store likes), a delete marker (405), a bucket (InvalidRequest) and a store (501) without one. */
function isWithoutLocks(error: unknown): boolean {
  const { name, status } = faultOf(error);
  return (
    ["NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", "InvalidRequest", "NotImplemented"].includes(name) ||
    status === 405 ||
    status === 501
  );
}
