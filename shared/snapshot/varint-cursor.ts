/** Protobuf's own bound: 64 bits of seven a byte. */
const LONGEST = 10;

/** Reads varints (LEB128: seven bits a byte, the low ones first) one after the other. */
export class VarintCursor {
  /** Where the next one begins. */
  at = 0;

  /** The next one, which ends before `end`; -1 where there is none. Past 2^53 only its being there is exact. */
  next(bytes: Uint8Array, end: number): number {
    if (this.at < end && bytes[this.at]! < 0x80) return bytes[this.at++]!;
    let value = 0;
    let scale = 1;
    for (let count = 0; count < LONGEST && this.at < end; count++) {
      const byte = bytes[this.at++]!;
      if (byte < 0x80) return value + byte * scale;
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
    }
    return -1;
  }
}
