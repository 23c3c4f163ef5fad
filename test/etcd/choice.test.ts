import fc from "fast-check";
import { expect, test } from "vitest";

import { chooseMembers } from "../../shared/etcd/choice.ts";
import { healthyStatus, member } from "./support/cluster-facts.ts";

const MEMBERS = [member(1), member(2), member(3)];

test("followers come first, the highest applied index before the others, and the leader last", () => {
  const statuses = [healthyStatus(1, { raftAppliedIndex: 120 }), healthyStatus(2, { raftAppliedIndex: 99 }), healthyStatus(3)];
  const { candidates, apart } = chooseMembers(statuses, MEMBERS);
  expect(candidates.map(({ endpoint, role, reason }) => [endpoint, role, reason])).toEqual([
    ["https://m3:2379", "follower", "follower at applied index 100"],
    ["https://m2:2379", "follower", "follower at applied index 99"],
    ["https://m1:2379", "leader", "leader: the last resort, since it serves the writes"],
  ]);
  expect(apart).toEqual([]);
});

test("a single member is its own leader, and a candidate", () => {
  expect(chooseMembers([healthyStatus(1)], [member(1)]).candidates).toMatchObject([{ memberId: "a1", role: "leader" }]);
});

test("two endpoints of one member are one candidate, by the quicker", () => {
  const slow = healthyStatus(2, { endpoint: "https://balancer:2379", latencyMs: 30 });
  const { candidates } = chooseMembers([slow, healthyStatus(2)], MEMBERS);
  expect(candidates.map(({ endpoint }) => endpoint)).toEqual(["https://m2:2379"]);
});

test("at equal indexes the quicker comes first", () => {
  const { candidates } = chooseMembers([healthyStatus(2, { latencyMs: 9 }), healthyStatus(3, { latencyMs: 3 })], MEMBERS);
  expect(candidates.map(({ memberId }) => memberId)).toEqual(["a3", "a2"]);
});

test("learners are set apart, by their own word or by the list's", () => {
  const { candidates, apart } = chooseMembers(
    [healthyStatus(1, { isLearner: true }), healthyStatus(2)],
    [member(1), member(2, { isLearner: true }), member(3)],
  );
  expect(candidates).toEqual([]);
  expect(apart.map(({ memberId, why }) => [memberId, why])).toEqual([
    ["a1", "learner"],
    ["a2", "learner"],
  ]);
});

test("a member with a CORRUPT alarm is set apart, one with NOSPACE is not", () => {
  const alarms = [
    { memberId: "a2", alarm: "CORRUPT" },
    { memberId: "a3", alarm: "NOSPACE" },
  ] as const;
  const { candidates, apart } = chooseMembers([healthyStatus(2, { alarms }), healthyStatus(3, { alarms })], MEMBERS);
  expect(candidates.map(({ memberId }) => memberId)).toEqual(["a3"]);
  expect(apart).toMatchObject([{ memberId: "a2", why: "corrupt", reason: "it has a CORRUPT alarm" }]);
});

test("a CORRUPT alarm that one member alone knows of counts for the member it names", () => {
  const alarms = [{ memberId: "a2", alarm: "CORRUPT" }] as const;
  const { candidates, apart } = chooseMembers([healthyStatus(2), healthyStatus(3, { alarms })], MEMBERS);
  expect(candidates.map(({ memberId }) => memberId)).toEqual(["a3"]);
  expect(apart.map(({ memberId }) => memberId)).toEqual(["a2"]);
});

test("members without a leader and members that the cluster does not list are set apart", () => {
  const { candidates, apart } = chooseMembers([healthyStatus(1, { leaderId: undefined }), healthyStatus(3)], [member(1), member(2)]);
  expect(candidates).toEqual([]);
  expect(apart.map(({ memberId, why }) => [memberId, why])).toEqual([
    ["a1", "no-leader"],
    ["a3", "not-a-member"],
  ]);
});

test("where nobody could list the members, a status is enough", () => {
  expect(chooseMembers([healthyStatus(2)], []).candidates).toHaveLength(1);
});

test("the order does not depend on the order of the endpoints, and each member stands in one place", () => {
  const status = fc
    .record({
      number: fc.constantFrom(1, 2, 3),
      raftAppliedIndex: fc.nat(3),
      latencyMs: fc.nat(3),
      isLearner: fc.boolean(),
      leaderId: fc.constantFrom("a1", "a2", undefined),
      endpoint: fc.nat(999).map((port) => `https://m:${port}`),
    })
    .map(({ number, ...changes }) => healthyStatus(number, changes));
  const lists = fc
    .uniqueArray(status, { selector: ({ endpoint }) => endpoint, maxLength: 6 })
    .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })));
  fc.assert(
    fc.property(lists, ([all, shuffled]) => {
      const { candidates, apart } = chooseMembers(all, []);
      const ids = [...candidates, ...apart].map(({ memberId }) => memberId);
      expect(new Set(ids).size).toBe(ids.length);
      expect(new Set(ids)).toEqual(new Set(all.map(({ memberId }) => memberId)));
      // Of one member's endpoints of equal latency the first stands for it, so only distinct latencies are comparable.
      const distinct = new Set(all.map(({ memberId, latencyMs }) => `${memberId} ${latencyMs}`)).size === all.length;
      if (distinct) expect(chooseMembers(shuffled, []).candidates).toEqual(candidates);
    }),
  );
});
