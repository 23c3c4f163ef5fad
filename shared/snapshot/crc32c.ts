import { crc32c as nativeCrc32c } from "@node-rs/crc32";
import type { Words } from "./words.ts";

/** The Castagnoli polynomial, bit-reflected (RFC 3720, appendix B.4). */
const POLYNOMIAL = 0x82f63b78;

/** Up to here a loop costs less than a view and a native call (0.2 µs, and a quarter of the loop's time per byte, measured). */
const SHORT_BYTES = 400;

/** At [256 * n + byte]: what the byte adds with n bytes after it ("slicing by 8"). */
const TABLE = bytesTable();

function bytesTable(): Uint32Array {
  const table = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = timesX(crc);
    table[byte] = crc;
  }
  for (let at = 256; at < table.length; at++) table[at] = (table[at - 256]! >>> 8) ^ table[table[at - 256]! & 0xff]!;
  return table;
}

/** CRC-32C of `bytes`, going on from the CRC `before` of what came before them. */
export function crc32c(bytes: Uint8Array, before = 0): number {
  return nativeCrc32c(bytes, before);
}

/** CRC-32C of the bytes from `start` up to `end`, going on from `before`: made for many short runs. */
export function crc32cOfRange({ bytes, words }: Words, start: number, end: number, before: number): number {
  if (end - start > SHORT_BYTES) return nativeCrc32c(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start), before);
  let crc = ~before;
  let at = start;
  for (; (at & 3) !== 0 && at < end; at++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[at]!) & 0xff]!;
  for (; at + 8 <= end; at += 8) {
    const low = crc ^ words[at >>> 2]!;
    const high = words[(at >>> 2) + 1]!;
    crc =
      TABLE[1792 + (low & 0xff)]! ^
      TABLE[1536 + ((low >>> 8) & 0xff)]! ^
      TABLE[1280 + ((low >>> 16) & 0xff)]! ^
      TABLE[1024 + (low >>> 24)]! ^
      TABLE[768 + (high & 0xff)]! ^
      TABLE[512 + ((high >>> 8) & 0xff)]! ^
      TABLE[256 + ((high >>> 16) & 0xff)]! ^
      TABLE[high >>> 24]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}

/** A polynomial over GF(2) times x, modulo CRC-32C's; bit-reflected: bit 31 is x^0. */
function timesX(a: number): number {
  return a & 1 ? (a >>> 1) ^ POLYNOMIAL : a >>> 1;
}

/** The product of two such polynomials (after zlib's multmodp). */
function product(a: number, b: number): number {
  let sum = 0;
  let term = b;
  for (let rest = a | 0; rest !== 0; rest <<= 1) {
    if (rest < 0) sum ^= term;
    term = timesX(term);
  }
  return sum >>> 0;
}

/** Lengths up to 2^48 bytes. */
const LENGTH_DIGITS = 6;

/**
 * Of each digit of a length, at [16 * value + nibble]: x^(8 * value * 256^digit) times the four coefficients of `nibble`, whose bit 3 is x^0. So a product is eight
 * steps in place of 32. Every digit has a table of its own, so nothing rests on how the powers repeat. 16 KB each, made when a length first needs it: pages need two.
 */
const POWERS: (Uint32Array | undefined)[] = Array.from({ length: LENGTH_DIGITS });
/** What the four coefficients that fall off become. */
const FALLEN = Uint32Array.from({ length: 16 }, (_, nibble) => timesX(timesX(timesX(timesX(nibble)))));

function powersOf(digit: number): Uint32Array {
  const table = new Uint32Array(16 * 256);
  // x^(8 * 256^digit): x^8, and its 256th power for each digit.
  let base = 0x00800000;
  for (let squarings = 8 * digit; squarings > 0; squarings--) base = product(base, base);
  // x^0.
  let power = 0x80000000;
  for (let row = 0; row < table.length; row += 16) {
    for (let bit = 8, times = power; bit > 0; bit >>>= 1, times = timesX(times)) {
      for (let nibble = 0; nibble < 16; nibble++) if ((nibble & bit) !== 0) table[row + nibble] = table[row + nibble]! ^ times;
    }
    power = product(power, base);
  }
  return table;
}

/** What the CRC `crc` becomes when `length` bytes of any kind follow, but for what they add by themselves. */
export function shifted(crc: number, length: number): number {
  if (!Number.isSafeInteger(length) || length < 0 || length >= 2 ** (8 * LENGTH_DIGITS)) throw new RangeError(`no such length: ${length}`);
  let result = crc;
  let rest = length;
  for (let digit = 0; rest > 0; digit++) {
    const value = rest % 256;
    if (value > 0) {
      const powers = (POWERS[digit] ??= powersOf(digit));
      const row = 16 * value;
      let sum = 0;
      for (let shift = 0; shift < 32; shift += 4) sum = (sum >>> 4) ^ FALLEN[sum & 0xf]! ^ powers[row + ((result >>> shift) & 0xf)]!;
      result = sum;
    }
    rest = (rest - value) / 256;
  }
  return result >>> 0;
}

/** CRC-32C of A followed by B, from the CRC of each and B's length in bytes. */
export function combine(crcOfA: number, crcOfB: number, lengthOfB: number): number {
  return (shifted(crcOfA, lengthOfB) ^ crcOfB) >>> 0;
}
