import { z } from "zod";

import type { Alarm, EndpointStatus, HashKv, Member, RangePage } from "../etcd-source.ts";
import { LifeboatError } from "../../errors.ts";
import { printable } from "./errors.ts";
import { FEW_TIMES } from "../../zod-pace.ts";

/** etcd's answers as `decode` gives them (64-bit integers as decimal strings, absent fields at their defaults), in the port's words. */

/** An id, as etcdctl prints it. */
const id = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform((decimal) => BigInt(decimal).toString(16));
const count = z.string().transform(Number).pipe(z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER));
const header = z.object({ cluster_id: id, member_id: id, revision: count });

const statusAnswer = z.object({
  header,
  version: z.string(),
  dbSize: count,
  leader: id,
  raftIndex: count,
  raftTerm: count,
  raftAppliedIndex: count,
  errors: z.array(z.string()).default([]),
  isLearner: z.boolean().default(false),
});

const memberList = z.object({
  members: z.array(
    z.object({
      ID: id,
      name: z.string(),
      peerURLs: z.array(z.string()),
      clientURLs: z.array(z.string()),
      isLearner: z.boolean().default(false),
    }),
  ),
});

/** By name, and by number as Go prints one whose name it does not know (etcd's rpc.proto). */
const KINDS: Readonly<Record<string, Alarm["alarm"]>> = { NOSPACE: "NOSPACE", CORRUPT: "CORRUPT", "1": "NOSPACE", "2": "CORRUPT" };

/** From etcd's server/etcdserver/errors. */
const NO_LEADER = "etcdserver: no leader";

const hashKv = z.object({
  header,
  hash: z.number().int().nonnegative().max(0xffff_ffff),
  compact_revision: z.union([z.literal("-1").transform(() => -1), count]),
});

export function statusOf(endpoint: string, message: unknown, latencyMs: number): EndpointStatus {
  const answer = parsed(statusAnswer, message, endpoint, "status");
  return {
    endpoint,
    memberId: answer.header.member_id,
    clusterId: answer.header.cluster_id,
    version: answer.version,
    databaseBytes: answer.dbSize,
    revision: answer.header.revision,
    raftIndex: answer.raftIndex,
    raftAppliedIndex: answer.raftAppliedIndex,
    raftTerm: answer.raftTerm,
    leaderId: answer.leader === "0" ? undefined : answer.leader,
    isLearner: answer.isLearner,
    alarms: answer.errors.flatMap((words) => alarmIn(words) ?? []),
    errors: answer.errors.filter((words) => words !== NO_LEADER && alarmIn(words) === undefined).map(printable),
    latencyMs,
  };
}

export function membersOf(endpoint: string, message: unknown): readonly Member[] {
  return parsed(memberList, message, endpoint, "members").members.map((member) => ({
    id: member.ID,
    name: member.name,
    peerUrls: member.peerURLs,
    clientUrls: member.clientURLs,
    isLearner: member.isLearner,
  }));
}

export function hashKvOf(endpoint: string, asked: number | "latest", message: unknown): HashKv {
  const { header: head, hash, compact_revision: compactRevision } = parsed(hashKv, message, endpoint, "hash");
  // The header has the member's latest revision, whatever it was asked for.
  return { memberId: head.member_id, revision: asked === "latest" ? head.revision : asked, hash, compactRevision };
}

const rangeAnswer = z.object({
  header,
  kvs: z.array(z.object({ key: z.instanceof(Uint8Array), mod_revision: count, value: z.instanceof(Uint8Array) })),
  more: z.boolean(),
});

export function rangeOf(endpoint: string, asked: number | "latest", message: unknown): RangePage {
  const { header: head, kvs, more } = parsed(rangeAnswer, message, endpoint, "keys");
  return {
    revision: asked === "latest" ? head.revision : asked,
    entries: kvs.map(({ key, value, mod_revision: modRevision }) => ({ key, value, modRevision })),
    more,
  };
}

/**
 * Among what a status calls errors stand the alarms, as Go prints such a message: `memberID:10501334649042878790 alarm:NOSPACE `, and from 3.7 on with one
 * space or two in between, as the build has it, so that nobody relies on it. No other kind exists up to etcd 3.7.
 */
function alarmIn(words: string): Alarm | undefined {
  const [, memberId, kind = ""] = /^\s*memberID:\s*(\d{1,20})\s+alarm:\s*(\w+)\s*$/.exec(words) ?? [];
  const alarm = KINDS[kind];
  return memberId === undefined || alarm === undefined ? undefined : { memberId: BigInt(memberId).toString(16), alarm };
}

function parsed<T>(schema: z.ZodType<T>, message: unknown, endpoint: string, what: string): T {
  const result = schema.safeParse(message, FEW_TIMES);
  if (result.success) return result.data;
  throw new LifeboatError("etcd/refused", `${endpoint} gave its ${what} in a form that is not etcd's`, {
    cause: result.error,
    hint: "check that the endpoint is etcd's own, of version 3.4 or later",
  });
}
