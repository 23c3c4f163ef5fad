import { AlarmAction, AlarmType } from "etcd3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { chooseMembers } from "../../shared/etcd/choice.ts";
import { openClient } from "../../tools/lab/connection.ts";
import { startCluster, type EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { ETCD_VERSIONS, etcdPrograms, type EtcdVersion } from "../../tools/lab/etcd-programs.ts";
import { until } from "../../tools/lab/until.ts";
import { skipWithout } from "../support/programs.ts";
import { drain, trailerMatches } from "./support/drain.ts";
import { failureOf } from "./support/failure.ts";
import { LIMITS, sourceOf } from "./support/source-of.ts";

/** A cluster in a bad way still tells of it, and of what can be had from it. */

const missing = (version: EtcdVersion): boolean => skipWithout(`etcd-${version}`, etcdPrograms(version) !== undefined);

async function raise(cluster: EtcdCluster, memberId: string, ...alarms: readonly AlarmType[]): Promise<void> {
  const client = openClient(cluster.connection);
  try {
    for (const alarm of alarms) {
      await client.maintenance.alarm({ action: AlarmAction.Activate, memberID: BigInt(`0x${memberId}`).toString(), alarm });
    }
  } finally {
    client.close();
  }
}

describe.each(ETCD_VERSIONS)("alarms of etcd %s", (version) => {
  test.skipIf(missing(version))("stand in each member's status, and CORRUPT sets the one that it names apart", async () => {
    await using cluster = await startCluster({ version, members: 3 });
    using source = sourceOf(cluster.connection);
    const [url = "", ...others] = cluster.endpoints;
    const { memberId } = await source.status(url);
    await raise(cluster, memberId, AlarmType.Nospace, AlarmType.Corrupt);
    for (const endpoint of cluster.endpoints) {
      // A follower applies it some moments after the answer.
      const status = await until(`both alarms at ${endpoint}`, 30_000, async () => {
        const answer = await source.status(endpoint);
        return answer.alarms.length >= 2 ? answer : undefined;
      });
      expect(new Set(status.alarms.map(({ alarm }) => alarm))).toEqual(new Set(["NOSPACE", "CORRUPT"]));
      expect(status.alarms.map((alarm) => alarm.memberId)).toEqual([memberId, memberId]);
      expect(status.errors).toEqual([]);
    }
    const statuses = await Promise.all(cluster.endpoints.map((endpoint) => source.status(endpoint)));
    const { apart, candidates } = chooseMembers(statuses, await source.members(url));
    expect(apart).toMatchObject([{ memberId, why: "corrupt" }]);
    expect(candidates.map(({ endpoint }) => endpoint).toSorted()).toEqual(others.toSorted());
    expect(trailerMatches(await drain(source.snapshot(url, LIMITS)))).toBe(true);
  });
});

describe.each(ETCD_VERSIONS)("a learner of etcd %s", (version) => {
  test.skipIf(missing(version))("says so, and refuses what only voting members answer", async () => {
    await using cluster = await startCluster({ version, learner: true });
    const learner = cluster.members.find(({ isLearner }) => isLearner);
    const url = learner?.endpoint ?? "";
    const voter = cluster.endpoints[0] ?? "";
    using source = sourceOf({ endpoints: [voter, url] });
    const status = await source.status(url);
    expect(status).toMatchObject({ isLearner: true, clusterId: (await source.status(voter)).clusterId });
    const members = await source.members(voter);
    expect(members.filter(({ isLearner }) => isLearner)).toMatchObject([{ id: status.memberId, name: "learner", clientUrls: [url] }]);
    expect(chooseMembers([status], members)).toMatchObject({ candidates: [], apart: [{ memberId: status.memberId, why: "learner" }] });

    const hint = "give the endpoint of a voting member, or promote this one";
    expect(await failureOf(source.checkPermission(url))).toMatchObject({
      code: "etcd/refused",
      message: `${url} is a learner and does not send a snapshot`,
      hint,
    });
    expect(await failureOf(source.members(url))).toMatchObject({
      code: "etcd/refused",
      message: `${url} is a learner and does not list its members`,
      hint,
    });
    expect(await failureOf(source.hashKv(url, 1, { timeoutMs: LIMITS.idleMs }))).toMatchObject({
      code: "etcd/refused",
      message: `${url} is a learner and does not hash its keys at revision 1 (HashKV)`,
      hint,
    });
    if (version === "3.4") {
      expect(await failureOf(drain(source.snapshot(url, LIMITS)))).toMatchObject({
        code: "etcd/refused",
        message: `${url} is a learner and does not send a snapshot`,
        hint,
      });
    } else {
      expect(trailerMatches(await drain(source.snapshot(url, LIMITS)))).toBe(true);
    }
  });
});

describe.each(["3.4", "3.7"] as const)("etcd %s without a quorum", (version) => {
  const isMissing = missing(version);
  let cluster: EtcdCluster;
  let url: string;

  beforeAll(async () => {
    if (isMissing) return;
    cluster = await startCluster({ version, members: 3, security: "tls" });
    const [survivor, ...others] = cluster.members;
    url = survivor?.endpoint ?? "";
    using source = sourceOf(cluster.connection);
    await raise(cluster, (await source.status(url)).memberId, AlarmType.Nospace);
    await until("the alarm", 30_000, async () => (await source.status(url)).alarms.length > 0);
    await Promise.all(others.map((member) => member.kill()));
    await until("no leader", 30_000, async () => (await source.status(url)).leaderId === undefined);
  });
  afterAll(async () => {
    if (!isMissing) await cluster.stop();
  });

  test.skipIf(isMissing)(
    "the member that is left tells that it has no leader and of its alarms, lists the members, and gives a snapshot",
    async () => {
      using source = sourceOf(cluster.connection);
      const status = await source.status(url);
      expect(status).toMatchObject({ leaderId: undefined, alarms: [{ memberId: status.memberId, alarm: "NOSPACE" }], errors: [] });
      const members = await source.members(url);
      expect(members).toHaveLength(3);
      await source.checkPermission(url);
      expect(chooseMembers([status], members).apart).toMatchObject([{ why: "no-leader" }]);
      expect(trailerMatches(await drain(source.snapshot(url, LIMITS)))).toBe(true);
    },
  );

  test.skipIf(isMissing)("the others refuse the connection", async () => {
    using source = sourceOf(cluster.connection);
    const gone = cluster.endpoints.find((endpoint) => endpoint !== url) ?? "";
    expect(await failureOf(source.status(gone))).toMatchObject({
      code: "etcd/unreachable",
      retryable: true,
      message: `${gone} refused the connection`,
    });
  });
});

describe.each(["plain", "tls"] as const)("a member that hangs, %s", (security) => {
  test("is given up after the time for a connection or a call, and asked anew once it is back", async () => {
    await using cluster = await startCluster({ version: "3.6", security });
    const url = cluster.endpoints[0] ?? "";
    const [member] = cluster.members;
    using source = sourceOf({ ...cluster.connection, connectMs: 400, callMs: 300 });
    await until("a first answer", 30_000, async () => source.status(url).catch(() => undefined));
    await member?.pause();
    try {
      expect(await failureOf(source.status(url))).toMatchObject({
        code: "etcd/timeout",
        message: `${url} did not tell its status within 300 ms`,
      });
      const error = await failureOf(source.status(url));
      expect(error.code).toBe("etcd/timeout");
      expect(error.message).toBe(
        security === "plain"
          ? `${url} accepts connections and then does not answer within 400 ms`
          : `${url} did not accept a connection within 400 ms`,
      );
      const stream = await failureOf(drain(source.snapshot(url, { idleMs: 300, totalMs: 60_000 })));
      expect(stream.code).toBe(security === "plain" ? "etcd/stalled" : "etcd/timeout");
    } finally {
      member?.resume();
    }
    await until("an answer again", 30_000, async () => source.status(url).catch(() => undefined));
    expect(trailerMatches(await drain(source.snapshot(url, LIMITS)))).toBe(true);
  });
});

test("a call that is interrupted ends at once, and says what it was", async () => {
  await using cluster = await startCluster({ version: "3.6" });
  const url = cluster.endpoints[0] ?? "";
  using source = sourceOf(cluster.connection);
  await source.status(url);
  await cluster.members[0]?.pause();
  const reason = new Error("ctrl-c");
  const abort = new AbortController();
  const answer = failureOf(source.status(url, abort.signal));
  abort.abort(reason);
  expect(await answer).toMatchObject({ code: "interrupted", message: `interrupted while asking ${url} to tell its status`, cause: reason });
  expect(await failureOf(source.members(url, abort.signal))).toMatchObject({ code: "interrupted" });
  cluster.members[0]?.resume();
  expect((await source.status(url)).leaderId).toBeDefined();
});
