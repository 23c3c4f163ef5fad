import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { readTar, writeTar } from "../../shared/bundle/tar.ts";
import type { TarEntry } from "../../shared/bundle/tar.ts";
import { SeededRandom } from "../support/seeded-random.ts";

const MTIME = 1_790_000_000;
const ENTRIES: readonly TarEntry[] = [
  { name: "bundle/plan", mode: 0o644, bytes: Buffer.from("A=1\n") },
  { name: "bundle/empty", mode: 0o600, bytes: Buffer.alloc(0) },
  { name: "bundle/bin/age", mode: 0o755, bytes: randomBytes(512) },
  { name: "bundle/bin/etcdutl", mode: 0o755, bytes: randomBytes(70_000) },
];
const ARCHIVE = Buffer.concat(writeTar(ENTRIES, MTIME));

describe("an archive", () => {
  test("gives back what went in", () => {
    const { entries, mtime } = readTar(ARCHIVE, "x.tar");
    expect(mtime).toBe(MTIME);
    expect(entries.map(({ name, mode }) => [name, mode])).toEqual(ENTRIES.map(({ name, mode }) => [name, mode]));
    for (const [index, { bytes }] of entries.entries())
      expect(Buffer.from(bytes).equals(ENTRIES[index]?.bytes ?? Buffer.alloc(1))).toBe(true);
  });

  test("is the same for the same entries, and whole blocks", () => {
    expect(Buffer.concat(writeTar(ENTRIES, MTIME)).equals(ARCHIVE)).toBe(true);
    expect(ARCHIVE.length % 512).toBe(0);
  });

  test.each(["/etc/passwd", "../x", "a/../b", "a//b", "", "a/", ".hidden", "a/.b", "x".repeat(101), "a b", "a\n", "ä"])(
    "is not made with the name %j",
    (name) => {
      expect(() => writeTar([{ name, mode: 0o644, bytes: Buffer.alloc(0) }], MTIME)).toThrow(/is no name/);
    },
  );

  test("is not made with a name twice", () => {
    const entry = { name: "a", mode: 0o644, bytes: Buffer.alloc(0) };
    expect(() => writeTar([entry, entry], MTIME)).toThrow(/one name/);
  });
});

describe("is not read", () => {
  test("cut anywhere", () => {
    for (const length of [0, 1, 511, 512, 513, 1024, ARCHIVE.length - 1024, ARCHIVE.length - 512, ARCHIVE.length - 1])
      expect(() => readTar(ARCHIVE.subarray(0, length), "x.tar"), String(length)).toThrow(/no control tar/);
  });

  test("with anything behind its end", () => {
    for (const more of [Buffer.alloc(1), Buffer.alloc(512), Buffer.from("x"), ARCHIVE])
      expect(() => readTar(Buffer.concat([ARCHIVE, more]), "x.tar")).toThrow(/behind its end/);
  });

  test("with one byte of a header, of padding or of the end changed", () => {
    const random = new SeededRandom(7);
    // Headers stand at blocks 0, 2, 3 and 5; the file of 4 bytes has 508 of padding.
    const places = [
      ...[0, 2, 3, 5].flatMap((block) => Array.from({ length: 60 }, () => block * 512 + random.below(512))),
      516,
      700,
      1023,
      ARCHIVE.length - 1000,
    ];
    for (const place of places) {
      const changed = Buffer.from(ARCHIVE);
      changed[place] = (changed[place] ?? 0) ^ 0x21;
      expect(() => readTar(changed, "x.tar"), String(place)).toThrow(/no control tar/);
    }
  });

  test.each([
    ["a hard link", "1"],
    ["a symbolic link", "2"],
    ["a character device", "3"],
    ["a block device", "4"],
    ["a folder", "5"],
    ["a pipe", "6"],
    ["an extended header", "x"],
    ["a GNU long name", "L"],
  ])("with %s in it, though its checksum is right", (_what, flag) => {
    const archive = Buffer.from(ARCHIVE);
    archive.write(flag, 156, "latin1");
    archive.write(" ".repeat(8), 148, "latin1");
    const sum = archive.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    archive.write(`${sum.toString(8).padStart(6, "0")}\u{0} `, 148, "latin1");
    expect(() => readTar(archive, "x.tar")).toThrow(/no regular file/);
  });

  test.each(["/etc/passwd", "../../etc/passwd", "bundle/../../x"])("with the name %s, though its checksum is right", (name) => {
    const archive = Buffer.from(ARCHIVE);
    archive.write(name.padEnd(100, "\u{0}"), 0, "latin1");
    archive.write(" ".repeat(8), 148, "latin1");
    const sum = archive.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    archive.write(`${sum.toString(8).padStart(6, "0")}\u{0} `, 148, "latin1");
    expect(() => readTar(archive, "x.tar")).toThrow(/no name for a file/);
  });

  test("with a file in it twice, or too many", () => {
    const one = writeTar([{ name: "a", mode: 0o644, bytes: Buffer.from("1") }], MTIME).slice(0, -1);
    expect(() => readTar(Buffer.concat([...one, ...one, Buffer.alloc(1024)]), "x.tar")).toThrow(/twice/);
    const many = Array.from({ length: 101 }, (_, index) => ({ name: `f${index}`, mode: 0o644, bytes: Buffer.alloc(0) }));
    expect(() => readTar(Buffer.concat(writeTar(many, MTIME)), "x.tar")).toThrow(/more than 100/);
  });
});
