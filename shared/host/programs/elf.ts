/**
 * What of a static executable for Linux is read: the headers of ELF, 64 bits, little endian. Format: System V ABI, chapters 4 and 5
 * (https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html).
 */

const CLASS_64_LITTLE_ENDIAN = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1];
const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
/** e_type: an executable, and one that may lie anywhere in memory. */
const EXECUTABLES: ReadonlySet<number> = new Set([2, 3]);
/** e_machine, in Go's words. */
const MACHINES: ReadonlyMap<number, string> = new Map([
  [62, "amd64"],
  [183, "arm64"],
]);
const PT_LOAD = 1;
const PT_INTERP = 3;
const PF_X = 1;
const PF_W = 2;

interface Executable {
  /** `amd64`, `arm64`, or `machine 243`. */
  readonly architecture: string;
  /** It asks for no loader, and so for no library of the machine that it runs on. */
  readonly isStatic: boolean;
  /** The first segment that holds data that can be written, as in the file. */
  readonly data: Buffer;
}

/** The executable in `bytes`, or undefined where they are none of this kind, or the headers lead out of them. */
export function executableIn(bytes: Buffer): Executable | undefined {
  if (bytes.length < HEADER_BYTES || CLASS_64_LITTLE_ENDIAN.some((byte, at) => bytes[at] !== byte)) return undefined;
  if (!EXECUTABLES.has(bytes.readUInt16LE(16))) return undefined;
  const machine = bytes.readUInt16LE(18);
  const segments = segmentsOf(bytes);
  const data = segments?.find(({ type, flags }) => type === PT_LOAD && (flags & (PF_X | PF_W)) === PF_W);
  if (segments === undefined) return undefined;
  return {
    architecture: MACHINES.get(machine) ?? `machine ${machine}`,
    isStatic: segments.every(({ type }) => type !== PT_INTERP),
    data: data === undefined ? Buffer.alloc(0) : bytes.subarray(data.start, data.end),
  };
}

interface Segment {
  readonly type: number;
  readonly flags: number;
  /** Offsets in the file. */
  readonly start: number;
  readonly end: number;
}

function segmentsOf(bytes: Buffer): Segment[] | undefined {
  const table = Number(bytes.readBigUInt64LE(32));
  const count = bytes.readUInt16LE(56);
  if (count === 0 || bytes.readUInt16LE(54) !== PROGRAM_HEADER_BYTES || table + count * PROGRAM_HEADER_BYTES > bytes.length)
    return undefined;
  const segments = Array.from({ length: count }, (_, index) => {
    const at = table + index * PROGRAM_HEADER_BYTES;
    const start = Number(bytes.readBigUInt64LE(at + 8));
    return {
      type: bytes.readUInt32LE(at),
      flags: bytes.readUInt32LE(at + 4),
      start,
      end: start + Number(bytes.readBigUInt64LE(at + 32)),
    };
  });
  return segments.every(({ type, end }) => type !== PT_LOAD || end <= bytes.length) ? segments : undefined;
}
