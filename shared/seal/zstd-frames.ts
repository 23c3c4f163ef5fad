import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";
import type { Block } from "../blocks.ts";
import { LifeboatError } from "../errors.ts";
import { mapConcurrently } from "../map-concurrently.ts";
import { releaseBuffer } from "./release-buffer.ts";
import { FrameTableWriter } from "./frame-table.ts";
import { compressFrame } from "./zstd-compress.ts";
import { MAX_CONTENT_BYTES, type ZstdFrame, ZstdFrameReader } from "./zstd-frame-reader.ts";

/**
 * Two at work, and the oldest handed out meanwhile. A compressor per frame: measured as fast as long-lived ones, and nothing is left
 * to close.
 */
const LANES = 3;
const OUTPUT_CHUNK_BYTES = 1024 * 1024;

const decompress = promisify(zstdDecompress);

export interface CompressOptions {
  /** zstd's, 1 to 19; left out what was measured best for snapshots. */
  readonly level?: number;
  /** Blocks in work at once. */
  readonly lanes?: number;
}

/**
 * Each block as one zstd frame (RFC 8878) that says its content's length, and last of all a skippable frame with a table of them (frame-table.ts); `zstd -d` reads the former one after the other
 * and passes over the latter. A frame is
 * only valid until the next one is asked for. Each block is released once compressed; no more than `lanes` (3) are held at once.
 * No blocks give one empty frame, so that an empty snapshot is told from a lost one. An error of `blocks` passes unchanged.
 */
export async function* compressFrames(
  blocks: AsyncIterable<Block>,
  options: CompressOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { level } = options;
  const table = new FrameTableWriter();
  let any = false;
  for await (const { frame, contentBytes } of mapConcurrently(blocks, options.lanes ?? LANES, async (block) => {
    const { length } = block.bytes;
    return { frame: await frameOf(block.bytes, level).finally(() => block.release()), contentBytes: length };
  })) {
    any = true;
    table.add(frame.length, contentBytes);
    yield frame;
    releaseBuffer(frame);
  }
  if (!any) {
    const empty = await frameOf(new Uint8Array(0), level);
    table.add(empty.length, 0);
    yield empty;
  }
  yield table.finish();
}

async function frameOf(bytes: Uint8Array, level: number | undefined): Promise<Uint8Array> {
  if (bytes.length > MAX_CONTENT_BYTES)
    throw new RangeError(`a block of ${bytes.length} bytes makes a frame that is not read back: at most ${MAX_CONTENT_BYTES}`);
  return compressFrame(bytes, level);
}

/**
 * The content of zstd frames given in chunks of any size, one piece a frame, valid until the next is asked for. Frames are at most 8 MiB of content and window, as
 * those of `compressFrames` (4 MiB) and of `zstd` for small files are. `verify/sealed` where a frame is cut, altered or larger, or
 * something else stands there; also where there is no frame at all, or an empty one after others. `verify/size` where the content is
 * more than `most` bytes: nothing past them is handed out, and at most `LANES` frames past them were decompressed. `onFrame` is told of each frame as it is compressed.
 */
export async function* decompressFrames(
  bytes: AsyncIterable<Uint8Array>,
  most = Infinity,
  onFrame?: (frame: Uint8Array) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let total = 0;
  for await (const content of mapConcurrently(frames(bytes, onFrame), LANES, contentOf)) {
    total += content.length;
    if (total > most) throw new LifeboatError("verify/size", `the compressed data holds more than ${most} bytes`);
    if (content.length === 0) continue;
    yield content;
    releaseBuffer(content);
  }
}

async function* frames(
  bytes: AsyncIterable<Uint8Array>,
  onFrame: ((frame: Uint8Array) => void) | undefined,
): AsyncGenerator<ZstdFrame & { readonly number: number }, void, undefined> {
  const reader = new ZstdFrameReader();
  let number = 0;
  for await (const chunk of bytes)
    for (const frame of reader.push(chunk)) {
      onFrame?.(frame.bytes);
      yield { ...frame, number: ++number };
    }
  reader.end();
}

/** The content of exactly one frame, in memory that is the caller's alone. `verify/sealed` as above; `number` names it in messages. */
export async function decompressOne(bytes: Uint8Array, number: number): Promise<Uint8Array> {
  const reader = new ZstdFrameReader();
  const [frame, ...others] = [...reader.push(bytes)];
  reader.end();
  if (frame === undefined || others.length > 0)
    throw new LifeboatError("verify/sealed", `what stands in the place of zstd frame ${number} of the compressed data is not one frame`);
  return contentOf({ ...frame, number });
}

/** Node 24 drops what follows the first frame in a buffer (nodejs/node issue 64741): it gets one frame at a time. */
async function contentOf(frame: ZstdFrame & { readonly number: number }): Promise<Uint8Array> {
  const limit = frame.contentBytes ?? MAX_CONTENT_BYTES;
  let content: Uint8Array;
  try {
    // A byte more than needed, so that one buffer takes it all and zstd works in it directly, without a window of its own.
    content = await decompress(frame.bytes, {
      chunkSize: Math.max(64, Math.min(limit, frame.contentBytes ?? OUTPUT_CHUNK_BYTES) + 1),
      maxOutputLength: Math.max(1, limit),
    });
  } catch (error) {
    const tooLarge = error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
    throw broken(frame, tooLarge ? `holds more than ${limit} bytes` : "cannot be decompressed", error);
  }
  if (frame.contentBytes !== undefined && content.length !== frame.contentBytes)
    throw broken(frame, `holds ${content.length} bytes and says ${frame.contentBytes}`);
  // Millions of them would cost hours and give nothing.
  if (content.length === 0 && frame.number > 1) throw broken(frame, "is empty, though others come before it");
  return content;
}

function broken(frame: { readonly number: number }, what: string, cause?: unknown): LifeboatError {
  return new LifeboatError("verify/sealed", `zstd frame ${frame.number} of the compressed data ${what}`, { cause });
}
