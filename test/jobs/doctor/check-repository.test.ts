import { expect, test } from "vitest";
import { LifeboatError } from "../../../shared/errors.ts";
import { checkRepository, judgeRepository } from "../../../shared/jobs/doctor/check-repository.ts";
import type { RepositoryWanted } from "../../../shared/jobs/doctor/check-repository.ts";
import type { SnapshotRepository } from "../../../shared/store/snapshot-repository.ts";
import { saying } from "../../support/matchers.ts";

const NOW = new Date("2026-11-28T12:00:00Z");
const OWNER = "backup@etcd-lifeboat";
const WANTED: RepositoryWanted = { owner: OWNER, lock: undefined };
const LOCKED: RepositoryWanted = { owner: OWNER, lock: { mode: "compliance", days: 30 } };
const DAY_MS = 86_400_000;

function found(
  change: { mode?: string; days?: number; owner?: string; extendsLocks?: boolean; nextFull?: Date },
  wanted = WANTED,
): readonly (readonly [string, string])[] {
  const { mode, days = 30, owner = OWNER, extendsLocks = false, nextFull } = change;
  const blobRetention = mode === undefined ? undefined : { mode, periodMs: days * DAY_MS };
  const facts = { uniqueId: "ab", splitter: "FIXED-128K", hash: "h", encryption: "e", volume: undefined, blobRetention };
  const maintenance = { owner, extendsLocks, nextQuick: undefined, nextFull, runs: [] };
  return judgeRepository(facts, maintenance, wanted, NOW).map(({ code, severity }) => [code, severity]);
}

const hours = (count: number): Date => new Date(NOW.getTime() - count * 3_600_000);

test.each([
  ["one that is new", found({}), []],
  ["a maintenance that is due", found({ nextFull: hours(23) }), []],
  ["a maintenance that nobody runs", found({ nextFull: hours(25) }), [["maintenance-overdue", "warning"]]],
  ["a maintenance of another", found({ owner: "root@host" }), [["maintenance-of-another", "problem"]]],
  ["a lock as asked", found({ mode: "compliance", extendsLocks: true }, LOCKED), []],
  ["no lock where one is asked for", found({}, LOCKED), [["lock-off", "problem"]]],
  ["a shorter lock", found({ mode: "compliance", days: 2, extendsLocks: true }, LOCKED), [["lock-off", "problem"]]],
  ["another lock", found({ mode: "governance", extendsLocks: true }, LOCKED), [["lock-off", "problem"]]],
  ["a lock of somebody else that runs out", found({ mode: "governance" }), [["locks-expire", "warning"]]],
])("%s", (_what, actual, expected) => {
  expect(actual).toEqual(expected);
});

test.each([
  ["keys/denied", "not-seen", "info"],
  ["keys/no-match", "not-checked", "problem"],
  ["store/missing", "not-checked", "problem"],
] as const)("one that does not open: %s is %s", async (code, finding, severity) => {
  const open = (): Promise<never> => Promise.reject(new LifeboatError(code, "it does not open", { hint: "do this" }));
  expect(await checkRepository(open, WANTED, NOW)).toEqual([
    { code: finding, severity, subject: "kopia repository", message: saying("it does not open"), fix: "do this" },
  ]);
});

test("a disk that fills up", async () => {
  const volume = { capacity: 4e9, available: 100e6 };
  const facts = { uniqueId: "ab", splitter: "FIXED-128K", hash: "h", encryption: "e", volume, blobRetention: undefined };
  const maintenance = { owner: OWNER, extendsLocks: false, nextQuick: undefined, nextFull: undefined, runs: [] };
  const unasked = (): Promise<never> => Promise.reject(new Error("not asked"));
  const repository: SnapshotRepository = {
    location: "/srv/kopia",
    status: () => Promise.resolve(facts),
    maintenance: () => Promise.resolve(maintenance),
    create: unasked,
    settle: unasked,
    countSnapshots: unasked,
    maintain: unasked,
    size: unasked,
  };
  expect(await checkRepository(() => Promise.resolve(repository), WANTED, NOW)).toMatchObject([
    { code: "disk-full", severity: "warning", message: "the disk of /srv/kopia has 95 MiB left" },
  ]);
});
