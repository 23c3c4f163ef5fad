const LONGEST = 10;

/** The fields of a protobuf message that has nothing but varints, by number; undefined where it is none. */
export function varintFields(message: Uint8Array): ReadonlyMap<number, bigint> | undefined {
  const fields = new Map<number, bigint>();
  let at = 0;
  while (at < message.length) {
    const tag = varint();
    const value = varint();
    if (tag === undefined || value === undefined || tag < 8n || tag > 0xffff_ffffn || (tag & 7n) !== 0n) return undefined;
    fields.set(Number(tag >> 3n), value);
  }
  return fields;

  function varint(): bigint | undefined {
    let value = 0n;
    for (let count = 0; count < LONGEST && at < message.length; count++) {
      const byte = message[at++] ?? 0;
      value |= BigInt(byte & 0x7f) << BigInt(7 * count);
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    return undefined;
  }
}
