import { LifeboatError } from "../errors.ts";

/**
 * The control tar of a bundle, as a POSIX ustar archive (IEEE Std 1003.1-1988, "Extended tar Format"): regular files with short names, and nothing else. What tar could be made to do by
 * anything else (links, devices, names that lead out, extended headers) is neither made nor taken.
 */

const BLOCK = 512;
/** Above every control tar (some 45 MB with its programs): what is larger is not taken into memory. */
export const MAX_TAR_BYTES = 256 * 1024 * 1024;
/** A control tar has some twenty. */
const MAX_ENTRIES = 100;

export interface TarEntry {
  /** Relative, of segments from [A-Za-z0-9._-] that do not begin with a dot; at most 100 characters. */
  readonly name: string;
  /** Permission bits. */
  readonly mode: number;
  readonly bytes: Uint8Array;
}

/** Where each field of a header begins, and how long it is. */
const FIELD = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  typeflag: [156, 1],
  magic: [257, 8],
} as const;

const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;

/** The archive in pieces, in the order of `entries`, which share the bytes of their files. `mtime` in seconds since 1970. The same arguments give the same bytes. */
export function writeTar(entries: readonly TarEntry[], mtime: number): readonly Uint8Array[] {
  const names = new Set(entries.map(({ name }) => name));
  if (names.size !== entries.length) throw new Error("two entries of a control tar have one name");
  return [...entries.flatMap((entry) => piecesOf(entry, mtime)), Buffer.alloc(2 * BLOCK)];
}

function piecesOf({ name, mode, bytes }: TarEntry, mtime: number): Uint8Array[] {
  if (!isName(name)) throw new Error(`${name} is no name for an entry of a control tar`);
  const header = headerOf(name, mode, bytes.length, mtime);
  const rest = bytes.length % BLOCK;
  return [header, bytes, ...(rest === 0 ? [] : [Buffer.alloc(BLOCK - rest)])];
}

function headerOf(name: string, mode: number, size: number, mtime: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  const put = (field: keyof typeof FIELD, text: string): void => void header.write(text, FIELD[field][0], "latin1");
  const octal = (field: keyof typeof FIELD, value: number): void => put(field, value.toString(8).padStart(FIELD[field][1] - 1, "0"));
  put("name", name);
  octal("mode", mode);
  octal("uid", 0);
  octal("gid", 0);
  octal("size", size);
  octal("mtime", mtime);
  put("typeflag", "0");
  put("magic", "ustar\u{0}00");
  // Blanks stand in its place while it is worked out; six digits, a zero byte and a blank are how tar writes it.
  put("checksum", " ".repeat(8));
  put("checksum", `${sumOf(header).toString(8).padStart(6, "0")}\u{0} `);
  return header;
}

function isName(name: string): boolean {
  return name.length <= FIELD.name[1] && NAME.test(name);
}

function sumOf(header: Uint8Array): number {
  return header.reduce((sum, byte) => sum + byte, 0);
}

/**
 * The entries of an archive that `writeTar` made, in their order, and when it says that it was made. Throws `verify/format` for any other byte: what follows the end, what fills the last block of a file, a header that
 * `writeTar` would have written otherwise.
 */
export function readTar(archive: Uint8Array, what: string): { readonly entries: readonly TarEntry[]; readonly mtime: number } {
  const entries: TarEntry[] = [];
  let mtime: number | undefined;
  let at = 0;
  for (;;) {
    const header = Buffer.from(archive.subarray(at, at + BLOCK));
    if (header.length < BLOCK) throw refused(what, "it is cut");
    if (header.every((byte) => byte === 0)) break;
    const entry = readHeader(header, what);
    mtime ??= entry.mtime;
    at += BLOCK;
    const bytes = archive.subarray(at, at + entry.size);
    const padded = Math.ceil(entry.size / BLOCK) * BLOCK;
    if (at + padded > archive.length) throw refused(what, `it is cut within ${entry.name}`);
    if (!headerOf(entry.name, entry.mode, entry.size, mtime).equals(header))
      throw refused(what, `${entry.name} is no regular file as lifeboat packs it`);
    if (archive.subarray(at + entry.size, at + padded).some((byte) => byte !== 0))
      throw refused(what, `something stands behind ${entry.name}`);
    if (entries.some(({ name }) => name === entry.name)) throw refused(what, `${entry.name} is in it twice`);
    if (entries.length === MAX_ENTRIES) throw refused(what, `it has more than ${MAX_ENTRIES} files`);
    entries.push({ name: entry.name, mode: entry.mode, bytes });
    at += padded;
  }
  if (archive.length !== at + 2 * BLOCK || archive.subarray(at).some((byte) => byte !== 0))
    throw refused(what, "something stands behind its end");
  return { entries, mtime: mtime ?? 0 };
}

/** The first file of an archive, of which `beginning` is at least so much. It is not held against anything. Throws `verify/format`. */
export function readFirstEntry(beginning: Uint8Array, what: string): TarEntry {
  const header = Buffer.from(beginning.subarray(0, BLOCK));
  if (header.length < BLOCK) throw refused(what, "it is cut");
  const { name, mode, size } = readHeader(header, what);
  const bytes = beginning.subarray(BLOCK, BLOCK + size);
  if (bytes.length < size) throw refused(what, `it is cut within ${name}`);
  return { name, mode, bytes };
}

function readHeader(header: Buffer, what: string): { name: string; mode: number; size: number; mtime: number } {
  const text = (field: keyof typeof FIELD): string => header.toString("latin1", FIELD[field][0], FIELD[field][0] + FIELD[field][1]);
  const name = text("name").replace(/\0+$/, "");
  if (!isName(name)) throw refused(what, `${JSON.stringify(name)} is no name for a file in it`);
  const number = (field: keyof typeof FIELD): number => {
    const digits = /^([0-7]+)\0$/.exec(text(field))?.[1];
    if (digits === undefined) throw refused(what, `the ${field} of ${name} is no number`);
    return Number.parseInt(digits, 8);
  };
  return { name, mode: number("mode"), size: number("size"), mtime: number("mtime") };
}

function refused(what: string, why: string): LifeboatError {
  return new LifeboatError("verify/format", `${what} is no control tar: ${why}`, {
    hint: "do not unpack it; make the bundle again, and find out where this one was changed",
  });
}
