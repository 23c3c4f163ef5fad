import { join } from "node:path";
import fc from "fast-check";
import protobuf from "protobufjs";
import { beforeAll, expect, test } from "vitest";

import { CALLS, hashKvRequest, pathOf, rangeRequest, type Method } from "../../shared/etcd/grpc/calls.ts";
import { decode, MalformedMessage, type Fields } from "../../shared/etcd/grpc/protobuf.ts";

/** Our tables and our reader, beside etcd's rpc.proto as etcd3 carries it and protobufjs reads it. */

const METHODS = Object.keys(CALLS) as Method[];

let root: protobuf.Root;
beforeAll(async () => {
  root = await new protobuf.Root().load(join(import.meta.dirname, "../../node_modules/etcd3/proto/rpc.proto"), { keepCase: true });
  root.resolveAll();
});

function answerOf(method: Method): protobuf.Type {
  const called = root.lookupService(`etcdserverpb.${CALLS[method].service}`).methods[method];
  if (!(called?.resolvedResponseType instanceof protobuf.Type)) throw new Error(`etcd3 knows no ${method}`);
  return called.resolvedResponseType;
}

function expectSame(fields: Fields, type: protobuf.Type): void {
  for (const [number, field] of Object.entries(fields)) {
    const theirs = type.fieldsById[Number(number)];
    expect(theirs, `${type.name}.${field.name}`).toMatchObject({ name: field.name, repeated: field.repeated === true });
    if (typeof field.type === "string") expect(theirs?.type).toBe(field.type);
    else if (theirs?.resolvedType instanceof protobuf.Type) expectSame(field.type, theirs.resolvedType);
    else expect.fail(`${type.name}.${field.name} is no message`);
  }
}

test.each(METHODS)("the fields of the answer to %s are those of etcd's rpc.proto", (method) => {
  expectSame(CALLS[method].answer, answerOf(method));
});

test("the paths are those of gRPC: the package, the service, the method", () => {
  expect(METHODS.map(pathOf)).toEqual([
    "/etcdserverpb.Maintenance/Status",
    "/etcdserverpb.Cluster/MemberList",
    "/etcdserverpb.Maintenance/HashKV",
    "/etcdserverpb.KV/Range",
  ]);
});

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String);
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
/** Of the class that is read. */
const anyBytes = fc.uint8Array({ maxLength: 40 });
const header = fc.record({ cluster_id: uint64, member_id: uint64, revision: int64 });
const ANSWERS: Readonly<Record<Method, fc.Arbitrary<Record<string, unknown>>>> = {
  Status: fc.record({
    header,
    version: fc.string(),
    dbSize: int64,
    leader: uint64,
    raftIndex: uint64,
    raftTerm: uint64,
    raftAppliedIndex: uint64,
    errors: fc.array(fc.string({ unit: "grapheme" })),
    // One that we do not read, and skip.
    dbSizeInUse: int64,
    isLearner: fc.boolean(),
  }),
  MemberList: fc.record({
    header,
    members: fc.array(
      fc.record({
        ID: uint64,
        name: fc.string(),
        peerURLs: fc.array(fc.string()),
        clientURLs: fc.array(fc.string()),
        isLearner: fc.boolean(),
      }),
    ),
  }),
  HashKV: fc.record({ header, hash: fc.nat(0xffff_ffff), compact_revision: int64 }),
  Range: fc.record({ header, kvs: fc.array(fc.record({ key: anyBytes, mod_revision: int64, value: anyBytes })), more: fc.boolean() }),
};

test.each(METHODS)("whatever protobufjs writes as an answer to %s is read as it was", (method) => {
  const type = answerOf(method);
  fc.assert(
    fc.property(ANSWERS[method], (message) => {
      const { dbSizeInUse: _, ...read } = message;
      expect(decode(type.encode(type.fromObject(message)).finish(), CALLS[method].answer)).toEqual(read);
    }),
  );
});

test("what is absent has proto3's defaults, as in a message of no bytes", () => {
  expect(decode(new Uint8Array(0), CALLS.Status.answer)).toEqual({
    header: undefined,
    version: "",
    dbSize: "0",
    leader: "0",
    raftIndex: "0",
    raftTerm: "0",
    raftAppliedIndex: "0",
    errors: [],
    isLearner: false,
  });
});

test("a HashKVRequest is what protobufjs writes", () => {
  const request = root.lookupType("etcdserverpb.HashKVRequest");
  for (const revision of [0n, 1n, 127n, 128n, 300n, 2n ** 53n, 2n ** 63n - 1n])
    expect(Buffer.from(hashKvRequest(revision)).toString("hex")).toBe(
      Buffer.from(request.encode(request.fromObject({ revision: String(revision) })).finish()).toString("hex"),
    );
});

test("a RangeRequest is what protobufjs writes", () => {
  const type = root.lookupType("etcdserverpb.RangeRequest");
  fc.assert(
    fc.property(anyBytes, anyBytes, fc.integer({ min: 1, max: 1e6 }), fc.maxSafeNat(), (from, end, limit, revision) => {
      const written = type.decode(rangeRequest({ from, end, limit, revision: revision === 0 ? "latest" : revision }));
      expect(type.toObject(written, { longs: String, bytes: Array, defaults: true })).toMatchObject({
        key: [...from],
        range_end: [...end],
        limit: String(limit),
        revision: String(revision),
        serializable: true,
        keys_only: false,
        sort_order: 0,
      });
    }),
  );
});

test.each([
  ["a number that ends too soon", "1880", "it ends within a number"],
  ["a number that does not end", `18${"80".repeat(11)}`, "a number in it does not end"],
  ["a text longer than the message", "120561", "it ends within a field"],
  ["a field 0", "0000", "a field has the number 0"],
  ["a text where a number should be", "1a0161", "dbSize is of wire type 2"],
  ["a number where a text should be", "1001", "version is of wire type 0"],
  ["a group, which nobody writes any more", "7b", "a field is of wire type 3"],
  ["a broken message in it", "0a0208", "it ends within a field"],
  ["an unknown field that ends too soon", "7d0000", "it ends within a field"],
])("%s is no message", (_, hex, why) => {
  expect(() => decode(Buffer.from(hex, "hex"), CALLS.Status.answer)).toThrow(new MalformedMessage(why));
});

test("any bytes are read or refused, and nothing else happens", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(...METHODS), (bytes, method) => {
      try {
        decode(bytes, CALLS[method].answer);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedMessage);
      }
    }),
    { numRuns: 2000 },
  );
});
