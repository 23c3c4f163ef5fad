/** The polynomial of zlib's CRC-32, bit-reflected (RFC 1952, section 8). */
const POLYNOMIAL = 0xedb88320;

/** CRC-32 of A followed by B, from the CRC of each and B's length in bytes: so a part's CRC, which its request needs, serves for the whole as well. After zlib's crc32_combine. */
export function combineCrc32(crcOfA: number, crcOfB: number, lengthOfB: number): number {
  // x^8 to the power of the length, by squaring.
  let power = 0x80000000;
  for (let rest = lengthOfB, square = 0x00800000; rest > 0; rest = Math.floor(rest / 2), square = product(square, square))
    if (rest % 2 === 1) power = product(power, square);
  return (product(crcOfA, power) ^ crcOfB) >>> 0;
}

/** The product of two polynomials over GF(2) modulo CRC-32's; bit 31 is x^0 (after zlib's multmodp). */
function product(a: number, b: number): number {
  let sum = 0;
  let term = b;
  for (let rest = a | 0; rest !== 0; rest <<= 1) {
    if (rest < 0) sum ^= term;
    term = term & 1 ? (term >>> 1) ^ POLYNOMIAL : term >>> 1;
  }
  return sum >>> 0;
}
