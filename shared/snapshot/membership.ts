import { z } from "zod";
import type { Member } from "../etcd/etcd-source.ts";
import { TreeFault } from "./finding.ts";
import { varintFields } from "./varint-fields.ts";

/** An alarm as the database holds it; a kind that etcd did not have in 2026 is named by its number. */
export interface StoredAlarm {
  readonly memberId: string;
  readonly alarm: string;
}

/** An id is 64 bits, and names its entry in hex without leading zeros. As a number inside JSON it would lose its last digits. */
const ID = /^(?:0|[1-9a-f][0-9a-f]{0,15})$/;
/** Go writes what is empty as null, or leaves it out. */
const urls = z
  .array(z.string())
  .nullish()
  .transform((list) => list ?? []);
const storedMember = z.object({ name: z.string().default(""), peerURLs: urls, clientURLs: urls, isLearner: z.boolean().default(false) });
/** etcd: api/etcdserverpb/rpc.proto, AlarmType. */
const ALARMS: Readonly<Record<number, string>> = { 0: "NONE", 1: "NOSPACE", 2: "CORRUPT" };
const ALARM_FIELDS = { memberId: 1, alarm: 2 } as const;

/** The id that an entry of bucket `members` or `members_removed` is named by (etcd: server/storage/schema/membership.go). */
export function memberIdOf(key: Uint8Array, bucket: string): string {
  const id = Buffer.from(key).toString("latin1");
  if (!ID.test(id)) throw new TreeFault("tree/entry", `an entry of bucket ${bucket} is not named by a member's id`);
  return id;
}

/** A member from its entry of bucket `members`, whose value is JSON. */
export function storedMemberOf(key: Uint8Array, value: Uint8Array): Member {
  const id = memberIdOf(key, "members");
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(value).toString("utf8"));
  } catch {
    throw new TreeFault("tree/entry", `the entry of member ${id} in bucket members is not JSON`);
  }
  const { success, data } = storedMember.safeParse(json);
  if (!success) throw new TreeFault("tree/entry", `the entry of member ${id} in bucket members does not describe a member`);
  return { id, name: data.name, peerUrls: data.peerURLs, clientUrls: data.clientURLs, isLearner: data.isLearner };
}

/** An alarm from its key in bucket `alarm`, which is an etcdserverpb.AlarmMember (etcd: server/storage/schema/alarm.go). */
export function storedAlarmOf(key: Uint8Array): StoredAlarm {
  const fields = varintFields(key);
  if (fields === undefined) throw new TreeFault("tree/entry", "an entry of bucket alarm names no alarm");
  const kind = fields.get(ALARM_FIELDS.alarm) ?? 0n;
  return { memberId: (fields.get(ALARM_FIELDS.memberId) ?? 0n).toString(16), alarm: ALARMS[Number(kind)] ?? `type ${kind}` };
}
