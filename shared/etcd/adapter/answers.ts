import { z } from "zod";

import type { Alarm, EndpointStatus, HashKv, Member } from "../etcd-source.ts";
import { LifeboatError } from "../../errors.ts";

/** etcd's answers as etcd3 parses them (64-bit integers as decimal strings, absent fields at their defaults), in the port's words. */

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

/** As etcd3's own rpc.proto spells them; a kind that it does not know comes as a number. */
const KINDS: Readonly<Record<string, Alarm["alarm"]>> = { Nospace: "NOSPACE", Corrupt: "CORRUPT" };
const alarmList = z.object({ alarms: z.array(z.object({ memberID: id, alarm: z.union([z.string(), z.number()]) })).default([]) });

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
    errors: answer.errors,
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

/** Alarms of kinds that are not known here are left out: none but these two exists up to etcd 3.7. */
export function alarmsOf(endpoint: string, message: unknown): readonly Alarm[] {
  return parsed(alarmList, message, endpoint, "alarms").alarms.flatMap(({ memberID, alarm }) => {
    const kind = KINDS[alarm];
    return kind === undefined ? [] : [{ memberId: memberID, alarm: kind }];
  });
}

export function hashKvOf(endpoint: string, message: unknown): HashKv {
  const answer = parsed(hashKv, message, endpoint, "hash");
  return { memberId: answer.header.member_id, hash: answer.hash, compactRevision: answer.compact_revision };
}

function parsed<T>(schema: z.ZodType<T>, message: unknown, endpoint: string, what: string): T {
  const result = schema.safeParse(message);
  if (result.success) return result.data;
  throw new LifeboatError("etcd/refused", `${endpoint} gave its ${what} in a form that is not etcd's`, {
    cause: result.error,
    hint: "check that the endpoint is etcd's own, of version 3.4 or later",
  });
}
