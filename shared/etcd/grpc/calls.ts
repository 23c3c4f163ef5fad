import { int64Field, type Fields } from "./protobuf.ts";

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
} as const satisfies Record<string, { readonly service: string; readonly answer: Fields }>;

export type Method = keyof typeof CALLS;

/** HashKVRequest. Those of Status and MemberList are sent empty: MemberListRequest.linearizable is false by default. */
export function hashKvRequest(revision: bigint): Uint8Array {
  return int64Field(1, revision);
}

/** As a gRPC call's `:path` has it. */
export function pathOf(method: Method): string {
  return `/etcdserverpb.${CALLS[method].service}/${method}`;
}
