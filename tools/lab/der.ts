/** ASN.1 values in DER (ITU-T X.690), as far as a certificate needs them. */

export const TAG = {
  boolean: 1,
  integer: 2,
  bits: 3,
  octets: 4,
  oid: 6,
  utf8: 12,
  utcTime: 23,
  generalizedTime: 24,
  sequence: 48,
  set: 49,
} as const;

/** One value: tag, length, contents. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const digits = body.length < 0x100 ? [body.length] : [body.length >> 8, body.length & 0xff];
  if (body.length > 0xffff) throw new Error(`a value of ${body.length} bytes is longer than this writer knows`);
  return Buffer.concat([Buffer.of(tag, 0x80 | digits.length, ...digits), body]);
}

export function sequence(...contents: readonly Uint8Array[]): Buffer {
  return der(TAG.sequence, ...contents);
}

/** A positive integer from its big-endian bytes. */
export function integer(bytes: Uint8Array): Buffer {
  return der(TAG.integer, Buffer.of(...((bytes[0] ?? 0) >= 0x80 ? [0] : [])), bytes);
}

/** Bits that fill their last byte but for `unused`. */
export function bits(bytes: Uint8Array, unused = 0): Buffer {
  return der(TAG.bits, Buffer.of(unused), bytes);
}

/** An object identifier from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(TAG.oid, Buffer.from(bytes));
}

/** RFC 5280, 4.1.2.5: UTCTime through 2049, GeneralizedTime from then on. */
export function time(at: Date): Buffer {
  const digits = at.toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return at.getUTCFullYear() < 2050 ? der(TAG.utcTime, Buffer.from(digits.slice(2))) : der(TAG.generalizedTime, Buffer.from(digits));
}
