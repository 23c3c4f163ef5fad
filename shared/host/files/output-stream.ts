import { LifeboatError, messageOf } from "../../errors.ts";

/**
 * Writes `bytes` to `stream`, no faster than its reader takes them. Throws `output/failed` where that has gone, and the signal's reason. A piece is given back when it is written.
 */
export async function writeStream(
  stream: NodeJS.WritableStream,
  bytes: AsyncIterable<Uint8Array>,
  { name, signal }: { readonly name: string; readonly signal: AbortSignal },
): Promise<void> {
  const ended = Promise.withResolvers<never>();
  // Heard where it is awaited.
  ended.promise.catch(() => undefined);
  const fail = (error: unknown): void => ended.reject(failed(name, error));
  const stop = (): void => ended.reject(signal.reason);
  stream.on("error", fail);
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    for await (const chunk of bytes) {
      const written = new Promise<void>((resolve, reject) => {
        stream.write(chunk, (error) => (error ? reject(failed(name, error)) : resolve()));
      });
      await Promise.race([written, ended.promise]);
    }
    stream.removeListener("error", fail);
  } finally {
    // After a failure the listener stays: the stream tells of it once more.
    signal.removeEventListener("abort", stop);
  }
}

function failed(name: string, cause: unknown): LifeboatError {
  return new LifeboatError("output/failed", `cannot write to ${name}: ${messageOf(cause)}`, {
    hint: "see what reads it, and why it ended",
    cause,
  });
}
