import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { encryptAge, newIdentity } from "../../shared/seal/age.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { entryBytes, headEntry, headerOf, SET, tarOf } from "../support/node-set.ts";

/** What a hostile set takes of memory, in a process of its own. */

const FIXTURE = fileURLToPath(new URL("../fixtures/read-hostile-set.ts", import.meta.url));
const ZEROS = Buffer.alloc(64 * 1024);
const YAML = `kind: EncryptionConfiguration\nresources: ${"[".repeat(16_000)}`;

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

// oxlint-disable-next-line require-await -- an async iterable of what is made as it goes
async function* manyFiles(files: number, bytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  yield entryBytes(headEntry());
  const size = `${bytes.toString(8).padStart(11, "0")}\u{0}`;
  for (let index = 0; index < files; index++) {
    yield headerOf({ name: `${index}`.padStart(40, "n"), prefix: `files/${"p".repeat(20)}`, size });
    for (let left = Math.ceil(bytes / 512) * 512; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, left);
  }
}

// oxlint-disable-next-line require-await -- an async iterable of what is made as it goes
async function* deepYaml(files: number): AsyncGenerator<Uint8Array, void, undefined> {
  yield entryBytes(headEntry());
  for (let index = 0; index < files; index++) yield entryBytes({ name: `files/${index}`, content: YAML });
}

test.each<[string, () => AsyncIterable<Uint8Array>, RegExp]>([
  ["files without an end", () => manyFiles(100, 4_000_000), /larger than 67108864 bytes/],
  ["a file of 16 MiB, and no end", () => manyFiles(1, 16 * 1024 * 1024), /it is cut/],
  ["too many files", () => manyFiles(5000, 10), /more than 4096 entries/],
  ["YAML that nests", () => deepYaml(1000), /it is cut/],
])("%s: refused within 64 MB", async (_, tar, why) => {
  const { identity, recipient } = await newIdentity();
  const [small, hostile] = [join(folder.path, "small.age"), join(folder.path, "hostile.age")];
  // oxlint-disable-next-line require-await -- an async iterable of one
  const whole = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    yield tarOf(SET);
  };
  await writeFile(small, encryptAge([recipient], whole()));
  await writeFile(hostile, encryptAge([recipient], tar()));
  const { stdout } = await execa(process.execPath, [FIXTURE, identity, small, hostile]);
  const { said, mb } = z.object({ said: z.string(), mb: z.number() }).parse(JSON.parse(stdout));
  expect(said).toMatch(why);
  expect(mb).toBeLessThan(64);
});
