import { PutObjectCommand } from "@aws-sdk/client-s3";
import type { PutReceipt } from "../blob-store.ts";
import type { Part } from "./body-parts.ts";
import { crcToBase64, versionOf, type Bucket } from "./bucket.ts";
import type { PutAttempt } from "./put-attempt.ts";

/** Puts what fits into one part by one request, tried again as a whole. */
export async function putWhole(
  bucket: Bucket,
  put: PutAttempt,
  { bytes, crc }: Part,
  signal: AbortSignal | undefined,
): Promise<PutReceipt> {
  const { client, retry, pace } = bucket;
  const command = new PutObjectCommand({
    ...put.target,
    ...put.properties,
    Body: bytes,
    ContentLength: bytes.length,
    ChecksumCRC32: crcToBase64(crc),
  });
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await retry.call(
        put.doing,
        (abortSignal) => {
          put.commits += 1;
          return client.send(command, { abortSignal });
        },
        { signal, attempts: 1, except: () => true },
      );
      return { key: put.key, bytes: bytes.length, ...versionOf(answer) };
    } catch (error) {
      // Nothing was sent: there is nothing to look for.
      if (put.commits === 0) throw error;
      const receipt = await put.resolve(error, bytes.length, signal);
      if (receipt !== undefined) return receipt;
      if (attempt >= pace.attempts) throw retry.failure(error, put.doing);
      await retry.pause(attempt, signal);
    }
  }
}
