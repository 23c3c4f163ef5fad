import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
  type CompletedPart,
} from "@aws-sdk/client-s3";
import { LifeboatError } from "../../errors.ts";
import type { PutReceipt } from "../blob-store.ts";
import type { BodyParts, Part } from "./body-parts.ts";
import { crcToBase64, versionOf, type Bucket } from "./bucket.ts";
import { combineCrc32 } from "./crc32.ts";
import { isNoSuchUpload, isTransient } from "./errors.ts";
import type { PutAttempt } from "./put-attempt.ts";
import { MAX_OBJECT_BYTES, MAX_PARTS, partBytes, partsInFlight } from "./part-plan.ts";

/**
 * A body of unknown length as a multipart upload: docs/decisions/0010. Parts wait in buffers of a fixed number until the store has them, each tried again by itself; the
 * store checks the CRC-32 of each part and of the whole. Nothing is visible before the completion, and a failure before it throws the upload away.
 */
export class Upload {
  readonly #bucket: Bucket;
  readonly #put: PutAttempt;
  readonly #signal: AbortSignal | undefined;
  readonly #parts: CompletedPart[] = [];
  readonly #running = new Set<Promise<unknown>>();
  /** Rejects with the first part's failure: it must be heard also while the body hangs. */
  readonly #failed = Promise.withResolvers<never>();
  /** Ends parts that are on their way when one has failed or the signal aborts. */
  readonly #stop = new AbortController();
  readonly #free: Uint8Array[] = [];
  #id = "";
  /** Whether the store keeps the CRC of the whole, rather than one of the parts' CRCs. */
  #checksWhole = false;
  #bytes = 0;
  #crc = 0;

  constructor(bucket: Bucket, put: PutAttempt, signal: AbortSignal | undefined) {
    this.#bucket = bucket;
    this.#put = put;
    this.#signal = signal;
    this.#failed.promise.catch(() => undefined);
  }

  /** `first` is the first part, full; what follows comes from `body`. */
  async run(first: Part, body: BodyParts): Promise<PutReceipt> {
    const onAbort = (): void => this.#stop.abort(this.#signal?.reason);
    this.#signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await this.#create();
      try {
        await this.#send(first, body);
        return await this.#complete();
      } catch (error) {
        this.#stop.abort(error);
        await Promise.allSettled(this.#running);
        await this.#abort();
        throw error;
      }
    } finally {
      this.#signal?.removeEventListener("abort", onAbort);
    }
  }

  async #create(): Promise<void> {
    const { client, retry } = this.#bucket;
    const { IfNoneMatch: _, ...target } = this.#put.target;
    const command = new CreateMultipartUploadCommand({
      ...target,
      ...this.#put.properties,
      ChecksumAlgorithm: "CRC32",
      ChecksumType: "FULL_OBJECT",
    });
    const created = await retry.call(this.#put.doing, (abortSignal) => client.send(command, { abortSignal }), { signal: this.#signal });
    if (created.UploadId === undefined)
      throw new LifeboatError("store/failed", `${this.#bucket.location} began an upload of ${this.#put.key} and gave it no id`);
    this.#id = created.UploadId;
    this.#checksWhole = created.ChecksumType === "FULL_OBJECT";
  }

  async #send(first: Part, body: BodyParts): Promise<void> {
    const { partBytes: firstBytes, inFlight } = this.#bucket.pace;
    let part = first;
    for (let number = 1; part.bytes.length > 0; number += 1) {
      this.#bytes += part.bytes.length;
      if (number > MAX_PARTS || this.#bytes > MAX_OBJECT_BYTES)
        throw new LifeboatError(
          "store/failed",
          `${this.#put.key} is larger than the 5 TiB that an object in ${this.#bucket.location} can have`,
        );
      this.#start(number, part);
      if (part.bytes.length < part.buffer.length) break;
      const allowed = partsInFlight(number + 1, firstBytes, inFlight);
      while (this.#running.size > allowed) await Promise.race([this.#failed.promise, ...this.#running]);
      const buffer = this.#take(partBytes(number + 1, firstBytes));
      part = await Promise.race([this.#failed.promise, body.gather(buffer)]);
    }
    // The failure stands first, since of two that are settled already a race takes the first.
    await Promise.race([this.#failed.promise, Promise.all(this.#running)]);
  }

  #take(bytes: number): Uint8Array {
    for (let buffer = this.#free.pop(); buffer !== undefined; buffer = this.#free.pop()) if (buffer.length === bytes) return buffer;
    return new Uint8Array(bytes);
  }

  #start(number: number, part: Part): void {
    const { buffer, bytes, crc } = part;
    this.#crc = combineCrc32(this.#crc, crc, bytes.length);
    const running = this.#sendPart(number, part)
      .then(() => this.#free.push(buffer))
      .catch((error: unknown) => this.#failed.reject(error))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #sendPart(number: number, { bytes, crc }: Part): Promise<void> {
    const { client, retry, where, settings } = this.#bucket;
    const part = { PartNumber: number, ChecksumCRC32: crcToBase64(crc) };
    const command = new UploadPartCommand({
      ...where,
      Key: settings.prefix + this.#put.key,
      UploadId: this.#id,
      ...part,
      Body: bytes,
      ContentLength: bytes.length,
    });
    const doing = `${this.#put.doing} (part ${number})`;
    try {
      const { ETag } = await retry.call(doing, (abortSignal) => client.send(command, { abortSignal }), {
        signal: this.#stop.signal,
        except: isNoSuchUpload,
      });
      this.#parts.push({ ...part, ETag });
    } catch (error) {
      throw isNoSuchUpload(error) ? this.#thrownAway(error) : error;
    }
  }

  async #complete(): Promise<PutReceipt> {
    const { client, retry, pace } = this.#bucket;
    const Parts = this.#parts.toSorted((one, other) => (one.PartNumber ?? 0) - (other.PartNumber ?? 0));
    const command = new CompleteMultipartUploadCommand({
      ...this.#put.target,
      UploadId: this.#id,
      MultipartUpload: { Parts },
      ...(this.#checksWhole ? { ChecksumCRC32: crcToBase64(this.#crc), ChecksumType: "FULL_OBJECT", MpuObjectSize: this.#bytes } : {}),
    });
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await retry.call(
          this.#put.doing,
          (abortSignal) => {
            this.#put.commits += 1;
            return client.send(command, { abortSignal });
          },
          { signal: this.#signal, attempts: 1, except: () => true },
        );
        return { key: this.#put.key, bytes: this.#bytes, ...versionOf(answer) };
      } catch (error) {
        if (this.#put.commits === 0) throw error;
        const receipt = await this.#put.resolve(isNoSuchUpload(error) ? this.#thrownAway(error) : error, this.#bytes, this.#signal);
        if (receipt !== undefined) return receipt;
        if (attempt >= pace.attempts || !isTransient(error)) throw retry.failure(error, this.#put.doing);
        await retry.pause(attempt, this.#signal);
      }
    }
  }

  /** Never throws: the error that led here is the one to tell, and what stays is invisible, and swept as an orphan. */
  async #abort(): Promise<void> {
    const { client, retry, where, settings, clock } = this.#bucket;
    const command = new AbortMultipartUploadCommand({ ...where, Key: settings.prefix + this.#put.key, UploadId: this.#id });
    // Whoever stopped the put waits for this.
    const deadline = new AbortController();
    const cancel = clock.after(ABORT_MS, () => deadline.abort());
    const doing = `abort the upload of ${this.#put.key}`;
    await retry
      .call(doing, (abortSignal) => client.send(command, { abortSignal }), { signal: deadline.signal, except: isNoSuchUpload })
      .catch(() => undefined);
    cancel();
  }

  #thrownAway(cause: unknown): LifeboatError {
    return new LifeboatError(
      "store/failed",
      `the upload of ${this.#put.key} to ${this.#bucket.location} was thrown away before it was done`,
      {
        hint: "somebody swept it, or a lifecycle rule of the bucket did: both must wait longer than a backup takes",
        cause,
      },
    );
  }
}

const ABORT_MS = 10_000;
