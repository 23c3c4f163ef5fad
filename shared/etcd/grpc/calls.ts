import type { RangeRequest } from "../etcd-source.ts";
import { bytesField, int64Field, type Fields } from "./protobuf.ts";

/**
 * What is asked of etcd by gRPC beside Snapshot, and the fields of the answers that are used. The numbers and types are those of etcd's rpc.proto, as etcd3 carries it:
 * test/etcd/calls.test.ts holds these tables against that file.
 */

const HEADER: Fields = {
  1: { name: "cluster_id", type: "uint64" },
  2: { name: "member_id", type: "uint64" },
  3: { name: "revision", type: "int64" },
};

const MEMBER: Fields = {
  1: { name: "ID", type: "uint64" },
  2: { name: "name", type: "string" },
  3: { name: "peerURLs", type: "string", repeated: true },
  4: { name: "clientURLs", type: "string", repeated: true },
  5: { name: "isLearner", type: "bool" },
};

const KEY_VALUE: Fields = {
  1: { name: "key", type: "bytes" },
  3: { name: "mod_revision", type: "int64" },
  5: { name: "value", type: "bytes" },
};

export const CALLS = {
  Status: {
    service: "Maintenance",
    answer: {
      1: { name: "header", type: HEADER },
      2: { name: "version", type: "string" },
      3: { name: "dbSize", type: "int64" },
      4: { name: "leader", type: "uint64" },
      5: { name: "raftIndex", type: "uint64" },
      6: { name: "raftTerm", type: "uint64" },
      7: { name: "raftAppliedIndex", type: "uint64" },
      8: { name: "errors", type: "string", repeated: true },
      10: { name: "isLearner", type: "bool" },
    },
  },
  MemberList: { service: "Cluster", answer: { 1: { name: "header", type: HEADER }, 2: { name: "members", type: MEMBER, repeated: true } } },
  HashKV: {
    service: "Maintenance",
    answer: { 1: { name: "header", type: HEADER }, 2: { name: "hash", type: "uint32" }, 3: { name: "compact_revision", type: "int64" } },
  },
  Range: {
    service: "KV",
    answer: {
      1: { name: "header", type: HEADER },
      2: { name: "kvs", type: KEY_VALUE, repeated: true },
      3: { name: "more", type: "bool" },
    },
    // Values have up to etcd's --max-request-bytes each.
    answerBytes: 64 * 1024 * 1024,
  },
} as const satisfies Record<string, Call>;

interface Call {
  readonly service: string;
  readonly answer: Fields;
  /** The most that an answer may have, where it is not gRPC's usual 4 MiB. */
  readonly answerBytes?: number;
}

export type Method = keyof typeof CALLS;

/** HashKVRequest. Those of Status and MemberList are sent empty: MemberListRequest.linearizable is false by default. */
export function hashKvRequest(revision: bigint): Uint8Array {
  return int64Field(1, revision);
}

/** RangeRequest, serializable: the member answers from its own database, and nothing goes through raft. Sorted by key, which is how etcd keeps them. */
export function rangeRequest({ from, end, limit, revision }: RangeRequest): Uint8Array {
  return Buffer.concat([
    bytesField(1, from),
    bytesField(2, end),
    int64Field(3, BigInt(limit)),
    // 0 stands for the present one.
    int64Field(4, BigInt(revision === "latest" ? 0 : revision)),
    int64Field(7, 1n),
  ]);
}

/** RangeRequest, serializable: how often the one key NUL is there, which costs a look into the index. */
export function countRequest(): Uint8Array {
  return Buffer.concat([bytesField(1, Buffer.of(0)), int64Field(7, 1n), int64Field(9, 1n)]);
}

/** gRPC libraries' own limit for an answer. */
const ANSWER_BYTES = 4 * 1024 * 1024;

export function answerBytesOf(method: Method): number {
  const call: Call = CALLS[method];
  return call.answerBytes ?? ANSWER_BYTES;
}

/** As a gRPC call's `:path` has it. */
export function pathOf(method: Method): string {
  return `/etcdserverpb.${CALLS[method].service}/${method}`;
}
