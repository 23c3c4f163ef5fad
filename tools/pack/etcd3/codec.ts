/**
 * The protobuf messages of etcd's calls, written and read by tables that tools/pack/etcd3/tables.ts makes of etcd3's own .proto files when a bundle is made. What
 * comes out is what etcd3 gets of @grpc/proto-loader with its options (names as they are, 64-bit numbers and enums as strings, absent fields at their defaults),
 * which test/tools/etcd3-codec.test.ts compares. Wire format: https://protobuf.dev/programming-guides/encoding/.
 */

export type Scalar = "bool" | "bytes" | "int64" | "string" | "uint32" | "uint64";

export interface Field {
  readonly number: number;
  readonly name: string;
  readonly repeated: boolean;
  /** A scalar, `enum`, or the name of a message. */
  readonly type: Scalar | "enum" | { readonly message: string };
  /** Of an enum: names by number. */
  readonly values?: Readonly<Record<number, string>>;
}

/** By the name of the message. */
export type Messages = Readonly<Record<string, readonly Field[]>>;

/** The names of its messages. */
export interface Method {
  readonly request: string;
  readonly response: string;
}

export interface Tables {
  readonly messages: Messages;
  /** By the full name of the service, then by the name of the method. */
  readonly services: Readonly<Record<string, Readonly<Record<string, Method>>>>;
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
/** A number of 64 bits in sevens. */
const MAX_VARINT_BYTES = 10;

type Message = Record<string, unknown>;

/** What `grpc.loadPackageDefinition` takes: the services with their calls of one message each way. */
export function packageDefinition({ messages, services }: Tables): Record<string, Record<string, object>> {
  const codec = (name: string): { serialize: (message: Message) => Buffer; deserialize: (bytes: Uint8Array) => Message } => ({
    serialize: (message) => encode(messages, name, message),
    deserialize: (bytes) => decode(messages, name, bytes),
  });
  return Object.fromEntries(
    Object.entries(services).map(([service, methods]) => [
      service,
      Object.fromEntries(
        Object.entries(methods).map(([name, { request, response }]) => {
          const [asked, answered] = [codec(request), codec(response)];
          const definition = {
            path: `/${service}/${name}`,
            requestStream: false,
            responseStream: false,
            requestSerialize: asked.serialize,
            requestDeserialize: asked.deserialize,
            responseSerialize: answered.serialize,
            responseDeserialize: answered.deserialize,
          };
          return [name, definition];
        }),
      ),
    ]),
  );
}

/** `message` as protobuf writes it; what is null or absent is left out. Throws TypeError where a value cannot be what its field is. */
function encode(messages: Messages, name: string, message: Message): Buffer {
  const parts: Uint8Array[] = [];
  for (const field of fieldsOf(messages, name)) {
    const value = message[field.name];
    if (value === undefined || value === null) continue;
    for (const one of field.repeated ? list(value, field) : [value]) {
      const isBytes = typeof field.type === "object" || field.type === "string" || field.type === "bytes";
      parts.push(varint(BigInt(field.number * 8 + (isBytes ? BYTES : VARINT))));
      if (!isBytes) {
        parts.push(varint(numberIn(one, field)));
        continue;
      }
      const bytes = bytesIn(messages, one, field);
      parts.push(varint(BigInt(bytes.length)), bytes);
    }
  }
  return Buffer.concat(parts);
}

function bytesIn(messages: Messages, value: unknown, { name, type }: Field): Uint8Array {
  if (typeof type === "object") {
    if (typeof value === "object" && value !== null) return encode(messages, type.message, value as Message);
  } else if (typeof value === "string") {
    return Buffer.from(value, type === "bytes" ? "base64" : "utf8");
  } else if (type === "bytes" && value instanceof Uint8Array) {
    return value;
  }
  throw new TypeError(`${name} is ${typeof value}`);
}

function numberIn(value: unknown, { name, type, values = {} }: Field): bigint {
  if (type === "bool") return value === true ? 1n : 0n;
  if (type === "enum" && typeof value === "string") {
    const [number] = Object.entries(values).find(([, known]) => known === value) ?? [];
    if (number === undefined) throw new TypeError(`${name} is none of ${Object.values(values).join(", ")}`);
    return BigInt(number);
  }
  if (typeof value === "string" || typeof value === "number" || typeof value === "bigint") return BigInt.asUintN(64, BigInt(value));
  throw new TypeError(`${name} is ${typeof value}`);
}

function list(value: unknown, { name }: Field): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`${name} is no list`);
  return value;
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  for (; left > 0x7fn; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80);
  bytes.push(Number(left));
  return Uint8Array.from(bytes);
}

/** Throws RangeError where `bytes` are no such message. Fields that the table does not know are passed over. */
function decode(messages: Messages, name: string, bytes: Uint8Array): Message {
  const fields = fieldsOf(messages, name);
  const message: Message = Object.fromEntries(fields.map((field) => [field.name, field.repeated ? [] : defaultOf(field)]));
  const reader = new Reader(bytes);
  while (!reader.done) {
    const tag = Number(reader.varint() & 0xffff_ffffn);
    const field = fields.find(({ number }) => number === Math.floor(tag / 8));
    if (field === undefined) {
      reader.skip(tag % 8);
      continue;
    }
    const value = valueOf(messages, field, reader, tag % 8);
    const known = message[field.name];
    if (field.repeated && Array.isArray(known)) known.push(value);
    else message[field.name] = value;
  }
  return message;
}

function valueOf(messages: Messages, { name, type, values = {} }: Field, reader: Reader, wire: number): unknown {
  const isBytes = typeof type === "object" || type === "string" || type === "bytes";
  if (wire !== (isBytes ? BYTES : VARINT)) throw new RangeError(`${name} is of wire type ${wire}`);
  if (isBytes) {
    const bytes = reader.bytes();
    if (typeof type === "object") return decode(messages, type.message, bytes);
    return type === "bytes" ? Buffer.from(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
  }
  const value = reader.varint();
  if (type === "bool") return value !== 0n;
  if (type === "uint32") return Number(BigInt.asUintN(32, value));
  if (type === "enum") {
    const number = Number(BigInt.asIntN(32, value));
    return values[number] ?? number;
  }
  return (type === "int64" ? BigInt.asIntN(64, value) : value).toString();
}

function defaultOf({ type, values = {} }: Field): unknown {
  if (typeof type === "object") return null;
  if (type === "string") return "";
  if (type === "bytes") return Buffer.alloc(0);
  if (type === "bool") return false;
  if (type === "uint32") return 0;
  return type === "enum" ? values[0] : "0";
}

function fieldsOf(messages: Messages, name: string): readonly Field[] {
  const fields = messages[name];
  if (fields === undefined) throw new TypeError(`no message ${name}`);
  return fields;
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let count = 0; count < MAX_VARINT_BYTES; count++) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new RangeError("a message ends within a number");
      this.#at += 1;
      value |= BigInt(byte & 0x7f) << BigInt(7 * count);
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new RangeError("a number in a message does not end");
  }

  bytes(): Uint8Array {
    return this.#take(Number(this.varint()));
  }

  skip(wire: number): void {
    if (wire === VARINT) this.varint();
    else if (wire === BYTES) this.bytes();
    else if (wire === FIXED64 || wire === FIXED32) this.#take(wire === FIXED64 ? 8 : 4);
    else throw new RangeError(`a field of wire type ${wire}`);
  }

  #take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError("a field reaches past its message");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
