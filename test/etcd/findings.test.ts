import { describe, expect, test } from "vitest";

import { LifeboatError } from "../../shared/errors.ts";
import type { Behind, ClusterFacts } from "../../shared/etcd/cluster-facts.ts";
import type { EndpointStatus } from "../../shared/etcd/etcd-source.ts";
import { findings } from "../../shared/etcd/findings.ts";
import type { Agreement } from "../../shared/documents/proof.ts";
import { saying } from "../support/matchers.ts";
import { endpointFacts, facts, healthyStatus, member } from "./support/cluster-facts.ts";

const told = (changes: Partial<ClusterFacts>): readonly (readonly string[])[] =>
  findings(facts(changes)).map(({ severity, code, subject, message }) => [severity, code, subject, message]);

const certificate = (notAfter: string, notBefore = "2026-01-01T00:00:00Z"): { subject: string; notBefore: Date; notAfter: Date } => ({
  subject: "CN=etcd",
  notBefore: new Date(notBefore),
  notAfter: new Date(notAfter),
});

test("a healthy cluster has nothing to tell", () => {
  expect(findings(facts())).toEqual([]);
  expect(findings(facts({ clientCertificate: certificate("2027-11-21T10:00:00Z") }))).toEqual([]);
});

test("an endpoint that does not answer is told once, with the error's words and hint, not again as a member without an endpoint", () => {
  const status = new LifeboatError("etcd/unreachable", "https://m3:2379 refused the connection", { hint: "start it" });
  const found = findings(
    facts({ endpoints: [endpointFacts(1), endpointFacts(2), endpointFacts(3, { status, certificate: status, permission: undefined })] }),
  );
  expect(found).toEqual([
    {
      code: "endpoint-unreachable",
      severity: "problem",
      subject: "https://m3:2379",
      message: "https://m3:2379 refused the connection",
      fix: "start it",
    },
  ]);
});

test.each([
  ["etcd/tls", "tls"],
  ["etcd/auth", "not-authenticated"],
  ["etcd/timeout", "endpoint-unreachable"],
] as const)("an endpoint that failed with %s is a problem of kind %s", (code, kind) => {
  const status = new LifeboatError(code, "no");
  const none = new LifeboatError("etcd/no-member", "nobody");
  expect(told({ endpoints: [endpointFacts(1, { status })], members: none })).toEqual([["problem", kind, "https://m1:2379", "no"]]);
});

test("certificates: expired and not yet valid are problems, less than thirty days left is a warning", () => {
  const endpoints = [
    endpointFacts(1, { certificate: certificate("2026-11-21T10:00:00Z") }),
    endpointFacts(2, { certificate: certificate("2026-12-21T09:59:59Z") }),
    endpointFacts(3, { certificate: certificate("2026-12-21T10:00:00Z") }),
  ];
  expect(told({ endpoints, clientCertificate: certificate("2027-11-21T10:00:00Z", "2026-11-21T10:00:01Z") })).toEqual([
    ["problem", "certificate-expired", "https://m1:2379", "its certificate (CN=etcd) expired on 2026-11-21"],
    [
      "problem",
      "certificate-not-yet-valid",
      "client certificate",
      "the client certificate (CN=etcd) is not valid before 2026-11-21T10:00:01.000Z",
    ],
    ["warning", "certificate-expiring", "https://m2:2379", "its certificate (CN=etcd) expires in 29 days, on 2026-12-21"],
  ]);
  expect(told({ clientCertificate: certificate("2026-11-21T12:00:00Z") })[0]?.[3]).toContain("expires in less than a day");
  expect(told({ clientCertificate: certificate("2026-11-22T12:00:00Z") })[0]?.[3]).toContain("expires in a day");
});

test("alarms: NOSPACE warns, CORRUPT is a problem, each by the member's name and once, whoever knows of it", () => {
  const full = { memberId: "a2", alarm: "NOSPACE" } as const;
  const corrupt = { memberId: "a3", alarm: "CORRUPT" } as const;
  const unlisted = { memberId: "a9", alarm: "NOSPACE" } as const;
  const endpoints = [
    endpointFacts(1, { status: healthyStatus(1, { alarms: [full, unlisted] }) }),
    endpointFacts(2, { status: healthyStatus(2, { alarms: [full] }) }),
    endpointFacts(3, { status: healthyStatus(3, { alarms: [corrupt, full] }) }),
  ];
  expect(told({ endpoints }).map(([severity, code, subject]) => [severity, code, subject])).toEqual([
    ["problem", "corrupt", "m3"],
    ["warning", "nospace", "m2"],
    ["warning", "nospace", "a9"],
  ]);
});

test("what else etcd says of a member is passed on", () => {
  const status = healthyStatus(2, { errors: ["etcdserver: something new"] });
  expect(told({ endpoints: [endpointFacts(1), endpointFacts(2, { status }), endpointFacts(3)] })).toEqual([
    ["warning", "member-error", "https://m2:2379", "etcd says of it: etcdserver: something new"],
  ]);
});

test("a learner is a warning, and none of its refusals is told", () => {
  const learner = endpointFacts(3, {
    status: healthyStatus(3, { isLearner: true }),
    permission: new LifeboatError("etcd/refused", "learner"),
  });
  const members = [member(1), member(2), member(3, { isLearner: true })];
  expect(told({ endpoints: [endpointFacts(1), endpointFacts(2), learner], members })).toEqual([
    ["warning", "learner", "https://m3:2379", "this member is a learner, and no snapshot is taken from it"],
  ]);
  expect(told({ endpoints: [endpointFacts(1), endpointFacts(2)], members })).toEqual([]);
});

test("only learners: no snapshot can be taken", () => {
  const endpoints = [endpointFacts(3, { status: healthyStatus(3, { isLearner: true }), permission: undefined })];
  const unknown = new LifeboatError("etcd/refused", "a learner does not list");
  expect(told({ endpoints, members: unknown }).map(([severity, code]) => [severity, code])).toEqual([
    ["problem", "no-member"],
    ["warning", "members-unknown"],
    ["warning", "learner"],
  ]);
});

test("without a quorum: who has no leader, how many are needed, and that there is no source", () => {
  const status = healthyStatus(1, { leaderId: undefined });
  const down = (number: 2 | 3): ReturnType<typeof endpointFacts> =>
    endpointFacts(number, { status: new LifeboatError("etcd/unreachable", "down") });
  const found = told({ endpoints: [endpointFacts(1, { status }), down(2), down(3)] });
  expect(found).toContainEqual(["problem", "no-leader", "https://m1:2379", "the member reports no leader"]);
  expect(found).toContainEqual(["problem", "no-quorum", "cluster", "0 of 3 voting members have a leader, and 2 are needed"]);
  expect(found.map(([, code]) => code)).toContain("no-member");
});

test("one endpoint of three is no lack of quorum, only members without an endpoint, and no proof by a quorum", () => {
  expect(told({ endpoints: [endpointFacts(1)] })).toEqual([
    [
      "problem",
      "unproven-ahead",
      "cluster",
      saying("needs 2 of 3 voting members, and the configured endpoints lead to 1 that can be asked"),
    ],
    ["warning", "member-without-endpoint", "m2", "no configured endpoint leads to this member"],
    ["warning", "member-without-endpoint", "m3", "no configured endpoint leads to this member"],
  ]);
});

test("a member that was added and never started is told apart", () => {
  const members = [member(1), member(2), member(3, { name: "", clientUrls: [] })];
  expect(told({ endpoints: [endpointFacts(1), endpointFacts(2)], members })).toEqual([
    ["warning", "member-not-started", "a3", "this member was added and never started"],
  ]);
});

test("endpoints of two clusters are named with their clusters", () => {
  const stranger = endpointFacts(3, { status: healthyStatus(3, { clusterId: "c2", memberId: "b7" }) });
  const found = told({ endpoints: [endpointFacts(1), endpointFacts(2), stranger] });
  expect(found[0]).toEqual([
    "problem",
    "clusters-differ",
    "cluster",
    "the endpoints belong to different clusters: c1 at https://m1:2379, https://m2:2379; c2 at https://m3:2379",
  ]);
  expect(found).toContainEqual(["problem", "not-a-member", "https://m3:2379", "the cluster does not list its member b7"]);
});

test("different versions are a warning that names who runs which", () => {
  const endpoints = [endpointFacts(1), endpointFacts(2, { status: healthyStatus(2, { version: "3.5.35" }) }), endpointFacts(3)];
  expect(told({ endpoints })).toEqual([
    [
      "warning",
      "versions-differ",
      "cluster",
      "the members run different versions: 3.6.16 at https://m1:2379, https://m3:2379; 3.5.35 at https://m2:2379",
    ],
  ]);
});

test("more than a tenth of a second for a status is slow", () => {
  const endpoints = [
    endpointFacts(1, { status: healthyStatus(1, { latencyMs: 100 }) }),
    endpointFacts(2, { status: healthyStatus(2, { latencyMs: 100.6 }) }),
    endpointFacts(3),
  ];
  expect(told({ endpoints })).toEqual([["warning", "slow", "https://m2:2379", "its status took 101 ms"]]);
});

test("a denied snapshot is a problem with the command that grants it, a question without an answer a warning", () => {
  const denied = new LifeboatError("etcd/denied", "m1 does not let user backup send a snapshot", { hint: "grant it with `etcdctl ...`" });
  const late = new LifeboatError("etcd/timeout", "m2 did not answer");
  const found = findings(
    facts({ endpoints: [endpointFacts(1, { permission: denied }), endpointFacts(2, { permission: late }), endpointFacts(3)] }),
  );
  expect(found).toMatchObject([
    { code: "permission-denied", severity: "problem", subject: "https://m1:2379", message: denied.message, fix: denied.hint },
    { code: "permission-unknown", severity: "warning", message: "it is not known whether it would give a snapshot: m2 did not answer" },
  ]);
});

test("plain http is a warning", () => {
  const endpoints = [endpointFacts(1, { endpoint: "http://m1:2379", certificate: undefined }), endpointFacts(2), endpointFacts(3)];
  expect(told({ endpoints })).toEqual([
    ["warning", "plain-http", "http://m1:2379", "snapshots and passwords cross the network unencrypted"],
  ]);
});

describe("an unproven backup is foreseen", () => {
  const down = new LifeboatError("etcd/unreachable", "refused");
  const foreseen = (changes: Partial<ClusterFacts>): readonly (readonly string[])[] =>
    findings(facts(changes)).flatMap(({ code, message, fix }) => (code === "unproven-ahead" ? [[message, fix]] : []));
  const wanting = (agreement: Agreement, voters?: number): Pick<ClusterFacts, "wanted"> => ({ wanted: { agreement, voters } });
  const two = [endpointFacts(1), endpointFacts(2), endpointFacts(3, { status: down })];

  test("where one endpoint of three is configured: it says which to add", () => {
    expect(foreseen({ endpoints: [endpointFacts(1)] })).toEqual([
      [
        saying("agreement quorum needs 2 of 3 voting members, and the configured endpoints lead to 1"),
        "add https://m2:2379 and https://m3:2379 to endpoints, or set agreement: one, which trusts one member alone",
      ],
    ]);
  });

  test("where members are down: not as long as a quorum answers, but where all must agree", () => {
    expect(foreseen({ endpoints: two })).toEqual([]);
    expect(foreseen({ endpoints: two, ...wanting("all") })).toEqual([
      [saying("agreement all needs 3 of 3 voting members, and the configured endpoints lead to 2"), saying("fix what prevents the others")],
    ]);
    const one = [endpointFacts(1), endpointFacts(2, { status: down }), endpointFacts(3, { status: down })];
    expect(foreseen({ endpoints: one })).toEqual([[saying("lead to 1 that can be asked"), saying("fix what prevents the others")]]);
  });

  test("where members are learners, or deny HashKV", () => {
    const permission = new LifeboatError("etcd/denied", "not root");
    const denied = [endpointFacts(1), endpointFacts(2, { permission }), endpointFacts(3, { permission })];
    expect(foreseen({ endpoints: denied })).toEqual([[saying("lead to 1 that can be asked"), expect.anything()]]);
    const learner = endpointFacts(2, { status: healthyStatus(2, { isLearner: true }), permission: undefined });
    const members = [member(1), member(2, { isLearner: true }), member(3)];
    expect(foreseen({ endpoints: [endpointFacts(1), learner], members })).toEqual([[saying("needs 2 of 2"), expect.anything()]]);
  });

  test("not where one is enough, nobody is asked, or a snapshot would not be believed anyway", () => {
    for (const agreement of ["one", "off"] as const) expect(foreseen({ endpoints: [endpointFacts(1)], ...wanting(agreement) })).toEqual([]);
    const alarms = [{ memberId: "a2", alarm: "CORRUPT" as const }];
    expect(foreseen({ endpoints: [endpointFacts(1, { status: healthyStatus(1, { alarms }) })] })).toEqual([]);
  });

  test("where nobody lists the members, unless the configuration says how many there are", () => {
    const members = new LifeboatError("etcd/refused", "no");
    expect(foreseen({ members })).toEqual([[saying("and nobody could list the members"), saying("voters")]]);
    expect(foreseen({ members, ...wanting("quorum", 3) })).toEqual([]);
    expect(foreseen({ members, ...wanting("quorum", 7) })).toEqual([[saying("needs 4 of 7"), expect.anything()]]);
  });
});

test("a number of voters that is not the cluster's is told; what the cluster lists counts", () => {
  expect(told({ wanted: { agreement: "quorum", voters: 5 } })).toEqual([
    ["warning", "voters-differ", "cluster", "voters is 5, and the cluster lists 3 voting members, which is what counts"],
  ]);
  expect(told({ wanted: { agreement: "quorum", voters: 3 } })).toEqual([]);
});

describe("behind one endpoint", () => {
  const behind = (kind: Behind["kind"], statuses: readonly EndpointStatus[]): Pick<ClusterFacts, "endpoints"> => ({
    endpoints: [endpointFacts(1, { behind: { kind, isPerCall: false, statuses } })],
  });
  const at = (number: 1 | 2 | 3, changes: Partial<EndpointStatus> = {}): EndpointStatus =>
    healthyStatus(number, { endpoint: "https://m1:2379", ...changes });

  test("a balancer is named with who answered, and that is all", () => {
    expect(told(behind("balancer", [at(1), at(2), at(3)]))).toEqual([
      ["info", "balancer", "https://m1:2379", saying("of which m1, m2, m3 answered")],
    ]);
  });

  test("a learner and a stranger there are told, with what to do there", () => {
    const members = [member(1), member(2, { isLearner: true })];
    const found = findings(facts({ ...behind("balancer", [at(1), at(2, { isLearner: true }), at(3)]), members }));
    expect(found.map(({ severity, code, fix }) => [severity, code, fix])).toEqual([
      ["problem", "not-a-member", saying("take that member out there")],
      ["warning", "learner", saying("take it out there")],
      ["info", "balancer", expect.anything()],
    ]);
  });

  test("a member that did not answer there, and tells clients to use that same endpoint: not to be added once more", () => {
    const members = [1, 2, 3].map((number) => member(number as 1 | 2 | 3, { clientUrls: ["https://m1:2379"] }));
    const found = findings(facts({ ...behind("balancer", [at(1), at(2)]), members }));
    expect(found.map(({ code, fix }) => [code, fix])).toEqual([
      ["member-without-endpoint", saying("give an endpoint that leads to it alone")],
      ["balancer", expect.anything()],
    ]);
  });
});
