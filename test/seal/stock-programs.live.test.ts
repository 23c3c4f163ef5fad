import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { inBlocks } from "../support/in-blocks.ts";
import { decryptSmall, encryptSmall, newIdentity, readIdentities, recipientOf } from "../../shared/seal/age.ts";
import { seal, unseal } from "../../shared/seal/seal.ts";
import { compressFrames, decompressFrames } from "../../shared/seal/zstd-frames.ts";
import { needs, requireProgram } from "../support/programs.ts";
import { drain, inChunksOf, noise, whole } from "./streams.ts";

// The programs that a person has without us: what they write we read, and what we write they read.

const MIB = 1024 * 1024;
const key = await newIdentity();
let folder = "";
let identityFile = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-seal-"));
  identityFile = join(folder, "key.txt");
  await writeFile(identityFile, `${key.identity}\n`, { mode: 0o600 });
});
afterAll(() => rm(folder, { recursive: true }));

async function run(name: string, args: readonly string[], input: Uint8Array): Promise<Buffer> {
  const { stdout } = await execa(requireProgram(name), args, { input, encoding: "buffer", stripFinalNewline: false, maxBuffer: 256 * MIB });
  return Buffer.from(stdout);
}

/** Text as a snapshot has it, and a stretch that does not compress: some 9 MB, hence 3 frames. */
const plain = Buffer.concat([
  Buffer.alloc(5 * MIB, '{"kind":"Pod","metadata":{"namespace":"default"}}'),
  noise(4 * MIB),
  Buffer.from("the end"),
]);

describe.skipIf(needs("age", "age-keygen"))("age", () => {
  test("opens what we encrypt, for each recipient and any length", async () => {
    const other = await newIdentity();
    for (const length of [0, 1, 65_536, 65_537, 3 * MIB]) {
      const file = await encryptSmall([other.recipient, key.recipient], plain.subarray(0, length));
      expect((await run("age", ["-d", "-i", identityFile], file)).equals(plain.subarray(0, length))).toBe(true);
    }
  });

  test("encrypts what we open", async () => {
    for (const length of [0, 1, 65_536, 131_072, 3 * MIB]) {
      const file = await run("age", ["-r", key.recipient], plain.subarray(0, length));
      expect(Buffer.from(await decryptSmall([key.identity], file)).equals(plain.subarray(0, length))).toBe(true);
    }
  });

  test("refuses, as we do, a file of ours that was cut between chunks", async () => {
    const file = await encryptSmall([key.recipient], noise(65_536 * 2));
    await expect(run("age", ["-d", "-i", identityFile], file.subarray(0, file.length - 65_552))).rejects.toMatchObject({ exitCode: 1 });
  });

  test("makes identity files that we read, with the recipient that we compute", async () => {
    const path = join(folder, "generated.txt");
    await execa(requireProgram("age-keygen"), ["-o", path]);
    const [identity, ...more] = readIdentities(await readFile(path, "utf8"));
    expect(more).toEqual([]);
    const { stdout } = await execa(requireProgram("age-keygen"), ["-y", path]);
    expect(await recipientOf(identity ?? "")).toBe(stdout);
  });
});

describe.skipIf(needs("zstd"))("zstd", () => {
  test("reads our frames one after the other, and checks them", async () => {
    const frames = await whole(compressFrames(inBlocks(inChunksOf(plain, 100_000))));
    expect((await run("zstd", ["-dc"], frames)).equals(plain)).toBe(true);
    const file = join(folder, "frames.zst");
    await writeFile(file, frames);
    await execa(requireProgram("zstd"), ["-t", "-q", file]);
    const { stdout } = await execa(requireProgram("zstd"), ["-lv", file]);
    expect(stdout).toMatch(/# Zstandard Frames: 3\n/);
    expect(stdout).toMatch(new RegExp(`Decompressed Size: .*\\(${plain.length} B\\)`));
  });

  test("takes our empty frame for an empty file, where no frame at all would be an error", async () => {
    expect((await run("zstd", ["-dc"], await whole(compressFrames(inBlocks(inChunksOf(Buffer.alloc(0), 1)))))).length).toBe(0);
    await expect(run("zstd", ["-dc"], Buffer.alloc(0))).rejects.toMatchObject({ exitCode: 1 });
  });

  test.each([[["-1"]], [["-3", "--no-check"]], [["-19"]], [["--fast=5"]]])("writes frames that we read: %j", async (args) => {
    const some = plain.subarray(3 * MIB, 7 * MIB);
    // From a pipe the length is not known, from a file it is in the header.
    const piped = await run("zstd", ["-c", ...args], some);
    const path = join(folder, "some");
    await writeFile(path, some);
    const named = await run("zstd", ["-c", ...args, path], Buffer.alloc(0));
    expect(
      (await whole(decompressFrames(inChunksOf(Buffer.concat([piped, named, piped]), 10_000)))).equals(Buffer.concat([some, some, some])),
    ).toBe(true);
  });

  test("passes over skippable frames where we do", async () => {
    const frames = await whole(compressFrames(inBlocks(inChunksOf(plain, 100_000))));
    const skip = Buffer.from([0x5f, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
    const some = await run("zstd", ["-c"], plain.subarray(0, MIB));
    for (const [stream, content] of [
      [Buffer.concat([skip, frames, skip, skip]), plain],
      [Buffer.concat([some, skip, some]), Buffer.concat([plain.subarray(0, MIB), plain.subarray(0, MIB)])],
    ] as const) {
      expect((await run("zstd", ["-dc"], stream)).equals(content)).toBe(true);
      expect((await whole(decompressFrames(inChunksOf(stream, 10_000)))).equals(content)).toBe(true);
    }
    const cut = Buffer.concat([some, skip.subarray(0, 9)]);
    await expect(run("zstd", ["-dc"], cut)).rejects.toMatchObject({ exitCode: 1 });
    expect((await drain(decompressFrames(inChunksOf(cut, 10_000)))).error).toMatchObject({ code: "verify/sealed" });
  });

  test("may write frames larger than we take, which are refused with the bound", async () => {
    const large = await drain(decompressFrames(inChunksOf(await run("zstd", ["-c"], plain), 100_000)));
    expect(large.error).toMatchObject({
      code: "verify/sealed",
      message: "zstd frame 1 of the compressed data holds more than 8388608 bytes",
    });
    const wide = await drain(decompressFrames(inChunksOf(await run("zstd", ["-c", "--ultra", "-22"], plain), 100_000)));
    expect(wide.error).toMatchObject({
      code: "verify/sealed",
      message:
        "zstd frame 1, at byte 0 of the compressed data, needs a window of 134217728 bytes, and the most that is accepted is 8388608",
    });
  });
});

describe.skipIf(needs("zstd", "age"))("age and zstd in a pipe", () => {
  test("open a sealed snapshot: age -d | zstd -d", async () => {
    const file = await whole(seal(inBlocks(inChunksOf(plain, 32_768)), [key.recipient]));
    expect((await run("zstd", ["-dc"], await run("age", ["-d", "-i", identityFile], file))).equals(plain)).toBe(true);
  });

  test("make a file that opens as a sealed snapshot: zstd of each part, then age", async () => {
    const parts = [plain.subarray(0, 5 * MIB), plain.subarray(5 * MIB)];
    const frames = Buffer.concat(await Promise.all(parts.map((part) => run("zstd", ["-c"], part))));
    const file = await run("age", ["-r", key.recipient], frames);
    expect((await whole(unseal(inChunksOf(file, 50_000), [key.identity]))).equals(plain)).toBe(true);
  });
});

describe.skipIf(needs("age", "zstd"))("age and zstd", () => {
  test("open the vectors of docs/format.md: a snapshot with a table of frames, and the index of its keys", async () => {
    const vectors = fileURLToPath(new URL("../vectors/sealed/", import.meta.url));
    const opened = async (name: string): Promise<Buffer> => {
      const { stdout } = await execa(requireProgram("age"), ["-d", "-i", `${vectors}identity.txt`, vectors + name], { encoding: "buffer" });
      return run("zstd", ["-dc"], Buffer.from(stdout));
    };
    const { sha256 } = z.object({ sha256: z.string() }).parse(JSON.parse(await readFile(`${vectors}expected.json`, "utf8")));
    expect(
      `sha256:${createHash("sha256")
        .update(await opened("snapshot.age"))
        .digest("hex")}`,
    ).toBe(sha256);
    const index = await opened("snapshot.index.age");
    expect(index.includes("/registry/configmaps/default/map-10")).toBe(true);
    expect(index.indexOf("LBINDEX1")).toBeGreaterThan(0);
  });
});
