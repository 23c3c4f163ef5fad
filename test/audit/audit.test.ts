import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { audit } from "../../shared/audit/audit.ts";
import { known, unknown } from "../../shared/audit/facts.ts";
import type { ClusterFacts, NewestGoodFact } from "../../shared/audit/facts.ts";
import { CODES } from "../../shared/audit/finding.ts";
import type { AuditCode } from "../../shared/audit/finding.ts";
import { backedUp, DAY, factsWith, HOUR, NOW, snapshotAt, WELL_POLICY } from "./facts.ts";

test("of a cluster with which all is well there is nothing to say", () => expect(audit(factsWith())).toEqual([]));

const WELL = factsWith();
const newest = ((): NewestGoodFact => {
  if (!WELL.newestGood.known || WELL.newestGood.value === undefined) throw new Error("no newest good");
  return WELL.newestGood.value;
})();
const stored = WELL.snapshots.known ? WELL.snapshots.value : [];
const LOCKS = { ...WELL_POLICY, lockMs: 14 * DAY, keptLockMs: 14 * DAY };
const NOT_COUNTERSIGNED = { verifiedAt: undefined, lacks: [{ code: "not-countersigned", reason: "not countersigned" }] } as const;
const problem = { subject: "clusters/prod/custody/0000000/0000000002.json", message: "record 2 is missing", fix: "find out who" };

function withNewest(changes: Partial<NewestGoodFact>): Partial<ClusterFacts> {
  return { newestGood: known({ ...newest, ...changes }) };
}

function custody(code: string, isOfChain: boolean): Partial<ClusterFacts> {
  return { custody: known({ head: undefined, records: 1, depth: "all", findings: [{ ...problem, code, isOfChain }] }) };
}

function drill(daysAgo: number, changes: object = {}): Partial<ClusterFacts> {
  return { drills: known([{ id: newest.id, at: NOW - daysAgo * DAY, ok: true, reason: undefined, tookMs: 1000, steps: [], ...changes }]) };
}

function replica(newestGood: ClusterFacts["replicas"][number]["newestGood"]): Partial<ClusterFacts> {
  return { replicas: [{ name: "offsite", location: "s3://offsite", isRequired: true, ids: known(new Set()), newestGood }] };
}

/** Hourly for a day, and one each of some days before. */
function grown(daysAgo: readonly number[]): Partial<ClusterFacts> {
  return { snapshots: known([...daysAgo.map((days) => snapshotAt(days * 24)), ...stored]) };
}

/** Of each code the facts that give it, and it alone, with what is told. */
const CASES: Readonly<Record<AuditCode, readonly [changes: Partial<ClusterFacts>, subject: string, told: string]>> = {
  "rpo/none": [{ snapshots: known([snapshotAt(1, NOT_COUNTERSIGNED)]) }, "prod", "no snapshot is good [1 snapshots are stored]"],
  "rpo/exceeded": [
    { snapshots: known(stored.slice(0, 2)) },
    `prod/${snapshotAt(3).id}`,
    "the newest good snapshot is too old [it is 2 h 59 min old; the rpo is 2 h]",
  ],
  "rpo/gap": [
    { history: known({ since: NOW - DAY, events: [9, 8, 4, 1].flatMap((hours) => backedUp(NOW - hours * HOUR)) }) },
    "prod",
    "2 times good snapshots were further apart than the rpo of 2 h, by 4 h at most [2026-11-21 04:00Z to 2026-11-21 08:00Z (4 h), 2026-11-21 08:00Z to 2026-11-21 11:00Z (3 h)]",
  ],
  "backup/failing": [
    {
      history: known({
        since: NOW - DAY,
        events: [
          ...backedUp(NOW - 2 * HOUR),
          ...[2, 1].map((minutes) => ({
            time: NOW - minutes * 60_000,
            event: "failed",
            by: "snapshot",
            ids: [],
            reason: "etcd is not reached",
          })),
        ],
      }),
    },
    "prod",
    "the last 2 backups failed [the last at 2026-11-21 11:59Z: etcd is not reached]",
  ],
  "snapshot/unbelieved": [
    {
      snapshots: known([
        { id: "20261121T070000Z", slot: NOW - 5 * HOUR, error: { code: "verify/signature", message: "the signature is wrong" } },
        ...stored,
      ]),
    },
    "prod/20261121T070000Z",
    "the signature is wrong [verify/signature]",
  ],
  "snapshot/unverified": [
    { snapshots: known([snapshotAt(6, NOT_COUNTERSIGNED), snapshotAt(5, NOT_COUNTERSIGNED), ...stored]) },
    `prod/${snapshotAt(5).id}`,
    `2 snapshots older than the rpo were never countersigned [prod/${snapshotAt(5).id}, prod/${snapshotAt(6).id}]`,
  ],
  "snapshot/not-good": [
    { snapshots: known([...stored, snapshotAt(0.5, { lacks: [{ code: "unproven", reason: "unproven: no quorum" }] })]) },
    `prod/${snapshotAt(0.5).id}`,
    "it is newer than the newest good snapshot, and is not good [unproven: no quorum]",
  ],
  "snapshot/future": [
    { snapshots: known([...stored, snapshotAt(-5, { lacks: [{ code: "future", reason: "its id is in the future" }] })]) },
    `prod/${snapshotAt(-5).id}`,
    "the id of 1 snapshot is in the future by this machine's clock []",
  ],
  "document/unbelieved": [
    { unbelieved: [{ key: "clusters/prod/verified/x.json", code: "verify/untrusted", message: "nobody trusts that key" }] },
    "clusters/prod/verified/x.json",
    "nobody trusts that key [verify/untrusted]",
  ],
  "catalog/differs": [
    { differences: [{ subject: `prod/${newest.id}`, message: "the catalog and its documents differ in revision" }] },
    `prod/${newest.id}`,
    "the catalog and its documents differ in revision []",
  ],
  "data/missing": [
    { snapshots: known([snapshotAt(6, { data: known({ state: "missing" }) }), ...stored]) },
    `prod/${snapshotAt(6).id}`,
    "the data of 1 snapshot is not there []",
  ],
  "data/size": [
    { snapshots: known([snapshotAt(6, { data: known({ state: "wrong-size", bytes: 7 }) }), ...stored]) },
    `prod/${snapshotAt(6).id}`,
    "the data of 1 snapshot is of another size than the manifest says []",
  ],
  "data/checksum": [
    withNewest({ checksum: known(false) }),
    `prod/${newest.id}`,
    "the store's own checksum of its data is another than the manifest's []",
  ],
  "store/foreign": [
    { foreign: known(["clusters/prod/mine/", "clusters/prod/notes/"]) },
    "clusters/prod/mine/",
    "lifeboat does not write these [clusters/prod/mine/, clusters/prod/notes/]",
  ],
  "lock/missing": [
    {
      policy: LOCKS,
      snapshots: known(stored.map((each, index) => ({ ...each, lockedUntil: known(index === 0 ? undefined : NOW + 14 * DAY) }))),
    },
    `prod/${stored[0]?.id}`,
    "1 snapshot is not locked, and whoever can delete from the store can delete it []",
  ],
  "lock/short": [
    { policy: LOCKS, snapshots: known(stored.map((each, index) => ({ ...each, lockedUntil: known(NOW + (index === 0 ? 2 : 14) * DAY) }))) },
    `prod/${stored[0]?.id}`,
    "the lock of 1 snapshot ends sooner than the configuration says []",
  ],
  "retention/overdue": [
    grown([3, 3.01, 3.02, 2, 1]),
    `prod/${snapshotAt(72.48).id}`,
    "1 snapshot that retention let go two days ago is still there",
  ],
  "retention/missing": [
    grown([5, 4, 1]),
    "prod",
    "of 2 days that retention keeps a good snapshot of there is none [2026-11-19, 2026-11-18; retention.daily is 7]",
  ],
  "custody/broken": [custody("custody/missing", true), problem.subject, "record 2 is missing [custody/missing]"],
  "custody/unaccounted": [custody("custody/gone", false), problem.subject, "record 2 is missing [custody/gone]"],
  "lineage/unaccepted": [
    {
      lineages: known({
        links: [{ number: 1, frozen: false }],
        attention: { number: 2, reason: "cluster-id-changed", message: "lineage 2 of prod is not accepted", since: "2026-11-21T10:00:00Z" },
        faults: [],
      }),
    },
    "prod",
    "lineage 2 of prod is not accepted [since 2026-11-21T10:00:00Z]",
  ],
  "lineage/unbelieved": [
    {
      lineages: known({
        links: [{ number: 1, frozen: false }],
        attention: undefined,
        faults: [{ key: "clusters/prod/lineage/2.json", message: "nobody trusts that key" }],
      }),
    },
    "clusters/prod/lineage/2.json",
    "nobody trusts that key []",
  ],
  "drill/never": [{ drills: known([]) }, "prod", "no restore was ever rehearsed [drill.every is 7 d]"],
  "drill/overdue": [drill(9), "prod", "the last drill is too long ago [it was 9 d ago; drill.every is 7 d]"],
  "drill/failed": [
    drill(2, { ok: false, reason: "HashKV differs" }),
    `prod/${newest.id}`,
    "the last drill failed [2 d ago: HashKV differs]",
  ],
  "key/other": [
    { wrappingKey: known("age1new") },
    `prod/${newest.id}`,
    "it is not wrapped under the configured key, age1new [it is wrapped under age1wrap]",
  ],
  "key/break-glass": [
    withNewest({ breakGlass: ["age1other"] }),
    `prod/${newest.id}`,
    "it does not open with the break-glass identity of age1paper []",
  ],
  "key/not-rehearsed": [{ canaries: known([]) }, "breakGlass", "nobody has shown that a break-glass identity still opens anything []"],
  "node-files/missed": [
    {
      nodeSets: known([
        { node: "Node-A", collectedAt: NOW - 31 * HOUR },
        { node: "node-b", collectedAt: NOW - 30 * HOUR },
      ]),
    },
    "prod",
    "files of node-a, node-c were not collected in time [node-a: 31 h ago; node-c: never; nodeFiles.every is 24 h]",
  ],
  "recipient/missing": [
    { ...withNewest({ members: ["Node-A", "node-d"] }), policy: { ...WELL_POLICY, nodeFilesEveryMs: undefined } },
    "prod",
    "no recipient is enrolled for node-d [recipients has node-a, node-b, node-c]",
  ],
  "replica/behind": [
    replica(known({ state: "incomplete", reason: "its data is not there" })),
    "replica offsite",
    "it does not have the newest good snapshot: its data is not there, or not whole [s3://offsite; its data is not there]",
  ],
  "replica/unreadable": [
    replica(unknown("it did not answer within 10 s")),
    "replica offsite",
    "it did not answer within 10 s [s3://offsite]",
  ],
  "cluster/not-configured": [
    { policy: undefined },
    "prod",
    "it is stored, and the configuration does not know it: nobody backs it up and no retention is applied [4 snapshots are stored]",
  ],
  "cluster/not-stored": [
    { snapshots: known([]), newestGood: known(undefined), history: known({ since: NOW - DAY, events: [] }) },
    "prod",
    "it is configured, and no snapshot of it is stored []",
  ],
  "audit/unknown": [
    { drills: unknown("access is denied"), custody: unknown("access is denied") },
    "prod",
    "the custody log, drills: access is denied []",
  ],
};

test.each(Object.entries(CASES))("%s", (code, [changes, subject, told]) => {
  const findings = audit(factsWith(changes));
  const [finding] = findings;
  expect(findings.map((each) => each.code)).toEqual([code]);
  expect(finding).toMatchObject({ cluster: "prod", subject });
  expect(`${finding?.message} [${finding?.evidence.join("; ")}]`).toMatch(told);
  expect(finding?.fix).not.toBe("");
});

test("the worst stands first", () => {
  const both = { ...CASES["key/not-rehearsed"][0], ...CASES["drill/failed"][0], ...CASES["rpo/gap"][0] };
  expect(audit(factsWith(both)).map(({ severity }) => severity)).toEqual(["error", "warn", "info"]);
});

test.each<readonly [string, Partial<ClusterFacts>]>([
  ["files of nodes that nobody asks for", { policy: { ...WELL_POLICY, nodeFilesEveryMs: undefined }, nodeSets: undefined }],
  ["a drill that nobody asks for", { policy: { ...WELL_POLICY, drillEveryMs: undefined }, drills: known([]) }],
  [
    "a lock that has ended as it was to",
    {
      policy: { ...LOCKS, keptLockMs: undefined, retention: { ...WELL_POLICY.retention, daily: 0, weekly: 0, monthly: 0 } },
      snapshots: known([
        snapshotAt(14 * 24, { lockedUntil: known(undefined) }),
        ...stored.map((each) => ({ ...each, lockedUntil: known(NOW + 14 * DAY) })),
      ]),
    },
  ],
  [
    "one failure, which the next backup mends",
    { history: known({ since: NOW - DAY, events: [{ time: NOW, event: "failed", by: "snapshot", ids: [], reason: "no" }] }) },
  ],
  [
    "failures of whoever verifies",
    {
      history: known({
        since: NOW - DAY,
        events: [1, 2, 3].map((time) => ({ time, event: "failed", by: "audit", ids: [], reason: "no" })),
      }),
    },
  ],
  ["a schedule that is slower than a day", { policy: { ...WELL_POLICY, rpoMs: 4 * DAY }, ...grown([6, 3]) }],
  [
    "what is to go and its replacement is not yet in a replica",
    { ...grown([3, 3.01, 3.02, 2, 1]), ...replica(known({ state: "present", reason: undefined })) },
  ],
  [
    "what is pinned",
    { snapshots: known([snapshotAt(72.24, { isPinned: true }), snapshotAt(72), snapshotAt(48), snapshotAt(24), ...stored]) },
  ],
  [
    "what is of a frozen lineage",
    { ...grown([3, 3.01, 3.02, 2, 1]), lineages: known({ links: [{ number: 1, frozen: true }], attention: undefined, faults: [] }) },
  ],
])("no finding: %s", (_, changes) => expect(audit(factsWith(changes))).toEqual([]));

test("many snapshots with one trouble are one finding", () => {
  const many = Array.from({ length: 12 }, (_, index) => snapshotAt(20 - index, { data: known({ state: "missing" }) }));
  const [finding, ...more] = audit(factsWith({ snapshots: known([...many, ...stored]) }));
  expect(more).toEqual([]);
  expect(finding).toMatchObject({
    message: "the data of 12 snapshots is not there",
    evidence: [expect.stringMatching(/^(?:prod\/\S+, ){4}prod\/\S+ and 7 more$/)],
  });
});

test("every code leads to a heading of the runbook", async () => {
  const runbook = await readFile(new URL("../../docs/runbook.md", import.meta.url), "utf8");
  const headings = new Set([...runbook.matchAll(/^#{2,3} (.*)$/gm)].map(([, heading]) => heading));
  expect(Object.entries(CODES).filter(([, each]) => !headings.has(each.runbook))).toEqual([]);
});
