import { expect, test } from "vitest";

import { statusOf } from "../../shared/etcd/grpc/answers.ts";
import type { EndpointStatus } from "../../shared/etcd/etcd-source.ts";

/** A status as `decode` gives it, with `errors` as etcd words them. */
function statusWith(...errors: readonly string[]): EndpointStatus {
  const numbers = { dbSize: "1000", leader: "161", raftIndex: "100", raftTerm: "2", raftAppliedIndex: "100" };
  const message = { header: { cluster_id: "193", member_id: "161", revision: "50" }, version: "3.6.16", ...numbers, errors };
  return statusOf("https://m1:2379", message, 2);
}

test.each([
  ["as etcd 3.4 to 3.6 print it", "memberID:10501334649042878790 alarm:NOSPACE ", "91bc3c398fb3c146", "NOSPACE"],
  ["as etcd 3.7 prints it in one build", "memberID:10501334649042878790 alarm:CORRUPT", "91bc3c398fb3c146", "CORRUPT"],
  ["as etcd 3.7 prints it in another", "memberID:161  alarm:NOSPACE", "a1", "NOSPACE"],
  ["by its number", "memberID:161 alarm:2 ", "a1", "CORRUPT"],
] as const)("an alarm %s is read out of the errors", (_, words, memberId, alarm) => {
  expect(statusWith("etcdserver: no leader", words)).toMatchObject({ alarms: [{ memberId, alarm }], errors: [] });
});

test("what is no alarm that we know is kept in etcd's words, on one line", () => {
  const unknown = ["memberID:161 alarm:3 ", "memberID:161 alarm:CORRUPT and more", "etcdserver:\u001b[31m\nbroken"];
  expect(statusWith(...unknown)).toMatchObject({
    alarms: [],
    errors: ["memberID:161 alarm:3", "memberID:161 alarm:CORRUPT and more", "etcdserver: [31m broken"],
  });
});
