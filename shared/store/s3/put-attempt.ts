import { HeadObjectCommand, ListObjectsV2Command, type PutObjectCommandInput } from "@aws-sdk/client-s3";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { PutReceipt } from "../blob-store.ts";
import { interrupted } from "../body-reader.ts";
import { versionOf, type Bucket } from "./bucket.ts";
import { isDenied, isMissing, isPreconditionFailed, isTransient, s3Error } from "./errors.ts";

/** So long is looked for what became of a put after a signal: somebody waits for the end. */
const LOOK_MS = 5000;

/** One put under way: what it sends with every object, and how its object is told from another's under the same key. */
export class PutAttempt {
  readonly key: string;
  readonly ifAbsent: boolean;
  readonly doing: string;
  /** Times that the request which makes the object visible was sent. */
  commits = 0;
  readonly #bucket: Bucket;
  readonly #mark: string;

  constructor(bucket: Bucket, key: string, ifAbsent: boolean) {
    this.key = key;
    this.ifAbsent = ifAbsent;
    this.doing = `put ${key}`;
    this.#bucket = bucket;
    this.#mark = Buffer.from(bucket.random(16)).toString("hex");
  }

  /** The key and conditions of the request that makes the object visible. */
  get target(): { Key: string; Bucket: string; ExpectedBucketOwner?: string; IfNoneMatch?: "*" } {
    return { ...this.#bucket.where, Key: this.#bucket.settings.prefix + this.key, ...(this.ifAbsent ? { IfNoneMatch: "*" } : {}) };
  }

  /** What the object is made with: our mark, its encryption and retention. */
  get properties(): Pick<
    PutObjectCommandInput,
    "Metadata" | "ServerSideEncryption" | "SSEKMSKeyId" | "BucketKeyEnabled" | "ObjectLockMode" | "ObjectLockRetainUntilDate"
  > {
    const { settings, clock } = this.#bucket;
    return {
      Metadata: { "lifeboat-put": this.#mark },
      ...(settings.sse === undefined ? {} : { ServerSideEncryption: "aws:kms", SSEKMSKeyId: settings.sse.kmsKey, BucketKeyEnabled: true }),
      ...(settings.lock === undefined
        ? {}
        : {
            ObjectLockMode: settings.lock.mode === "compliance" ? "COMPLIANCE" : "GOVERNANCE",
            ObjectLockRetainUntilDate: new Date(clock.now().getTime() + settings.lock.days * 86_400_000),
          }),
    };
  }

  /**
   * What a failure of the committing request comes to. The receipt where the object stands there all the same, the answer lost; undefined where it does not and
   * the request may be sent again; else throws. `bytes` is the size of what was sent.
   */
  async resolve(error: unknown, bytes: number, signal: AbortSignal | undefined): Promise<PutReceipt | undefined> {
    const refused = isPreconditionFailed(error);
    const failure =
      signal?.aborted === true
        ? interrupted(`put of ${this.key} in ${this.#bucket.location}`, signal)
        : s3Error(error, this.doing, this.#bucket.location);
    const found = await this.#lookOr("unknown", bytes, signal);
    if (typeof found !== "string") return found;
    // Sent once and refused, and not to be looked at: another has put it there.
    if (this.ifAbsent && (found === "others" || (found === "unknown" && refused && this.commits === 1))) throw this.exists(error);
    if (found === "unknown" || signal?.aborted === true || (!refused && !isTransient(error))) throw failure;
    return undefined;
  }

  /** As `#look`, but `otherwise` where looking fails: the failure that led here is the one to tell. */
  async #lookOr<T>(
    otherwise: T,
    bytes: number,
    signal: AbortSignal | undefined,
  ): Promise<PutReceipt | "absent" | "others" | "unknown" | T> {
    try {
      return await this.#look(bytes, signal);
    } catch {
      return otherwise;
    }
  }

  /** What stands under the key now: this put's object, another's, or none; "unknown" where it may not be looked at. */
  async #look(bytes: number, signal: AbortSignal | undefined): Promise<PutReceipt | "absent" | "others" | "unknown"> {
    const { client, where, retry, clock } = this.#bucket;
    const { Key } = this.target;
    // A signal has ended the put, not the question what became of it.
    const deadline = new AbortController();
    const cancel = signal?.aborted === true ? clock.after(LOOK_MS, () => deadline.abort()) : (): void => undefined;
    const doing = `look at ${this.key}`;
    try {
      const head = await retry.call(doing, (abortSignal) => client.send(new HeadObjectCommand({ ...where, Key }), { abortSignal }), {
        signal: deadline.signal,
        except: isMissing,
      });
      if (head.Metadata?.["lifeboat-put"] !== this.#mark) return "others";
      return { key: this.key, bytes, ...versionOf(head) };
    } catch (error) {
      if (isMissing(error)) return "absent";
      if (!isLifeboatError(error, "store/denied") || !isDenied(error.cause)) throw error;
      // The writer of snapshots may not read them, and looking is reading: it may list.
      const list = new ListObjectsV2Command({ ...where, Prefix: Key, MaxKeys: 1 });
      const page = await retry.call(doing, (abortSignal) => client.send(list, { abortSignal }), { signal: deadline.signal });
      return page.Contents?.[0]?.Key === Key ? "unknown" : "absent";
    } finally {
      cancel();
    }
  }

  exists(cause: unknown): LifeboatError {
    return new LifeboatError("store/exists", `${this.key} is already in ${this.#bucket.location}`, { cause });
  }
}
