import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BACKUP_STEPS } from "../../../shared/jobs/backup/backup.ts";
import { startCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { until } from "../../../tools/lab/until.ts";
import { fill } from "../../etcd/support/fill.ts";
import { lifeboat } from "../../support/lifeboat.ts";
import type { Outcome } from "../../support/lifeboat.ts";
import { custodyIn, expectBackup, expectTruth, newPlace, orphansIn } from "../../support/place.ts";
import type { Place } from "../../support/place.ts";
import { proxied } from "../../support/proxied.ts";
import { signalled } from "../../support/signalled.ts";
import { RECENT_SLOT } from "../../support/recent-slot.ts";

/**
 * kill -9 of the real process at every step of a backup, and while data is being written. `npm test` kills the first backup of all at some of the steps;
 * `npm run test:exhaustive` at each, and beside it a scheduled one.
 */

let small: EtcdCluster;
let large: EtcdCluster;
let folder: TemporaryFolder;
beforeAll(async () => {
  [small, large] = await Promise.all([startCluster({ version: "3.6" }), startCluster({ version: "3.6" })]);
  folder = await temporaryFolder();
  // Far more than what is held between the member and the store: some blocks of 4 MiB.
  await Promise.all([fill(small, 1), fill(large, 24)]);
});
afterAll(async () => {
  await Promise.all([small.stop(), large.stop()]);
  await folder.remove();
});

/** What each kill found: bytes of an upload that was being written. */
const kills: number[] = [];

const SLOT = ["--slot", RECENT_SLOT];

/** Kills a backup in `place`, and holds everything that a person can look at or do next against what it left. */
async function expectHarmless(
  place: Place,
  kill: () => Promise<Outcome>,
  { isCommitted = false, args = [] as readonly string[], absences = 0, settled = 0 } = {},
): Promise<void> {
  const [idsBefore, filesBefore] = [await expectTruth(place), await place.stored()];
  expect(await kill()).toMatchObject({ code: undefined, signal: "SIGKILL", stdout: "" });
  kills.push(Math.max(0, ...(await place.unfinished())));

  const left = (await place.stored()).filter((file) => !filesBefore.includes(file));
  const ids = await expectTruth(place);
  expect(ids).toHaveLength(idsBefore.length + Number(isCommitted));
  expect(ids).toEqual(expect.arrayContaining([...idsBefore]));
  const orphans = left.filter((file) => file.startsWith(".lifeboat/") || (file.includes("/data/") && !isCommitted));
  expect(
    left.filter(
      (file) => !orphans.includes(file) && !/\/(lineage\/1|snapshots\/\w+|custody\/\d{7}\/\d{10})\.json$/.test(file) && !isCommitted,
    ),
  ).toEqual([]);
  expect(await orphansIn(place)).toEqual(orphans);
  const { findings } = await custodyIn(place);
  expect(findings).toEqual(Array.from({ length: absences }, () => "custody/announced-absence"));

  // At once: the lock of the dead is nobody's.
  const next = await expectBackup(place, args);
  expect(next.existing).toBe(isCommitted && args.length > 0);
  expect(await readdir(place.path("etcd-lifeboat"))).toEqual([]);
  // What the dead run had not finished is gone with the next backup; data that it had finished is swept.
  expect(await place.unfinished()).toEqual([]);
  expect(await orphansIn(place, "sweep")).toEqual(orphans.filter((file) => !file.startsWith(".lifeboat/")));
  expect(await orphansIn(place)).toEqual([]);
  expect((await custodyIn(place)).findings).toHaveLength(absences - settled);
  expect(await expectTruth(place)).toEqual([...new Set([...ids, next.id])].toSorted());
  expect((await place.stored()).filter((file) => file.includes("/data/"))).toHaveLength(new Set([...ids, next.id]).size);
}

interface Moment {
  readonly isCommitted?: boolean;
  readonly isAnnounced?: boolean;
  readonly alsoScheduled: boolean;
}

/** The first backup of all, and beside it a scheduled one of a store that has a good one. */
async function expectHarmlessAt(
  cluster: EtcdCluster,
  moment: string,
  { isCommitted = false, isAnnounced = false, alsoScheduled }: Moment,
): Promise<void> {
  // Its data was swept, which the log tells.
  const absence = isAnnounced ? { absences: 1, settled: 1 } : {};
  const kill = (place: Place, args: readonly string[]) => () => signalled("SIGKILL", moment, ["backup", "prod", ...args], place.options);
  const first = async (): Promise<void> => {
    const place = await newPlace(cluster, folder.path, `${moment} first`);
    await expectHarmless(place, kill(place, []), { isCommitted, ...absence });
  };
  const scheduled = async (): Promise<void> => {
    const place = await newPlace(cluster, folder.path, `${moment} scheduled`);
    await expectBackup(place);
    await expectHarmless(place, kill(place, SLOT), { isCommitted, args: SLOT, ...absence });
  };
  await Promise.all([first(), ...(alsoScheduled ? [scheduled()] : [])]);
}

const SOME_MOMENTS = ["phase custody", "phase manifest"];

/** The first backup signs four times: the record that announces the lineage, the lineage, the record that announces the snapshot, and its manifest. */
const SIGNATURES = [
  [2, "a lineage that is announced and not there: nothing settles that", { absences: 1 }],
  [3, "a lineage, and nothing announced", {}],
  [4, "a lineage, and a snapshot that is announced and not there", { absences: 1, settled: 1 }],
] as const;

export function killTests({ all }: { readonly all: boolean }): void {
  describe("kill -9 as a step begins: nothing of the run is visible, orphans lists what is left, and the next backup works at once", () => {
    // The code's own list: a step that is never begun is not hit, and its test fails.
    // "sign 1" is in the step custody, before its first signature.
    test.each(all ? [...BACKUP_STEPS.map((step) => `phase ${step}`), "sign 1"] : SOME_MOMENTS)("%s", (moment) =>
      expectHarmlessAt(small, moment, { isAnnounced: moment === "phase manifest", alsoScheduled: all }),
    );

    test.each(all ? SIGNATURES : SIGNATURES.slice(0, 1))("before signature %i, which leaves %s", async (number, _what, absence) => {
      const place = await newPlace(small, folder.path, `sign ${number}`);
      await expectHarmless(place, () => signalled("SIGKILL", `sign ${number}`, ["backup", "prod"], place.options), absence);
      expect((await place.here("show", "prod/latest")).stdout).toContain("lineage 1");
    });
  });

  test("kill -9 when the manifest is written and nothing was said yet: the snapshot is there, and good", () =>
    expectHarmlessAt(small, "reported", { isCommitted: true, alsoScheduled: all }));

  describe("kill -9 while data is being written", () => {
    test.each(all ? [1, 1_000_000, 4_000_000] : [4_000_000])("by itself, %i bytes into the upload", (bytes) =>
      expectHarmlessAt(large, `written ${bytes}`, { alsoScheduled: all }),
    );

    test.each(all ? [19_000_000, 21_000_000, 23_000_000] : [21_000_000])(
      "from outside, with %i bytes of the snapshot on their way",
      async (stallAfter) => {
        const run = async (args: readonly string[]): Promise<void> => {
          await using ways = await proxied(large, { stallAfter, whom: "all" });
          const place = await newPlace(large, folder.path, `outside ${stallAfter} ${args.length}`, ways);
          await expectHarmless(
            place,
            async () => {
              const pid = Promise.withResolvers<number>();
              const running = lifeboat(["backup", "prod", ...args], { ...place.options, onStart: pid.resolve });
              try {
                await ways.struck;
                await until("an upload", 30_000, async () => (await place.unfinished()).some((bytes) => bytes > 0));
              } finally {
                process.kill(await pid.promise, "SIGKILL");
              }
              const outcome = await running;
              ways.mend();
              return outcome;
            },
            { args },
          );
        };
        await Promise.all([run([]), ...(all ? [run(SLOT)] : [])]);
      },
    );
  });

  if (all)
    test("there were at least 30 kills, and at least 10 of them while data was being written", () => {
      expect(kills.length).toBeGreaterThanOrEqual(30);
      expect(kills.filter((bytes) => bytes > 0).length).toBeGreaterThanOrEqual(10);
    });
}
