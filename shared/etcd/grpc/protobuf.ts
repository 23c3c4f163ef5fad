/**
 * Reading and writing of etcd's small messages (https://protobuf.dev/programming-guides/encoding), by tables in place of code that is made at run time: see
 * docs/decisions/0023. A snapshot's own messages are read in grpc-frames.ts.
 */

/** The kinds of numbers and texts that occur in them. 64-bit numbers are decimal strings in JavaScript. */
export type Scalar = "uint64" | "int64" | "uint32" | "bool" | "string" | "bytes";

export interface Field {
  readonly name: string;
  readonly type: Scalar | Fields;
  readonly repeated?: true;
}

/** The fields of a message, by their numbers. Those that are not here are skipped. */
export type Fields = Readonly<Record<number, Field>>;

/** The bytes are no message. The message says why, for the end of a sentence. */
export class MalformedMessage extends Error {
  override readonly name = "MalformedMessage";
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

const MAX_VARINT_BYTES = 10;

/**
 * The message in `bytes`: fields that are absent have proto3's default values, and messages that are absent are undefined. In a string, what is not UTF-8 is
 * replaced. Throws MalformedMessage.
 */
export function decode(bytes: Uint8Array, fields: Fields): Record<string, unknown> {
  const message: Record<string, unknown> = {};
  for (const { name, type, repeated } of Object.values<Field>(fields)) message[name] = repeated === true ? [] : absentOf(type);
  const reader = new Reader(bytes);
  while (!reader.isAtEnd) {
    const tag = Number(reader.varint());
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    if (number === 0) throw new MalformedMessage("a field has the number 0");
    const field = fields[number];
    if (field === undefined) {
      reader.skip(wire);
      continue;
    }
    const { name, type } = field;
    if (wire !== (type === "string" || type === "bytes" || typeof type === "object" ? BYTES : VARINT))
      throw new MalformedMessage(`${name} is of wire type ${wire}`);
    const value = typeof type === "object" ? decode(reader.bytes(), type) : SCALARS[type].read(reader);
    const list = message[name];
    if (Array.isArray(list)) list.push(value);
    else message[name] = value;
  }
  return message;
}

function absentOf(type: Field["type"]): unknown {
  return typeof type === "object" ? undefined : SCALARS[type].absent;
}

const SCALARS: Readonly<Record<Scalar, { readonly absent: unknown; read(reader: Reader): unknown }>> = {
  uint64: { absent: "0", read: (reader) => BigInt.asUintN(64, reader.varint()).toString() },
  int64: { absent: "0", read: (reader) => BigInt.asIntN(64, reader.varint()).toString() },
  uint32: { absent: 0, read: (reader) => Number(BigInt.asUintN(32, reader.varint())) },
  bool: { absent: false, read: (reader) => reader.varint() !== 0n },
  string: { absent: "", read: (reader) => Buffer.from(reader.bytes()).toString() },
  // A view of the message's own memory.
  bytes: { absent: new Uint8Array(0), read: (reader) => plain(reader.bytes()) },
};

function plain({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let each = 0; each < MAX_VARINT_BYTES; each += 1) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new MalformedMessage("it ends within a number");
      this.#at += 1;
      value |= BigInt(byte & 0x7f) << BigInt(7 * each);
      if (byte < 0x80) return value;
    }
    throw new MalformedMessage("a number in it does not end");
  }

  bytes(): Uint8Array {
    return this.#take(Number(this.varint()));
  }

  skip(wire: number): void {
    if (wire === VARINT) this.varint();
    else if (wire === BYTES) this.bytes();
    else if (wire === FIXED64) this.#take(8);
    else if (wire === FIXED32) this.#take(4);
    else throw new MalformedMessage(`a field is of wire type ${wire}`);
  }

  #take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new MalformedMessage("it ends within a field");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

/** Field `number`, an int64 that is not negative, as bytes of a message. */
export function int64Field(number: number, value: bigint): Uint8Array {
  return Uint8Array.from([number * 8 + VARINT, ...varint(value)]);
}

/** Field `number`, bytes, as bytes of a message. */
export function bytesField(number: number, value: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.from([number * 8 + BYTES, ...varint(BigInt(value.length))]), value]);
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return bytes;
}
