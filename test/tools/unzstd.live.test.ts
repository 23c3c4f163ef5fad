import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { compressFrames } from "../../shared/seal/zstd-frames.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { needs, requireProgram } from "../support/programs.ts";

/** Our own program beside zstd itself. */

const MIB = 1024 * 1024;
const EMPTY = Buffer.alloc(0);

interface Answer {
  readonly code: number | undefined;
  readonly stdout: Buffer;
  readonly stderr: string;
}

async function answer(program: string, args: readonly string[], input: Uint8Array): Promise<Answer> {
  const { exitCode, stdout, stderr } = await execa(program, args, { input, encoding: "buffer", reject: false, stripFinalNewline: false });
  return { code: exitCode, stdout: Buffer.from(stdout), stderr: Buffer.from(stderr).toString("utf8") };
}

const unzstd = (input: Uint8Array): Promise<Answer> => answer(requireProgram("unzstd"), [], input);
const oracle = (input: Uint8Array): Promise<Answer> => answer(requireProgram("zstd"), ["-dcq"], input);

async function zstd(args: readonly string[], input: Uint8Array): Promise<Buffer> {
  const { code, stdout, stderr } = await answer(requireProgram("zstd"), ["-cq", ...args], input);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

/** Compressible, as a database is: a program and counted lines. */
async function content(bytes: number): Promise<Buffer> {
  const program = await readFile(requireProgram("age"));
  const lines = Buffer.from(Array.from({ length: 50_000 }, (_, index) => `/registry/pods/default/pod-${index}\n`).join(""));
  const piece = Buffer.concat([program, lines]);
  return Buffer.concat(Array.from({ length: Math.ceil(bytes / piece.length) }, () => piece)).subarray(0, bytes);
}

async function sealed(bytes: Uint8Array): Promise<Buffer> {
  async function* blocks() {
    for (let at = 0; at < bytes.length; at += 4 * MIB) yield { bytes: Buffer.from(bytes.subarray(at, at + 4 * MIB)), release: () => {} };
  }
  const frames: Buffer[] = [];
  for await (const frame of compressFrames(blocks())) frames.push(Buffer.from(frame));
  return Buffer.concat(frames);
}

function skippable(bytes: number): Buffer {
  const frame = Buffer.alloc(8 + bytes, 0x41);
  frame.writeUInt32LE(0x184d2a57, 0);
  frame.writeUInt32LE(bytes, 4);
  return frame;
}

describe.skipIf(needs("zstd"))("unzstd gives what zstd -d gives", () => {
  test("of our own sealed data, and of zstd's in every kind of frame", async () => {
    const plain = await content(9 * MIB);
    const one = await zstd(["-1", "-T1"], plain);
    const inputs: readonly (readonly [string, Buffer, Buffer])[] = [
      ["sealed by lifeboat", await sealed(plain), plain],
      ["an empty snapshot, sealed", await sealed(EMPTY), EMPTY],
      ["zstd -1", one, plain],
      ["without a checksum", await zstd(["--no-check"], plain), plain],
      ["a large window", await zstd(["--long=27"], plain.subarray(0, 2 * MIB)), plain.subarray(0, 2 * MIB)],
      [
        "frames, an empty one and skippable ones",
        Buffer.concat([skippable(3), one, await zstd([], EMPTY), skippable(MIB), one, skippable(0)]),
        Buffer.concat([plain, plain]),
      ],
      ["only a skippable one", skippable(9), EMPTY],
    ];
    for (const [name, input, output] of inputs) {
      const [ours, theirs] = [await unzstd(input), await oracle(input)];
      expect([name, ours.code, ours.stderr, theirs.code]).toEqual([name, 0, "", 0]);
      expect([name, ours.stdout.equals(output), theirs.stdout.equals(output)]).toEqual([name, true, true]);
    }
  });

  test("and refuses what it refuses, with one line", async () => {
    const frame = await zstd([], await content(MIB));
    const large = await execa(requireProgram("zstd"), ["-cq", "--long=28"], { input: await content(MIB), encoding: "buffer" });
    const inputs: readonly (readonly [string, Buffer, string])[] = [
      ["nothing", EMPTY, "the input is empty"],
      ["text", Buffer.from("hello, world\n"), "the input is no zstd, or something else follows a frame"],
      ["a frame and zeros", Buffer.concat([frame, Buffer.alloc(9)]), "the input is no zstd, or something else follows a frame"],
      ["a frame and a byte of the next", Buffer.concat([frame, frame.subarray(0, 1)]), "the input ends in the middle of a frame"],
      ["a frame and its magic", Buffer.concat([frame, frame.subarray(0, 4)]), "the input ends in the middle of a frame"],
      ["a cut skippable frame", skippable(9).subarray(0, 12), "the input ends in the middle of a frame"],
      ["a window of 256 MiB", Buffer.from(large.stdout), "a frame asks for a window of more than 128 MiB"],
    ];
    for (const [name, input, said] of inputs) {
      const [ours, theirs] = [await unzstd(input), await oracle(input)];
      expect([name, ours.code, ours.stderr]).toEqual([name, 1, `unzstd: ${said}\n`]);
      expect([name, theirs.code]).toEqual([name, 1]);
    }
  });

  test("and takes nothing that was cut or altered", async () => {
    const plain = await content(200_000);
    const checked = await zstd([], plain);
    const whole = Buffer.concat([checked, await zstd(["--no-check"], plain)]);
    const cuts = [1, 3, 4, 5, 8, 18, checked.length - 4, checked.length - 1, checked.length + 1, checked.length + 3, whole.length - 1];
    for (const length of [...cuts, ...spread(whole.length, 10)]) {
      const { code, stderr } = await unzstd(whole.subarray(0, length));
      expect([length, code, stderr]).toEqual([length, 1, "unzstd: the input ends in the middle of a frame\n"]);
    }
    const everywhere = [...Array.from({ length: 16 }, (_, at) => at), ...spread(whole.length, 24)];
    let refused = 0;
    for (const [index, at] of everywhere.entries()) {
      const altered = Buffer.from(whole);
      altered[at] = (altered[at] ?? 0) ^ (1 << (index % 8));
      const ours = await unzstd(altered);
      if (ours.code === 0) {
        // Where a frame has no checksum nobody can tell: then it is what zstd makes of it. With one only a bit that means nothing can be another.
        const theirs = await oracle(altered);
        expect([at, theirs.code, ours.stdout.equals(theirs.stdout)]).toEqual([at, 0, true]);
        if (at < checked.length) expect([at, ours.stdout.equals(Buffer.concat([plain, plain]))]).toEqual([at, true]);
      } else {
        refused += 1;
        expect(ours.code).toBe(1);
        expect(ours.stderr).toMatch(/^unzstd: [^\n]+\n$/);
      }
    }
    expect(refused).toBeGreaterThan(16);
  });
});

/** Places all over `length` bytes. */
function spread(length: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => Math.floor(((index + 0.5) * length) / count));
}

function saidBy({ stderr }: ChildProcess): Promise<string> {
  if (stderr === null) throw new Error("its stderr is not read");
  return text(stderr);
}

describe("unzstd", () => {
  test("takes --output FILE and --version, and nothing else", async () => {
    const program = requireProgram("unzstd");
    expect((await answer(program, ["--version"], EMPTY)).stdout.toString()).toMatch(/^\d+\.\d+\.\d+\n$/);
    for (const args of [["-d"], ["--help"], ["file"], [""], ["--version", "x"], ["--output"], ["--output", ""], ["--output", "a", "b"]]) {
      const { code, stdout, stderr } = await answer(program, args, EMPTY);
      expect([args, code, stdout.length]).toEqual([args, 2, 0]);
      expect(stderr).toMatch(/^unzstd: takes zstd frames on standard input [^\n]+\n$/);
    }
  });

  test("writes a file for its owner and says its SHA-256", async () => {
    await using folder = await temporaryFolder();
    const plain = await content(5 * MIB);
    const file = join(folder.path, "snapshot.db");
    const program = requireProgram("unzstd");
    const made = await answer(program, ["--output", file], await sealed(plain));
    expect((await readFile(file)).equals(plain)).toBe(true);
    const digest = createHash("sha256").update(plain).digest("hex");
    expect([made.code, made.stdout.toString(), made.stderr]).toEqual([0, `${digest}\n`, ""]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    // What was there is overwritten, and nothing of it stays behind.
    expect((await answer(program, ["--output", file], await sealed(EMPTY))).code).toBe(0);
    expect((await readFile(file)).length).toBe(0);
    const cut = await answer(program, ["--output", file], (await sealed(plain)).subarray(0, -100));
    expect([cut.code, cut.stdout.length]).toEqual([1, 0]);
    for (const place of ["/dev/full", folder.path, join(folder.path, "none/file")]) {
      const { code, stdout: said, stderr } = await answer(program, ["--output", place], await sealed(plain));
      expect([place, code, said.length]).toEqual([place, 1, 0]);
      expect(stderr).toMatch(/^unzstd: cannot write: [^\n]+\n$/);
    }
  });

  test("ends with one line where what it writes or reads does not go through", async () => {
    const input = await sealed(await content(8 * MIB));
    const full = openSync("/dev/full", "w");
    const folder = openSync("/tmp", "r");
    try {
      const child = spawn(requireProgram("unzstd"), [], { stdio: ["pipe", full, "pipe"] });
      child.stdin?.on("error", () => {});
      child.stdin?.end(input);
      const [said] = await Promise.all([saidBy(child), once(child, "close")]);
      expect([child.exitCode, said]).toEqual([1, "unzstd: cannot write: write /dev/stdout: no space left on device\n"]);
      const other = spawn(requireProgram("unzstd"), [], { stdio: [folder, "ignore", "pipe"] });
      const [heard] = await Promise.all([saidBy(other), once(other, "close")]);
      expect([other.exitCode, heard]).toEqual([1, "unzstd: cannot read: read /dev/stdin: is a directory\n"]);
    } finally {
      closeSync(full);
      closeSync(folder);
    }
    const child = spawn(requireProgram("unzstd"), [], { stdio: ["pipe", "pipe", "pipe"] });
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    child.stdout.destroy();
    const [said] = await Promise.all([text(child.stderr), once(child, "close")]);
    expect([child.exitCode, child.signalCode, said]).toEqual([1, null, "unzstd: cannot write: write /dev/stdout: broken pipe\n"]);
  });
});
