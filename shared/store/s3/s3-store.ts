import { HeadObjectCommand, type HeadObjectCommandOutput } from "@aws-sdk/client-s3";
import { crc32 } from "node:zlib";
import type { Clock, RandomBytes } from "../../clock.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { requireKey, requirePrefix } from "../blob-key.ts";
import type {
  BlobInfo,
  BlobLock,
  BlobStore,
  BlobVersion,
  ByteRange,
  PresignedUrl,
  PresignOptions,
  PutOptions,
  PutReceipt,
  ReadOptions,
  RemoveOptions,
  UnfinishedPut,
} from "../blob-store.ts";
import { BodyReader, throwIfAborted } from "../body-reader.ts";
import { requireRange } from "../byte-range.ts";
import { Abilities } from "./abilities.ts";
import { BodyParts } from "./body-parts.ts";
import { bucketOf, crcFromBase64, NULL_VERSION, versionOf, type Bucket } from "./bucket.ts";
import { openClient } from "./client.ts";
import { isMissing, isMissingVersion } from "./errors.ts";
import { listFolders, listObjects } from "./list.ts";
import { extendLock, lockOf } from "./locks.ts";
import { presignRead } from "./presign.ts";
import { PutAttempt } from "./put-attempt.ts";
import { putWhole } from "./put-whole.ts";
import { readObject } from "./read.ts";
import { DEFAULT_PACE, type S3Pace, type S3Settings } from "./settings.ts";
import { abortUpload, listUploads } from "./unfinished.ts";
import { Upload } from "./upload.ts";
import { listVersions, removeAll, removeVersion } from "./versions.ts";

/**
 * Objects in an S3 bucket, or a store that speaks like one. What fits into one part is put by one request, what does not by a multipart upload; both carry a CRC-32
 * that the store checks. Everything that is put is retained and encrypted as the settings say.
 */
export class S3BlobStore implements BlobStore {
  readonly location: string;
  readonly #bucket: Bucket;
  readonly #abilities: Abilities;

  /** `random` marks each put's object, so that it is told from another's after a lost answer. */
  constructor(settings: S3Settings, clock: Clock, random: RandomBytes, pace: S3Pace = DEFAULT_PACE, client = openClient(settings, pace)) {
    this.#bucket = bucketOf(client, settings, pace, clock, random);
    this.#abilities = new Abilities(this.#bucket);
    this.location = this.#bucket.location;
  }

  async put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<PutReceipt> {
    const { signal, ifAbsent = false } = options;
    const doing = `put of ${key} in ${this.location}`;
    const reader = new BodyReader(body, doing, signal);
    try {
      requireKey(key, this.location);
      throwIfAborted(doing, signal);
      const put = new PutAttempt(this.#bucket, key, ifAbsent);
      await this.#abilities.beforePut(put);
      const parts = new BodyParts(reader);
      const first = await parts.gather(new Uint8Array(this.#bucket.pace.partBytes));
      throwIfAborted(doing, signal);
      const isWhole = first.bytes.length < first.buffer.length;
      const receipt = await (isWhole
        ? putWhole(this.#bucket, put, first, signal)
        : new Upload(this.#bucket, put, signal).run(first, parts));
      await this.#abilities.afterPut(put, receipt);
      return receipt;
    } catch (error) {
      if (isLifeboatError(error, "store/exists")) this.#abilities.sawCondition();
      throw error;
    } finally {
      await reader.close();
    }
  }

  async *get(key: string, options: ReadOptions & { readonly range?: ByteRange } = {}): AsyncGenerator<Uint8Array, void, undefined> {
    requireKey(key, this.location);
    const { range } = options;
    if (range !== undefined) requireRange(range, key, this.location);
    yield* readObject(this.#bucket, { ...options, key, range, missing: (cause) => this.#missing(key, cause) });
  }

  async head(key: string, options: ReadOptions = {}): Promise<BlobInfo | undefined> {
    const head = await this.#head(key, options);
    if (head === undefined) return undefined;
    return { key, bytes: head.ContentLength ?? 0, modified: head.LastModified ?? new Date(0), ...versionOf(head) };
  }

  async checksum(key: string, options: ReadOptions = {}): Promise<number> {
    const head = await this.#head(key, options);
    if (head === undefined) throw this.#missing(key);
    const kept = crcFromBase64(head.ChecksumCRC32);
    if (kept !== undefined && head.ChecksumType !== "COMPOSITE") return kept;
    let sum = 0;
    for await (const chunk of this.get(key, options)) sum = crc32(chunk, sum);
    return sum;
  }

  async presign(key: string, options: PresignOptions): Promise<PresignedUrl | undefined> {
    requireKey(key, this.location);
    throwIfAborted(`sign an address for ${key} in ${this.location}`, options.signal);
    return presignRead(this.#bucket, key, options);
  }

  async *list(prefix: string, { signal }: Pick<ReadOptions, "signal"> = {}): AsyncGenerator<BlobInfo, void, undefined> {
    requirePrefix(prefix, this.location);
    yield* listObjects(this.#bucket, prefix, signal);
  }

  async *listFolders(prefix: string, { signal }: Pick<ReadOptions, "signal"> = {}): AsyncGenerator<string, void, undefined> {
    requirePrefix(prefix, this.location);
    yield* listFolders(this.#bucket, prefix, signal);
  }

  async *listVersions(prefix: string, { signal }: Pick<ReadOptions, "signal"> = {}): AsyncGenerator<BlobVersion, void, undefined> {
    requirePrefix(prefix, this.location);
    yield* listVersions(this.#bucket, prefix, signal);
  }

  async remove(key: string, { version, signal }: RemoveOptions = {}): Promise<void> {
    requireKey(key, this.location);
    await (version === undefined ? removeAll(this.#bucket, key, signal) : removeVersion(this.#bucket, key, version, signal));
  }

  async lockOf(key: string, options: ReadOptions = {}): Promise<BlobLock | undefined> {
    requireKey(key, this.location);
    return lockOf(this.#bucket, key, options);
  }

  async extendLock(key: string, version: string | undefined, until: Date, { signal }: Pick<ReadOptions, "signal"> = {}): Promise<Date> {
    requireKey(key, this.location);
    return extendLock(this.#bucket, key, version, until, signal);
  }

  listUnfinished({ signal }: Pick<ReadOptions, "signal"> = {}): AsyncIterable<UnfinishedPut> {
    return listUploads(this.#bucket, signal);
  }

  removeUnfinished(id: string): Promise<void> {
    return abortUpload(this.#bucket, id);
  }

  /** S3 knows no processes: a lifecycle rule of the bucket ends what was left. */
  removeAbandoned(): Promise<number> {
    return Promise.resolve(0);
  }

  async #head(key: string, { version, signal }: ReadOptions): Promise<HeadObjectCommandOutput | undefined> {
    requireKey(key, this.location);
    const { client, retry, where, settings } = this.#bucket;
    const isNone = version === undefined ? isMissing : isMissingVersion;
    const command = new HeadObjectCommand({
      ...where,
      Key: settings.prefix + key,
      ChecksumMode: "ENABLED",
      ...(version === undefined ? {} : { VersionId: version }),
    });
    try {
      return await retry.call(`look at ${key}`, (abortSignal) => client.send(command, { abortSignal }), { signal, except: isNone });
    } catch (error) {
      if (!isNone(error)) throw error;
      if (version !== NULL_VERSION) return undefined;
      // versitygw 1.8 lists it so in a bucket without versions, and does not know it by that name.
      const head = await this.#head(key, { signal });
      return head === undefined || versionOf(head).version !== undefined ? undefined : head;
    }
  }

  #missing(key: string, cause?: unknown): LifeboatError {
    return new LifeboatError("verify/missing", `${key} is not in ${this.location}`, {
      hint: "see with lifeboat ls what is there, and that bucket and prefix in the configuration are the right ones",
      cause,
    });
  }
}
