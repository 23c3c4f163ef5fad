import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetBucketEncryptionCommand,
  GetBucketVersioningCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectRetentionCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { Clock, RandomBytes } from "../../clock.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { ALLOWED, DENIED, type Answer } from "../../unreadable.ts";
import type { Access, BucketFacts, ClockReading, EncryptionKey, StoreInspector } from "../store-inspector.ts";
import { bucketOf, type Bucket } from "./bucket.ts";
import { openClient } from "./client.ts";
import { describeFault, faultOf, isCallersFault, isMissing, isNoSuchUpload } from "./errors.ts";
import { PutAttempt } from "./put-attempt.ts";
import { readBucket } from "./read-bucket.ts";
import { DEFAULT_PACE, type S3Pace, type S3Settings } from "./settings.ts";

/** A person waits: what does not answer now is told. */
export const PACE: S3Pace = { ...DEFAULT_PACE, idleMs: 10_000, attempts: 2 };

/** No object has this name: questions about it say what is allowed and touch nothing. */
const NOBODY = "lifeboat-doctor";

const DAY_MS = 86_400_000;

/** Looks at a bucket, and at what the caller may do there. */
export class S3Inspector implements StoreInspector {
  readonly location: string;
  readonly #bucket: Bucket;
  #date: Date | undefined;
  #unversioned: Promise<boolean> | undefined;

  constructor(settings: S3Settings, clock: Clock, random: RandomBytes, client: S3Client = openClient(settings, PACE)) {
    this.#bucket = bucketOf(client, settings, PACE, clock, random);
    this.location = this.#bucket.location;
    client.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        const { response } = result;
        const date = hasHeaders(response) ? Date.parse(response.headers["date"] ?? "") : Number.NaN;
        if (!Number.isNaN(date)) this.#date = new Date(date);
        return result;
      },
      // Innermost: refusals carry the date too, and further out they are errors.
      { step: "deserialize", priority: "low", name: "dateOfAnswer" },
    );
  }

  async facts(signal: AbortSignal): Promise<BucketFacts> {
    await this.#requireBucket(signal);
    return readBucket(this.#bucket, signal);
  }

  async encryptionKeys(signal: AbortSignal): Promise<readonly EncryptionKey[]> {
    const { client, where, retry, settings } = this.#bucket;
    const own = settings.sse === undefined ? [] : [{ setting: "store.sse.kmsKey", key: settings.sse.kmsKey }];
    try {
      const command = new GetBucketEncryptionCommand(where);
      const { ServerSideEncryptionConfiguration } = await retry.call(
        "read encryption at rest",
        (abortSignal) => client.send(command, { abortSignal }),
        { signal },
      );
      const key = ServerSideEncryptionConfiguration?.Rules?.[0]?.ApplyServerSideEncryptionByDefault?.KMSMasterKeyID;
      return key === undefined ? own : [...own, { setting: `the default of bucket ${settings.bucket}`, key }];
    } catch (error) {
      // What is wrong with the store is its own check's to tell.
      if (isLifeboatError(error, "store/")) return own;
      throw error;
    }
  }

  mayList(prefix: string, what: "objects" | "versions" | "uploads", signal: AbortSignal): Promise<Answer> {
    const { client, where, settings } = this.#bucket;
    const below = { ...where, Prefix: settings.prefix + prefix };
    const list = (abortSignal: AbortSignal | undefined): Promise<unknown> => {
      if (what === "objects") return client.send(new ListObjectsV2Command({ ...below, MaxKeys: 1 }), { abortSignal });
      if (what === "versions") return client.send(new ListObjectVersionsCommand({ ...below, MaxKeys: 1 }), { abortSignal });
      return client.send(new ListMultipartUploadsCommand({ ...below, MaxUploads: 1 }), { abortSignal });
    };
    return this.#try(`list ${what}`, list, signal);
  }

  async mayLock(prefix: string, signal: AbortSignal): Promise<Answer | undefined> {
    const { client, settings, clock } = this.#bucket;
    if (settings.lock === undefined) return undefined;
    const { target } = new PutAttempt(this.#bucket, `${prefix}${NOBODY}`, false);
    const command = new PutObjectRetentionCommand({
      ...target,
      Retention: {
        Mode: settings.lock.mode === "compliance" ? "COMPLIANCE" : "GOVERNANCE",
        RetainUntilDate: new Date(clock.now().getTime() + DAY_MS),
      },
    });
    return this.#try(`lock below ${prefix}`, (abortSignal) => client.send(command, { abortSignal }), signal);
  }

  async access(prefix: string, signal: AbortSignal): Promise<Access> {
    const { client } = this.#bucket;
    const put = new PutAttempt(this.#bucket, `${prefix}${NOBODY}`, false);
    const head = new HeadObjectCommand(put.target);
    const remove = new DeleteObjectCommand({ ...put.target, ...((await this.#hasNoVersions(signal)) ? {} : { VersionId: "null" }) });
    const [mayRead, mayPut, mayRemove] = await Promise.all([
      this.#try(`look below ${prefix}`, (abortSignal) => client.send(head, { abortSignal }), signal),
      this.#try(`begin an upload below ${prefix}`, (abortSignal) => this.#beginAndAbort(put, abortSignal), signal),
      this.#try(`remove below ${prefix}`, (abortSignal) => client.send(remove, { abortSignal }), signal),
    ]);
    return { read: mayRead, put: mayPut, remove: mayRemove };
  }

  async clock(signal: AbortSignal): Promise<ClockReading> {
    const { clock } = this.#bucket;
    this.#date = undefined;
    const [sent, from] = [clock.now().getTime(), clock.monotonicMs()];
    await this.#headBucket(signal).catch((error: unknown) => {
      // A refusal tells the time as well.
      if (this.#dateOfAnswer() === undefined || isLifeboatError(error, "interrupted")) throw error;
    });
    const passedMs = clock.monotonicMs() - from;
    const date = this.#dateOfAnswer();
    if (date === undefined) throw new LifeboatError("store/failed", `${this.location} does not say what time it is`);
    // The header has whole seconds, cut off, and servers keep its text for up to another.
    return { skewMs: date.getTime() + 1000 - (sent + passedMs / 2), uncertaintyMs: 1000 + passedMs / 2 };
  }

  #dateOfAnswer(): Date | undefined {
    return this.#date;
  }

  async #headBucket(signal: AbortSignal, except?: (error: unknown) => boolean): Promise<string | undefined> {
    const { client, where, retry } = this.#bucket;
    const command = new HeadBucketCommand(where);
    const { BucketRegion } = await retry.call(
      "look at the bucket",
      (abortSignal) => client.send(command, { abortSignal }),
      except === undefined ? { signal } : { signal, except },
    );
    return BucketRegion;
  }

  /** Throws where there is no such bucket, or it is in another region. */
  async #requireBucket(signal: AbortSignal): Promise<void> {
    const { settings } = this.#bucket;
    let region: string | undefined;
    try {
      region = await this.#headBucket(signal, (error) => isMissing(error) || isForbidden(error) || regionOf(error) !== undefined);
    } catch (error) {
      region = regionOf(error);
      // The answer to a HEAD has no words: whether credentials or permissions are wrong is told by the questions that follow.
      if (region === undefined && !isForbidden(error)) throw isMissing(error) ? this.#noBucket(error) : error;
    }
    if (region === undefined || region === settings.region) return;
    throw new LifeboatError(
      "store/failed",
      `the bucket ${settings.bucket} is in ${region}, and store.region is ${settings.region ?? "not set"}`,
      {
        hint: `set store.region: ${region}`,
      },
    );
  }

  #noBucket(cause: unknown): LifeboatError {
    return new LifeboatError("store/failed", `bucket ${this.#bucket.settings.bucket} not found for ${this.location}`, {
      hint: `check store.bucket, store.region and store.endpoint in the configuration. lifeboat makes no bucket: where there is to be a new one, ${createBucket(this.#bucket.settings)}, then lifeboat doctor --store again for the rest; docs/cli.md (A bucket for the store) has all commands`,
      cause,
    });
  }

  /** An upload that is begun and thrown away leaves nothing, and takes the permissions of a put. */
  async #beginAndAbort({ target, properties }: PutAttempt, abortSignal: AbortSignal | undefined): Promise<void> {
    const { client, where } = this.#bucket;
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ ...target, ...properties }), { abortSignal });
    // Not stopped by a signal: it would be left behind.
    await client.send(new AbortMultipartUploadCommand({ ...where, Key: target.Key, UploadId })).catch((error: unknown) => {
      if (!isNoSuchUpload(error)) throw error;
    });
  }

  /** Without versions a removal of what is not there does nothing; with them, or where nobody says, it would leave a marker. */
  async #hasNoVersions(signal: AbortSignal): Promise<boolean> {
    const { client, where, retry } = this.#bucket;
    this.#unversioned ??= retry
      .call("read versioning", (abortSignal) => client.send(new GetBucketVersioningCommand(where), { abortSignal }), { signal })
      .then(
        ({ Status }) => Status === undefined,
        (error: unknown) => {
          if (isLifeboatError(error, "store/")) return false;
          throw error;
        },
      );
    return this.#unversioned;
  }

  async #try(doing: string, call: (signal: AbortSignal | undefined) => Promise<unknown>, signal: AbortSignal): Promise<Answer> {
    const isAnswer = (error: unknown): boolean => isMissing(error) || isForbidden(error) || isOtherRefusal(error);
    try {
      await this.#bucket.retry.call(doing, call, { signal, except: isAnswer });
      return ALLOWED;
    } catch (error) {
      if (isMissing(error)) return ALLOWED;
      if (isForbidden(error)) return DENIED;
      if (isOtherRefusal(error)) return { is: "unknown", reason: describeFault(error) };
      throw error;
    }
  }
}

function isForbidden(error: unknown): boolean {
  return faultOf(error).status === 403 && !isCallersFault(error);
}

/** The store understood neither yes nor no: a version id that it does not know, a call that it does not have. */
function isOtherRefusal(error: unknown): boolean {
  const { name, status } = faultOf(error);
  return status === 400 || status === 405 || status === 501 ? !isCallersFault(error) && name !== "NoSuchBucket" : false;
}

/** S3 says in the answer to a request at the wrong region which one it is. */
function regionOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { $response } = error as Error & { readonly $response?: unknown };
  return hasHeaders($response) ? $response.headers["x-amz-bucket-region"] : undefined;
}

/** The SDK types an answer as unknown, since other transports than HTTP are thinkable. */
function hasHeaders(response: unknown): response is { readonly headers: Readonly<Record<string, string | undefined>> } {
  return typeof response === "object" && response !== null && "headers" in response && typeof response.headers === "object";
}

/** The command of the AWS command line that makes it. */
function createBucket({ bucket, region, endpoint }: S3Settings): string {
  // us-east-1 must not be named as a constraint; S3-compatible stores know none.
  const constraint =
    endpoint !== undefined || region === undefined || region === "us-east-1"
      ? []
      : [`--create-bucket-configuration LocationConstraint=${region}`];
  return [
    `aws s3api create-bucket --bucket ${bucket} --object-lock-enabled-for-bucket`,
    ...(region === undefined ? [] : [`--region ${region}`]),
    ...(endpoint === undefined ? [] : [`--endpoint-url ${endpoint}`]),
    ...constraint,
  ].join(" ");
}
