import { expect, test } from "vitest";
import { known, unknown } from "../../shared/audit/facts.ts";
import type { ReadyFacts } from "../../shared/audit/facts.ts";
import { judge } from "../../shared/audit/judge.ts";
import { DAY, factsWith, HOUR, NOW, snapshotAt, WELL_POLICY } from "./facts.ts";

const DENIED = unknown("access to the store is denied");

test("a cluster of which all is known and well is ready", () => {
  const { lines, ...judged } = judge(factsWith());
  expect(judged).toEqual({
    cluster: "prod",
    at: NOW,
    verdict: "ready",
    id: snapshotAt(1).id,
    loss: { ms: HOUR - 2000, writes: 50, basis: "etcd" },
    rtoMs: 42_000,
    notAsked: [
      "locks: store.lock is not configured",
      "replicas: none is configured",
      "files of the nodes: this store keeps none",
      "keys of an EncryptionConfiguration: this store keeps none",
    ],
  });
  expect(lines.map(({ name, answer, fix }) => `${name} ${answer}${fix}`)).toEqual(
    ["snapshot", "age", "data", "drill", "keys", "break-glass", "recipients", "programs", "certificates", "custody", "lineage"].map(
      (name) => `${name} yes`,
    ),
  );
  expect(lines.filter(({ evidence }) => evidence.length === 0)).toEqual([]);
});

test("one that is only older than promised is ready with loss, and says how much", () => {
  const snapshots = known([snapshotAt(9), snapshotAt(5)]);
  const { verdict, lines, loss } = judge(factsWith({ snapshots }));
  expect(verdict).toBe("ready with loss");
  expect(lines.find(({ name }) => name === "age")).toMatchObject({
    answer: "no",
    evidence: ["4 h 59 min old, of at most 2 h", "450 writes since"],
    fix: "lifeboat check prod says why backups stopped",
  });
  expect(loss).toEqual({ ms: 5 * HOUR - 2000, writes: 450, basis: "etcd" });
});

test.each<readonly [string, Partial<ReadyFacts>]>([
  ["an etcd that does not answer", { etcd: unknown("etcd is not reached") }],
  ["one whose revision went back", { etcd: known({ revision: 17, certificates: [], unseen: [] }) }],
])("with %s the loss goes by the pace of the last two", (_, changes) =>
  expect(judge(factsWith(changes)).loss).toEqual({ ms: HOUR - 2000, writes: 100, basis: "pace" }),
);

test("without a second snapshot nothing is said of it", () => {
  const facts = factsWith({ etcd: unknown("etcd is not reached") });
  const newest = facts.newestGood.known ? facts.newestGood.value : undefined;
  if (newest === undefined) throw new Error("no newest good");
  const judged = judge({ ...facts, newestGood: known({ ...newest, before: undefined }) });
  expect(judged.loss).toEqual({ ms: HOUR - 2000, writes: undefined, basis: undefined });
  expect(judged.lines.find(({ name }) => name === "age")?.evidence).toContain("how much was written since is not known");
});

const newest = ((facts) => (facts.newestGood.known ? facts.newestGood.value : undefined))(factsWith());
if (newest === undefined) throw new Error("no newest good");

/** Of each line: what makes it a no, and what makes it not known. */
const CASES: readonly (readonly [line: string, answer: "no" | "unknown", changes: Partial<ReadyFacts>, evidence: string])[] = [
  ["snapshot", "no", { snapshots: known([]) }, "nothing is stored"],
  [
    "snapshot",
    "no",
    { snapshots: known([snapshotAt(1, { lacks: [{ code: "quarantine", reason: "in quarantine" }] })]) },
    "none of 1 is good",
  ],
  ["snapshot", "unknown", { snapshots: DENIED }, "access to the store is denied"],
  ["age", "unknown", { policy: undefined }, "the configuration has no rpo for it"],
  ["data", "no", { snapshots: known([snapshotAt(1, { data: known({ state: "missing" }) })]) }, "the data of 1 snapshot is not there"],
  [
    "data",
    "no",
    { newestGood: known({ ...newest, checksum: known(false) }) },
    "the store's own checksum of its data is another than the manifest's",
  ],
  ["data", "unknown", { snapshots: known([snapshotAt(1, { data: DENIED })]) }, "access to the store is denied"],
  ["drill", "no", { drills: known([]) }, "no drill of any snapshot"],
  [
    "drill",
    "no",
    { drills: known([{ id: newest.id, at: NOW - 9 * DAY, ok: true, reason: undefined, tookMs: 1, steps: [] }]) },
    "the last drill is too long ago",
  ],
  [
    "drill",
    "no",
    { drills: known([{ id: newest.id, at: NOW - DAY, ok: false, reason: "HashKV differs", tookMs: 1, steps: [] }]) },
    "24 h ago: HashKV differs",
  ],
  ["drill", "unknown", { drills: DENIED }, "access to the store is denied"],
  ["keys", "no", { wrappingKey: known("age1new") }, "it is not wrapped under the configured key, age1new"],
  [
    "keys",
    "no",
    {
      keys: known({ location: "kms", findings: [{ severity: "problem", message: "the key is about to be deleted", fix: "cancel that" }] }),
    },
    "the key is about to be deleted",
  ],
  ["keys", "unknown", { newestGood: known({ ...newest, opened: [] }) }, "no verification has opened it by the wrapping key"],
  ["keys", "unknown", { wrappingKey: unknown("KMS denies access") }, "KMS denies access"],
  ["keys", "unknown", { keys: unknown("KMS denies access") }, "KMS denies access"],
  ["break-glass", "no", { canaries: known([]) }, "nobody has shown that a break-glass identity still opens anything"],
  [
    "break-glass",
    "no",
    { canaries: known([{ recipient: "age1paper", openedAt: NOW - 183 * DAY, by: "ann" }]) },
    "the last rehearsal of break-glass was 183 d ago",
  ],
  [
    "break-glass",
    "no",
    { canaries: known([{ recipient: "age1gone", openedAt: NOW - DAY, by: "ann" }]) },
    "nobody has shown that a break-glass identity still opens anything",
  ],
  [
    "break-glass",
    "no",
    { policy: { ...WELL_POLICY, breakGlass: [] } },
    "no break-glass recipient is configured: what is stored is lost with the wrapping key",
  ],
  [
    "break-glass",
    "no",
    { newestGood: known({ ...newest, breakGlass: [] }) },
    "it does not open with the break-glass identity of age1paper",
  ],
  ["break-glass", "unknown", { canaries: DENIED }, "access to the store is denied"],
  ["recipients", "no", { policy: { ...WELL_POLICY, recipients: ["node-a", "oncall"] } }, "no recipient is enrolled for node-b, node-c"],
  ["recipients", "unknown", { newestGood: DENIED }, "access to the store is denied"],
  [
    "programs",
    "no",
    { programs: [{ architecture: "arm64", versions: unknown("age for arm64 is nowhere") }] },
    "arm64: age for arm64 is nowhere",
  ],
  ["programs", "unknown", { programs: [] }, "there is no good snapshot"],
  [
    "certificates",
    "no",
    { etcd: known({ revision: 9950, certificates: [{ subject: "https://10.0.0.1:2379", notAfter: NOW + 29 * DAY }], unseen: [] }) },
    "https://10.0.0.1:2379: expires on 2026-12-20",
  ],
  [
    "certificates",
    "no",
    { etcd: known({ revision: 9950, certificates: [{ subject: "client certificate", notAfter: NOW }], unseen: [] }) },
    "client certificate: expired on 2026-11-21",
  ],
  [
    "certificates",
    "unknown",
    { etcd: known({ revision: 9950, certificates: [], unseen: ["https://10.0.0.2:2379"] }) },
    "the certificate of https://10.0.0.2:2379 could not be seen",
  ],
  ["certificates", "unknown", { etcd: unknown("etcd is not reached") }, "etcd is not reached"],
  [
    "custody",
    "no",
    {
      custody: known({
        head: undefined,
        records: 3,
        depth: "all",
        findings: [
          {
            code: "custody/missing",
            subject: "clusters/prod/custody/0000000/0000000002.json",
            message: "record 2 is missing",
            fix: "find out who",
            isOfChain: true,
          },
        ],
      }),
    },
    "record 2 is missing",
  ],
  ["custody", "unknown", { custody: DENIED }, "access to the store is denied"],
  [
    "lineage",
    "no",
    {
      lineages: known({
        links: [{ number: 2, frozen: false }],
        attention: { number: 2, reason: "cluster-id-changed", message: "lineage 2 of prod is not accepted", since: "2026-11-21T10:00:00Z" },
        faults: [],
      }),
    },
    "lineage 2 of prod is not accepted",
  ],
  ["lineage", "unknown", { lineages: DENIED }, "access to the store is denied"],
  [
    "locks",
    "no",
    { policy: { ...WELL_POLICY, lockMs: 14 * DAY }, snapshots: known([snapshotAt(1, { lockedUntil: known(undefined) })]) },
    "1 snapshot is not locked, and whoever can delete from the store can delete it",
  ],
  ["locks", "unknown", { policy: { ...WELL_POLICY, lockMs: 14 * DAY } }, "not asked"],
  [
    "replicas",
    "no",
    { replicas: [replica(known({ state: "missing", reason: undefined }))] },
    "it does not have the newest good snapshot: it is not there",
  ],
  ["replicas", "unknown", { replicas: [replica(unknown("it did not answer"))] }, "it did not answer"],
  ["node-files", "no", { nodeFiles: known({ nodes: ["node-a", "node-b"] }) }, "none of node-c"],
  [
    "node-files",
    "no",
    {
      nodeFiles: known({ nodes: ["node-a", "node-b", "node-c"] }),
      nodeSets: known(["node-a", "node-b", "node-c"].map((node) => ({ node, collectedAt: NOW - 3 * DAY }))),
    },
    "node-a: 3 d ago",
  ],
  ["node-files", "unknown", { nodeFiles: DENIED }, "access to the store is denied"],
  ["encryption-keys", "no", { encryptionKeys: known({ named: ["key1", "key2"], kept: ["key1"] }) }, "not key2"],
  ["encryption-keys", "unknown", { encryptionKeys: DENIED }, "access to the store is denied"],
];

function replica(newestGood: ReadyFacts["replicas"][number]["newestGood"]): ReadyFacts["replicas"][number] {
  return { name: "offsite", location: "s3://b", isRequired: false, ids: known(new Set()), newestGood };
}

test.each(CASES)("%s is answered %s, and the cluster is not ready", (name, answer, changes, evidence) => {
  const { verdict, lines } = judge(factsWith(changes));
  const line = lines.find((each) => each.name === name);
  expect(line?.answer).toBe(answer);
  expect(line?.evidence).toContain(evidence);
  expect(verdict).toBe("not ready");
});

test("every line has a case in which it is a no, or else may be one of loss", () =>
  expect([...new Set(CASES.flatMap(([name, answer]) => (answer === "no" ? [name] : [])))].toSorted()).toEqual([
    "break-glass",
    "certificates",
    "custody",
    "data",
    "drill",
    "encryption-keys",
    "keys",
    "lineage",
    "locks",
    "node-files",
    "programs",
    "recipients",
    "replicas",
    "snapshot",
  ]));

test("a no has a fix", () => {
  for (const [name, answer, changes] of CASES.filter((each) => each[1] === "no"))
    expect({ name, answer, fix: judge(factsWith(changes)).lines.find((each) => each.name === name)?.fix }).not.toMatchObject({ fix: "" });
});

test("what is asked for besides, and is well, is a yes", () => {
  const policy = { ...WELL_POLICY, lockMs: 14 * DAY };
  const snapshots = known([snapshotAt(1, { lockedUntil: known(NOW + 14 * DAY) })]);
  const facts = {
    policy,
    snapshots,
    replicas: [replica(known({ state: "present", reason: undefined }))],
    nodeFiles: known({ nodes: ["node-a", "node-b", "node-c"] }),
    encryptionKeys: known({ named: ["key1"], kept: ["key1", "old"] }),
  };
  expect(judge(factsWith(facts))).toMatchObject({ verdict: "ready", notAsked: [] });
});
