import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { z } from "zod";
import { readIdentities } from "../../../shared/seal/age.ts";
import { SealedReader } from "../../../shared/seal/sealed-reader.ts";
import { IndexTop, recordsIn } from "../../../shared/snapshot/key-index.ts";
import { entryOf } from "../../../shared/snapshot/read-page.ts";

/** docs/format.md, "The table of frames" and "The index": what was once written is read by every later version. */

const FOLDER = fileURLToPath(new URL("../../vectors/sealed/", import.meta.url));
const expected = z
  .object({
    bytes: z.number(),
    sha256: z.string(),
    frames: z.number(),
    last: z.string(),
    keys: z.number(),
    key: z.string(),
    value: z.string(),
    revision: z.number(),
  })
  .parse(JSON.parse(await readFile(`${FOLDER}expected.json`, "utf8")));

async function open(name: string): Promise<SealedReader> {
  const file = await readFile(FOLDER + name);
  const source = { bytes: file.length, read: (start: number, end: number) => Promise.resolve(file.subarray(start, end)) };
  const reader = await SealedReader.open(source, readIdentities(await readFile(`${FOLDER}identity.txt`, "utf8")));
  if (reader === undefined) throw new Error(`${name} has no table of frames`);
  return reader;
}

const hex = (digest: string): Buffer => Buffer.from(digest.slice("sha256:".length), "hex");

test("a sealed snapshot is read by its table of frames, and a key in it by its index", async () => {
  const [snapshot, index] = [await open("snapshot.age"), await open("snapshot.index.age")];
  const content = await snapshot.readAt(0, expected.bytes);
  expect([snapshot.bytes, snapshot.frames]).toEqual([expected.bytes, expected.frames]);
  expect(`sha256:${createHash("sha256").update(content).digest("hex")}`).toBe(expected.sha256);
  index.requireDigests(hex(expected.last), index.frames - 1);
  const top = new IndexTop(await index.piece(index.frames - 1));
  expect([top.count, top.pieces]).toEqual([expected.keys, index.frames - 1]);
  index.requireDigests(Buffer.concat([top.pieceDigests, hex(expected.last)]));
  snapshot.requireDigests(top.frameDigests);
  const piece = await index.piece(top.pieceOf(Buffer.from(expected.key)) ?? -1);
  const record = [...recordsIn(piece)].find(({ key }) => Buffer.from(key).toString() === expected.key);
  const entry = await snapshot.readAt(record?.at ?? 0, record?.bytes ?? 0);
  const found = entryOf(entry.subarray(0, 17), entry.subarray(17));
  expect(found).toMatchObject({ revision: expected.revision, isTombstone: false });
  expect([Buffer.from(found!.key).toString(), Buffer.from(found!.value).toString()]).toEqual([expected.key, expected.value]);
});
