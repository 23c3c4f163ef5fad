import { alarmsOf } from "./alarms.ts";
import type { Alarm, EndpointStatus, Member } from "./etcd-source.ts";

/** A member that a snapshot may be taken from. */
export interface Candidate {
  /** The quickest of the member's endpoints. */
  readonly endpoint: string;
  readonly memberId: string;
  readonly role: "follower" | "leader";
  /** Why it stands where it stands, for people. */
  readonly reason: string;
}

/** A member that answers and that no good snapshot is taken from. */
export interface SetAside {
  readonly endpoint: string;
  readonly memberId: string;
  readonly why: "learner" | "corrupt" | "no-leader" | "not-a-member";
  /** For people. */
  readonly reason: string;
}

export interface Choice {
  /** The best first. */
  readonly candidates: readonly Candidate[];
  readonly apart: readonly SetAside[];
}

/**
 * In which order to ask the members of one cluster for a snapshot: healthy voting followers, the highest applied index first, then the leader, so that
 * whoever serves the writes is left alone as long as another can serve. `statuses` are those of the endpoints that answered;
 * `members` as any of them lists them, empty where nobody could be asked.
 */
export function chooseMembers(statuses: readonly EndpointStatus[], members: readonly Member[]): Choice {
  const alarms = alarmsOf(statuses);
  const answering = quickestOfEach(statuses);
  const apart = answering.flatMap((status) => setAside(status, members, alarms) ?? []);
  const left = answering.filter(({ memberId }) => !apart.some((member) => member.memberId === memberId));
  const candidates = left.toSorted(byPreference).map((status): Candidate => {
    const role = isLeader(status) ? "leader" : "follower";
    const reason =
      role === "leader" ? "leader: the last resort, since it serves the writes" : `follower at applied index ${status.raftAppliedIndex}`;
    return { endpoint: status.endpoint, memberId: status.memberId, role, reason };
  });
  return { candidates, apart };
}

/** Several endpoints may lead to one member: the one that answers quickest stands for it. */
function quickestOfEach(statuses: readonly EndpointStatus[]): readonly EndpointStatus[] {
  const quickest = new Map<string, EndpointStatus>();
  for (const status of statuses) {
    const known = quickest.get(status.memberId);
    if (known === undefined || status.latencyMs < known.latencyMs) quickest.set(status.memberId, status);
  }
  return [...quickest.values()];
}

function setAside(status: EndpointStatus, members: readonly Member[], alarms: readonly Alarm[]): SetAside | undefined {
  const { endpoint, memberId } = status;
  const listed = members.find(({ id }) => id === memberId);
  if (members.length > 0 && listed === undefined) {
    return { endpoint, memberId, why: "not-a-member", reason: "the cluster does not list it as a member" };
  }
  if (status.isLearner || listed?.isLearner === true) {
    return { endpoint, memberId, why: "learner", reason: "a learner may lag behind, and is never a source" };
  }
  if (alarms.some((alarm) => alarm.alarm === "CORRUPT" && alarm.memberId === memberId))
    return { endpoint, memberId, why: "corrupt", reason: "it has a CORRUPT alarm" };
  if (status.leaderId === undefined)
    return { endpoint, memberId, why: "no-leader", reason: "it reports no leader, so its data may be old" };
  return undefined;
}

function isLeader({ leaderId, memberId }: EndpointStatus): boolean {
  return leaderId === memberId;
}

function byPreference(one: EndpointStatus, other: EndpointStatus): number {
  return (
    Number(isLeader(one)) - Number(isLeader(other)) ||
    other.raftAppliedIndex - one.raftAppliedIndex ||
    one.latencyMs - other.latencyMs ||
    (one.endpoint < other.endpoint ? -1 : 1)
  );
}
