import { writeStream } from "../shared/wire/output.ts";
import type { Console } from "./console.ts";

/** Few writes, and little that waits. */
const PIECE_LENGTH = 64 * 1024;

/** Writes `texts` to standard output as they come, no faster than they are read there. */
export async function writeText({ stdout, signal }: Console, texts: AsyncIterable<string>): Promise<void> {
  await writeStream(stdout, pieces(texts), { name: "standard output", signal });
}

async function* pieces(texts: AsyncIterable<string>): AsyncGenerator<Uint8Array, void, undefined> {
  let text = "";
  for await (const each of texts) {
    text += each;
    if (text.length < PIECE_LENGTH) continue;
    yield Buffer.from(text);
    text = "";
  }
  if (text !== "") yield Buffer.from(text);
}
