import type { LifeboatError } from "../errors.ts";

/** A header of a POSIX ustar archive (IEEE Std 1003.1-1988, "Extended tar Format"). */

export const BLOCK = 512;

export interface EntryHeader {
  /** As it stands there: a folder's ends with a slash or not. */
  readonly name: string;
  readonly kind: "file" | "folder";
  /** Permission bits. */
  readonly mode: number;
  readonly bytes: number;
}

/** Where each field begins, and how long it is. */
const FIELD = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  typeflag: [156, 1],
  linkname: [157, 100],
  magic: [257, 8],
  prefix: [345, 155],
  /** What POSIX leaves empty. */
  end: [500, 12],
} as const;
type Field = keyof typeof FIELD;

const KINDS: Readonly<Record<string, EntryHeader["kind"]>> = { "0": "file", "5": "folder" };
/** For messages: what tar may have meant by the others. */
const OTHERS: Readonly<Record<string, string>> = {
  "\0": "a file as tar wrote them before POSIX",
  "1": "a hard link",
  "2": "a symbolic link",
  "3": "a character device",
  "4": "a block device",
  "6": "a pipe",
  "7": "a contiguous file",
  x: "an extended header (pax)",
  g: "an extended header (pax)",
  L: "a long name as GNU tar writes it",
  K: "a long name as GNU tar writes it",
  S: "a sparse file",
};

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads a block that is not all zeros. Whatever two programs might read in two ways is refused: `refused` makes the error. */
export function readEntryHeader(block: Uint8Array, refused: (why: string) => LifeboatError): EntryHeader {
  const raw = (field: Field): Uint8Array => block.subarray(FIELD[field][0], FIELD[field][0] + FIELD[field][1]);
  const latin = (field: Field): string => Buffer.from(raw(field)).toString("latin1");
  if (latin("magic") !== "ustar\u{0}00") throw refused("a header is not that of a ustar archive");
  const name = nameIn(raw("prefix"), raw("name"), refused);
  const shown = JSON.stringify(name);
  const number = (field: Field): number => {
    const digits = /^ *([0-7]+)[ \0]*$/.exec(latin(field))?.[1];
    if (digits === undefined) throw refused(`the ${field} of ${shown} is no number`);
    return Number.parseInt(digits, 8);
  };
  if (number("checksum") !== sumOf(block)) throw refused(`the checksum of ${shown} is wrong`);
  const type = latin("typeflag");
  const kind = KINDS[type];
  if (kind === undefined)
    throw refused(`${shown} is ${OTHERS[type] ?? `of type ${JSON.stringify(type)}`}, and neither a file nor a folder`);
  if (!isEmpty(raw("linkname"))) throw refused(`${shown} is a link`);
  if (!isEmpty(raw("end"))) throw refused(`${shown} has more in its header than ustar has`);
  const [mode, bytes] = [number("mode"), number("size")];
  for (const field of ["uid", "gid", "mtime"] as const) number(field);
  if (mode > 0o777) throw refused(`${shown} has mode ${mode.toString(8)}, which is more than permissions`);
  if (kind === "folder" && bytes !== 0) throw refused(`the folder ${shown} has content`);
  return { name, kind, mode, bytes };
}

function nameIn(prefix: Uint8Array, name: Uint8Array, refused: (why: string) => LifeboatError): string {
  const parts = [prefix, name].map((part) => {
    const end = part.indexOf(0);
    if (end >= 0 && !isEmpty(part.subarray(end))) throw refused("something stands behind a name");
    return end < 0 ? part : part.subarray(0, end);
  });
  try {
    return parts
      .filter((part, index) => index === 1 || part.length > 0)
      .map((part) => utf8.decode(part))
      .join("/");
  } catch {
    throw refused("a name is no UTF-8");
  }
}

/** As POSIX has it: of unsigned bytes, with blanks in the place of the checksum. */
function sumOf(block: Uint8Array): number {
  const [start, length] = FIELD.checksum;
  let sum = length * 0x20;
  for (let at = 0; at < start; at++) sum += block[at] ?? 0;
  for (let at = start + length; at < block.length; at++) sum += block[at] ?? 0;
  return sum;
}

const ZEROS = Buffer.alloc(64 * 1024);

export function isEmpty(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const piece = bytes.subarray(at, at + ZEROS.length);
    if (ZEROS.compare(piece, 0, piece.length, 0, piece.length) !== 0) return false;
  }
  return true;
}
