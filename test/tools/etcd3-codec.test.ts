import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { packageDefinition } from "../../tools/pack/etcd3/codec.ts";
import type { Field, Messages, Scalar } from "../../tools/pack/etcd3/codec.ts";
import { etcd3Tables } from "../../tools/pack/etcd3/tables.ts";

/** The prepared tables beside what etcd3 loads without them: its own @grpc/proto-loader on its own files with its own options. */

interface Call {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  requestSerialize(message: object): Buffer;
  requestDeserialize(bytes: Buffer): object;
  responseSerialize(message: object): Buffer;
  responseDeserialize(bytes: Buffer): object;
}
type Calls = Readonly<Record<string, Readonly<Record<string, Call>>>>;

const etcd3 = createRequire(createRequire(import.meta.url).resolve("etcd3/package.json"));
const loader = etcd3("@grpc/proto-loader") as { loadSync(file: string, options: object): Calls };
const PROTO = fileURLToPath(new URL("../../node_modules/etcd3/proto/rpc.proto", import.meta.url));
const loaded = loader.loadSync(PROTO, { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true });
const tables = await etcd3Tables(PROTO);
const prepared = packageDefinition(tables) as unknown as Calls;

function messageOf(messages: Messages, name: string, depth = 0): fc.Arbitrary<object> {
  const fields = (messages[name] ?? []).map((field) => {
    const one = valueOf(messages, field, depth);
    return [field.name, field.repeated ? fc.array(one, { maxLength: 3 }) : one] as const;
  });
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] });
}

function valueOf(messages: Messages, { type, values = {} }: Field, depth: number): fc.Arbitrary<unknown> {
  if (typeof type === "object") return depth > 3 ? fc.constant({}) : messageOf(messages, type.message, depth + 1);
  return type === "enum" ? fc.constantFrom(...Object.values(values)) : scalarOf(type);
}

function scalarOf(type: Scalar): fc.Arbitrary<unknown> {
  return {
    string: fc.string({ unit: "grapheme" }),
    bytes: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    bool: fc.boolean(),
    uint32: fc.nat(0xffff_ffff),
    int64: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map(String),
    uint64: fc.bigInt(0n, 2n ** 64n - 1n).map(String),
  }[type];
}

const CALLS = Object.entries(tables.services).flatMap(([service, methods]) =>
  Object.entries(methods).map(([method, names]) => ({ service, method, ...names })),
);

/** Both of one call; throws where one has none. */
function both(service: string, method: string): { readonly ours: Call; readonly theirs: Call } {
  const [ours, theirs] = [prepared[service]?.[method], loaded[service]?.[method]];
  if (ours === undefined || theirs === undefined) throw new Error(`no ${service}/${method}`);
  return { ours, theirs };
}

test("the tables hold the calls that lifeboat makes", () => {
  const calls = CALLS.map(({ service, method }) => `${service.replace("etcdserverpb.", "")}/${method}`);
  expect(calls).toEqual(
    expect.arrayContaining(["Auth/Authenticate", "Cluster/MemberList", "Maintenance/Alarm", "Maintenance/HashKV", "Maintenance/Status"]),
  );
});

describe.each(CALLS)("$service/$method", ({ service, method, request, response }) => {
  const { ours, theirs } = both(service, method);

  test("is called as etcd3 calls it", () => {
    const { path, requestStream, responseStream } = theirs;
    expect(ours).toMatchObject({ path, requestStream, responseStream });
  });

  test("is written so that etcd3's own loader reads it, and read as that loader reads it", () => {
    const check = (
      name: string,
      write: "requestSerialize" | "responseSerialize",
      read: "requestDeserialize" | "responseDeserialize",
    ): void => {
      fc.assert(
        fc.property(messageOf(tables.messages, name), (message) => {
          const expected = theirs[read](theirs[write](message));
          expect(theirs[read](ours[write](message))).toEqual(expected);
          expect(ours[read](theirs[write](message))).toEqual(expected);
        }),
        { numRuns: 40 },
      );
    };
    check(request, "requestSerialize", "requestDeserialize");
    check(response, "responseSerialize", "responseDeserialize");
  });
});

describe("bytes that are no message", () => {
  const { ours } = both("etcdserverpb.Maintenance", "Status");

  test.each([
    ["a number that is cut off", [0x10, 0x80]],
    ["a number that does not end", [0x10, ...Array.from({ length: 11 }, () => 0xff)]],
    ["a field that reaches past the end", [0x12, 0x05, 0x61]],
    ["a known field of another wire type", [0x10 | 2, 0x01, 0x61].map((byte, at) => (at === 0 ? 0x1a : byte))],
    ["a group", [0xf3, 0x07]],
  ])("%s: refused", (_, bytes) => {
    expect(() => ours.responseDeserialize(Buffer.from(bytes))).toThrow(RangeError);
  });

  test("a field of a later etcd is passed over", () => {
    const later = Buffer.from([0xfa, 0x07, 0x03, 1, 2, 3, 0xf8, 0x07, 0x01, 0xfd, 0x07, 1, 2, 3, 4, 0xf9, 0x07, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(ours.responseDeserialize(later)).toEqual(ours.responseDeserialize(Buffer.alloc(0)));
  });
});
