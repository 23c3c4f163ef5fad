import { randomBytes } from "node:crypto";
import { appendFileSync, truncateSync, writeFileSync } from "node:fs";
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSnapshotFile } from "../../shared/input/file/snapshot-file.ts";
import type { SnapshotReader } from "../../shared/input/snapshot-input.ts";
import { SnapshotHasher } from "../../shared/snapshot/trailer.ts";
import type { SnapshotDigests } from "../../shared/snapshot/trailer.ts";
import { runProgram } from "../../tools/lab/run-program.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { failureOf } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";
import { asSent } from "../support/snapshots.ts";

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

const { signal } = new AbortController();

/** Below and above the size from which on another thread hashes. */
const SIZES = [100_000, 33 << 20];

async function made(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder.path, name);
  await writeFile(path, bytes);
  return path;
}

/** Hashes what it is given, and lets something happen at the first chunk. */
function hashing(atFirst: () => void = () => undefined): SnapshotReader<SnapshotDigests> & { bytes: number } {
  const hasher = new SnapshotHasher();
  return {
    bytes: 0,
    update(chunk) {
      if (this.bytes === 0) atFirst();
      this.bytes += chunk.length;
      hasher.update(chunk);
    },
    finish: () => hasher.finish(),
  };
}

describe.each(SIZES)("a file of about %i bytes", (size) => {
  const database = randomBytes(size);

  test("is read through, and hashed beside it", async () => {
    const content = asSent(database);
    await using file = await openSnapshotFile(await made(`whole-${size}`, content), "whole");
    const { digests, result } = await file.readAll(hashing(), signal);
    expect(digests).toEqual(result);
    expect(digests).toMatchObject({ bytes: content.length, trailerHolds: true });
    expect(file).toMatchObject({ name: "whole", bytes: content.length });
  });

  test.each<readonly [string, (path: string) => void]>([
    ["grew", (path) => appendFileSync(path, "more")],
    ["was cut", (path) => truncateSync(path, 1000)],
    ["was overwritten", (path) => writeFileSync(path, database.toReversed())],
  ])("that %s while it was read is not believed", async (name, change) => {
    const path = await made(`${name}-${size}`, database);
    await using file = await openSnapshotFile(path, "the file");
    expect(
      await failureOf(
        file.readAll(
          hashing(() => change(path)),
          signal,
        ),
      ),
    ).toMatchObject({
      code: "input/changed",
      message: "the file was written to while it was read",
      hint: saying("snapshot"),
    });
  });

  test("is let go of when the signal comes", async () => {
    await using file = await openSnapshotFile(await made(`stopped-${size}`, database), "stopped");
    const stop = new AbortController();
    const reader = hashing(() => stop.abort(new Error("that is enough")));
    await expect(file.readAll(reader, stop.signal)).rejects.toThrow("that is enough");
    expect(reader.bytes).toBeLessThan(Math.max(size, 16 << 20));
  });
});

test("spans are handed out one by one, and past the end is a change", async () => {
  const content = randomBytes(50_000);
  await using file = await openSnapshotFile(await made("spans", content), "spans");
  const taken: Uint8Array[] = [];
  const spans = [
    { at: 0, length: 10 },
    { at: 4096, length: 8192 },
    { at: 49_999, length: 1 },
  ];
  for await (const bytes of file.readSpans(spans, signal)) taken.push(bytes);
  expect(taken).toEqual(spans.map(({ at, length }) => new Uint8Array(content.subarray(at, at + length))));
  expect(await failureOf(Array.fromAsync(file.readSpans([{ at: 49_999, length: 2 }], signal)))).toMatchObject({ code: "input/changed" });
});

test("a link to a file is the file", async () => {
  const path = await made("target", randomBytes(100));
  const link = join(folder.path, "link");
  await symlink(path, link);
  await using file = await openSnapshotFile(link, "link");
  expect(file.bytes).toBe(100);
});

describe("what is no snapshot file is told for what it is", () => {
  test.each<readonly [string, () => Promise<string>, object]>([
    ["nothing", async () => join(folder.path, "nothing"), { code: "input/not-found", message: "file X not found", hint: saying("ref") }],
    ["below a file", async () => join(await made("a-file", randomBytes(9)), "b"), { code: "input/not-found", message: "file X not found" }],
    [
      "a folder",
      async () => {
        await mkdir(join(folder.path, "a-folder"));
        return join(folder.path, "a-folder");
      },
      { code: "input/unusable", message: "X is a folder" },
    ],
    [
      "a named pipe",
      async () => {
        const path = join(folder.path, "pipe");
        await runProgram("mkfifo", [path], { env: { PATH: process.env["PATH"] } });
        return path;
      },
      { code: "input/unusable", message: "X is not a plain file", hint: saying("write it to a file") },
    ],
    [
      "a link to itself",
      async () => {
        const path = join(folder.path, "loop");
        await symlink(path, path);
        return path;
      },
      { code: "input/unusable", message: saying("cannot read X: ") },
    ],
    [
      "age",
      () => made("age", Buffer.from("age-encryption.org/v1\n-> X25519 x")),
      { message: "X is a file encrypted with age", hint: saying("age -d") },
    ],
    [
      "armored age",
      () => made("armored", Buffer.from("-----BEGIN AGE ENCRYPTED FILE-----\n")),
      { message: "X is a file encrypted with age (armored)", hint: saying("age -d") },
    ],
    [
      "zstd",
      () => made("zstd", Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0])),
      { message: "X is compressed with zstd", hint: saying("zstd -d") },
    ],
    ["gzip", () => made("gzip", Buffer.from([0x1f, 0x8b, 8])), { message: "X is compressed with gzip", hint: saying("gzip -dc") }],
  ])("%s", async (_name, path, expected) => {
    expect(await failureOf(openSnapshotFile(await path(), "X"))).toMatchObject(expected);
  });

  test("a file that may not be read", async () => {
    const path = await made("closed", randomBytes(9));
    await chmod(path, 0);
    // Root may read everything: it is somebody else meanwhile.
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.("nobody");
    try {
      expect(await failureOf(openSnapshotFile(path, "X"))).toMatchObject({ code: "input/unusable", message: saying("permission denied") });
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });
});
