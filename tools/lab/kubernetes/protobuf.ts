/** Writing of protobuf fields (https://protobuf.dev/programming-guides/encoding), as far as Kubernetes objects need them. */

/** A field; several of one number make a repeated field. */
export type Field = Buffer;

export function varint(number: number, value: number): Field {
  return Buffer.concat([encode(number * 8), encode(value)]);
}

export function text(number: number, value: string): Field {
  return bytes(number, Buffer.from(value));
}

export function bytes(number: number, value: Uint8Array): Field {
  return Buffer.concat([encode(number * 8 + 2), encode(value.length), value]);
}

export function message(number: number, ...fields: readonly Field[]): Field {
  return bytes(number, Buffer.concat(fields));
}

/** A `map<string, string>`: one entry message, key 1 and value 2, per pair, keys in order. */
export function map(number: number, pairs: Readonly<Record<string, string | Uint8Array>>): Field {
  const entries = Object.entries(pairs).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.concat(entries.map(([key, value]) => message(number, text(1, key), bytes(2, Buffer.from(value)))));
}

function encode(value: number): Buffer {
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${value} is not a whole number that this writer knows`);
  const groups: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) groups.push((left % 0x80) | 0x80);
  return Buffer.from([...groups, left]);
}
