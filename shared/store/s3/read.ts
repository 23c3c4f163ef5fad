import { Readable } from "node:stream";
import { GetObjectCommand, type GetObjectCommandOutput } from "@aws-sdk/client-s3";
import { LifeboatError } from "../../errors.ts";
import type { ByteRange, ReadOptions } from "../blob-store.ts";
import { throwIfAborted } from "../body-reader.ts";
import { NULL_VERSION, versionOf, type Bucket } from "./bucket.ts";
import { faultOf, isMissing, isPreconditionFailed, isTransient } from "./errors.ts";

/** Of what was asked for. */
export interface Wanted extends ReadOptions {
  readonly key: string;
  readonly range: ByteRange | undefined;
  /** The error where it is not there. */
  readonly missing: (cause: unknown) => LifeboatError;
}

/**
 * The bytes of an object, as fast as they are taken. Where the connection is cut or stands still it goes on at the byte where it stood, from the very same object
 * (by its ETag), so that what comes out is never of two.
 */
export async function* readObject(bucket: Bucket, wanted: Wanted): AsyncGenerator<Uint8Array, void, undefined> {
  const { retry, pace, location } = bucket;
  const { key, range, signal } = wanted;
  const doing = `reading ${key} in ${location}`;
  const end = range?.end ?? Infinity;
  let at = range?.start ?? 0;
  let etag: string | undefined;
  let failures = 0;
  while (at < end) {
    throwIfAborted(doing, signal);
    const answer = await ask(bucket, wanted, at, end, etag);
    if (answer === "past the end") return;
    const { Body: body, ETag, ContentLength } = answer;
    etag = ETag;
    if (!(body instanceof Readable) || ContentLength === undefined)
      throw new LifeboatError("store/failed", `${location} answered for ${key} without a length`);
    const until = at + ContentLength;
    const onAbort = (): void => void body.destroy();
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      for await (const chunk of body as AsyncIterable<Uint8Array>) {
        at += chunk.length;
        failures = 0;
        yield chunk;
        throwIfAborted(doing, signal);
      }
      if (at < until) throw cutShort();
      return;
    } catch (error) {
      throwIfAborted(doing, signal);
      if (error instanceof LifeboatError || !isTransient(error)) throw retry.failure(error, `read ${key}`);
      failures += 1;
      if (failures >= pace.attempts) throw retry.failure(error, `read ${key}`);
      await retry.pause(failures, signal);
    } finally {
      signal?.removeEventListener("abort", onAbort);
      body.destroy();
    }
  }
  if (range === undefined || range.start < range.end) return;
  // No byte was asked for; it must be there all the same.
  const answer = await ask(bucket, wanted, 0, 1, undefined);
  if (answer !== "past the end" && answer.Body instanceof Readable) answer.Body.destroy();
}

/** The end of a body that is shorter than was announced: Node says so by itself only where the connection was reset. */
function cutShort(): Error {
  return Object.assign(new Error("the answer was cut short"), { code: "ECONNRESET" });
}

async function ask(
  bucket: Bucket,
  wanted: Wanted,
  at: number,
  end: number,
  etag: string | undefined,
): Promise<GetObjectCommandOutput | "past the end"> {
  const { client, quickReads, retry, where, settings, location } = bucket;
  const { key, version, signal, missing } = wanted;
  const isWhole = at === 0 && end === Infinity;
  const Key = settings.prefix + key;
  const input = {
    ...where,
    Key,
    // Past the end of any object there is nothing to say it to the store.
    ...(isWhole ? {} : { Range: `bytes=${at}-${end > LARGEST_OFFSET ? "" : end - 1}` }),
    ...(version === undefined ? {} : { VersionId: version }),
    ...(etag === undefined ? {} : { IfMatch: etag }),
  };
  // A try that failed is not made the same way again.
  let isQuick = isWhole && version === undefined && etag === undefined;
  const send = async (abortSignal: AbortSignal | undefined): Promise<GetObjectCommandOutput> => {
    const quick = isQuick ? quickReads.get(Key, abortSignal) : undefined;
    isQuick = false;
    return (await quick) ?? client.send(new GetObjectCommand(input), { abortSignal });
  };
  const isAnswer = (error: unknown): boolean => isMissing(error) || isPreconditionFailed(error) || isPastTheEnd(error);
  try {
    return await retry.call(`read ${key}`, send, { signal, except: isAnswer });
  } catch (error) {
    if (isPastTheEnd(error)) return "past the end";
    // versitygw 1.8 lists the version so in a bucket without versions, and does not know it by that name.
    if (version === NULL_VERSION && isMissing(error)) {
      const answer = await ask(bucket, { ...wanted, version: undefined }, at, end, etag);
      if (answer === "past the end" || versionOf(answer).version === undefined) return answer;
      if (answer.Body instanceof Readable) answer.Body.destroy();
    }
    if (isPreconditionFailed(error) || (etag !== undefined && isMissing(error)))
      throw new LifeboatError("store/failed", `${key} in ${location} was replaced or removed while it was read, at byte ${at}`, {
        hint: "something else writes to the store: find out what, then run lifeboat verify",
        cause: error,
      });
    throw isMissing(error) ? missing(error) : error;
  }
}

const LARGEST_OFFSET = 2 ** 43;

function isPastTheEnd(error: unknown): boolean {
  const { name, status } = faultOf(error);
  return status === 416 || name === "InvalidRange";
}
