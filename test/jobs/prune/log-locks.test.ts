import { describe, expect, test } from "vitest";
import { custodyKey } from "../../../shared/documents/layout.ts";
import type { CustodyLog } from "../../../shared/documents/layout.ts";
import { LifeboatError } from "../../../shared/errors.ts";
import { extendLogLocks } from "../../../shared/jobs/prune/extend-log-locks.ts";
import type { LockExtension } from "../../../shared/jobs/prune/lock-terms.ts";
import { ManualClock } from "../../doubles/manual-clock.ts";
import { MemoryBlobStore } from "../../doubles/memory-blob-store.ts";
import { RecordedProgress } from "../../doubles/recorded-progress.ts";
import { CLUSTER } from "../../support/vaults.ts";
import { DAY_MS, HOUR_MS } from "./history.ts";

/** How the locks of a long log are renewed: every record of it, by few requests. */

interface Log {
  readonly clock: ManualClock;
  readonly blobs: MemoryBlobStore;
  /** Records that the store locks for so many days when they are put. */
  add(count: number, everyMs?: number): void;
  run(signal?: AbortSignal): Promise<LockExtension>;
  /** The least that is left of any lock, in days. */
  leastLeft(): number;
}

function logOf(days: number, keptDays: number, log: CustodyLog = "custody"): Log {
  const clock = new ManualClock();
  const blobs = new MemoryBlobStore(clock, { versions: true });
  let sequence = 0;
  return {
    clock,
    blobs,
    add(count, everyMs = HOUR_MS) {
      for (let index = 0; index < count; index++) {
        clock.advance(everyMs);
        const lock = { until: new Date(clock.now().getTime() + days * DAY_MS), legalHold: false };
        blobs.objects.set(custodyKey(CLUSTER, ++sequence, log), {
          bytes: new Uint8Array(1),
          modified: clock.now(),
          version: `v${sequence}`,
          lock,
        });
      }
    },
    run: (signal) =>
      extendLogLocks(
        { blobs, progress: new RecordedProgress() },
        CLUSTER,
        { now: clock.now().getTime(), keptMs: keptDays * DAY_MS, putMs: days * DAY_MS },
        signal,
      ),
    leastLeft: () =>
      Math.min(...[...blobs.objects.values()].map(({ lock }) => (lock?.until?.getTime() ?? 0) - clock.now().getTime())) / DAY_MS,
  };
}

/** As requests to S3: a look at a lock is two, and so is a renewal. */
function requestsSince({ calls }: MemoryBlobStore, before: Readonly<Record<string, number>>): number {
  return 2 * (calls.lockOf + calls.extendLock - (before["lockOf"] ?? 0) - (before["extendLock"] ?? 0));
}

describe("run once a day", () => {
  test.each([
    [14, 24],
    [7, 30],
    [30, 35],
    [14, 14],
    [1, 2],
    [35, 10],
  ])("with locks of %i days, and %i of what is kept, every record keeps at least half of that", async (days, keptDays) => {
    const log = logOf(days, keptDays);
    // Records of years before are no longer locked.
    log.add(400, DAY_MS);
    for (let day = 0; day < 40; day++) {
      log.add(24);
      expect((await log.run()).failed).toEqual([]);
      expect(log.leastLeft()).toBeGreaterThanOrEqual(keptDays / 2);
    }
  });

  test("a log of 20,000 records takes some 4,000 requests a day, and never much more on one", async () => {
    const log = logOf(14, 24);
    log.add(20_000);
    expect((await log.run()).extended).toBe(20_000 - 49);
    const requests: number[] = [];
    for (let day = 0; day < 12; day++) {
      log.add(24);
      const before = { ...log.blobs.calls };
      await log.run();
      requests.push(requestsSince(log.blobs, before));
    }
    expect(Math.max(...requests)).toBeLessThan(6000);
    expect(requests.reduce((sum, each) => sum + each, 0) / requests.length).toBeLessThan(4500);
    expect(log.leastLeft()).toBeGreaterThanOrEqual(12);
  });

  test("a second run of a day renews nothing", async () => {
    const log = logOf(14, 24);
    log.add(3000);
    for (let day = 0; day < 15; day++) {
      log.add(24);
      await log.run();
      expect((await log.run()).extended).toBe(0);
    }
  });
});

test("after an outage of the keeper all that is due is renewed at once", async () => {
  const log = logOf(14, 24);
  log.add(2000);
  await log.run();
  log.add(24 * 11);
  expect(log.leastLeft()).toBeGreaterThan(0);
  await log.run();
  expect(log.leastLeft()).toBeGreaterThanOrEqual(12);
});

test("a record whose lock is not as those around it is found on one of the next days", async () => {
  const log = logOf(14, 24);
  log.add(300);
  await log.run();
  log.blobs.setLock(custodyKey(CLUSTER, 100), "v100", undefined);
  for (let day = 0; day < 12; day++) {
    log.add(1, DAY_MS);
    await log.run();
  }
  expect(log.leastLeft()).toBeGreaterThanOrEqual(12);
});

test("the log of the primary in a replica is renewed too", async () => {
  const log = logOf(14, 24, "primary-custody");
  log.add(300);
  expect((await log.run()).extended).toBe(300 - 49);
});

describe("a run that does not come to its end", () => {
  test.each([1, 2, 100, 249, 250, 251])("when it ends at renewal %i, the next one renews the rest", async (at) => {
    const log = logOf(14, 24);
    log.add(800);
    const stop = new AbortController();
    let renewals = 0;
    const progress = new RecordedProgress((step) => (step === "lock" && ++renewals === at ? stop.abort() : undefined));
    const terms = { now: log.clock.now().getTime(), keptMs: 24 * DAY_MS, putMs: 14 * DAY_MS };
    await expect(extendLogLocks({ blobs: log.blobs, progress }, CLUSTER, terms, stop.signal)).rejects.toMatchObject({
      code: "interrupted",
    });
    expect(log.leastLeft()).toBeLessThan(12);
    await log.run();
    expect(log.leastLeft()).toBeGreaterThanOrEqual(12);
  });
});

describe("a lock that cannot be renewed", () => {
  const denied = { kind: "error", error: new LifeboatError("store/denied", "no") } as const;

  test("is named, the others are renewed, and the next run tries it again", async () => {
    const log = logOf(14, 24);
    log.add(300);
    const key = custodyKey(CLUSTER, 100);
    log.blobs.inject({ call: "extendLock", key: new RegExp(key), times: 2, fault: denied });
    expect((await log.run()).failed).toEqual([{ key, message: "no" }]);
    log.clock.advance(HOUR_MS);
    expect((await log.run()).failed).toEqual([{ key, message: "no" }]);
    log.clock.advance(HOUR_MS);
    expect((await log.run()).failed).toEqual([]);
    expect(log.leastLeft()).toBeGreaterThanOrEqual(12);
  });

  test("ends the renewal of the log where it is each of them, so that a missing permission costs few requests", async () => {
    const log = logOf(14, 24);
    log.add(5000);
    log.blobs.inject({ call: "extendLock", key: /./, times: Infinity, fault: denied });
    const { extended, failed } = await log.run();
    expect(extended).toBe(0);
    expect(failed.length).toBeLessThan(100);
    expect(log.blobs.calls.extendLock).toBeLessThan(100);
  });
});
