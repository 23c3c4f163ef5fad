import { expect } from "vitest";
import { decide } from "../../shared/retention/decide.ts";
import type { SnapshotFacts } from "../../shared/retention/facts.ts";
import { RULES } from "../../shared/retention/policy.ts";
import type { RetentionPolicy } from "../../shared/retention/policy.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import { DAY_MS, HOUR_MS, policy, snapshot } from "./histories.ts";
import { ResticRepository } from "./restic-repository.ts";
import type { Forgotten } from "./restic-repository.ts";

/**
 * Random histories beside `restic forget`. What docs/decisions/0019 names as different is left out of what restic sees, and of nothing else: snapshots that are not good, or of which a fact
 * is not known, are not in its repository, and no second has two snapshots. A lineage is a host, a pin a tag that is kept, minAge is --keep-within.
 */
interface History {
  readonly name: string;
  readonly snapshots: readonly SnapshotFacts[];
}

/** Zones in which no clock was put back over midnight since 2017. */
const ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Australia/Lord_Howe", "America/St_Johns"];
const FIRST = Date.parse("2017-01-01T00:00:00Z");
/** Long ago by any clock: restic passes over what is ahead of its own for --keep-within. */
const LAST = Date.parse("2025-02-01T00:00:00Z");
/** Hours in which clocks change in one of the zones, and years, weeks and leap days end. */
const EDGES = [
  "2024-02-29T12:00:00Z",
  "2024-03-31T01:00:00Z",
  "2024-10-27T01:00:00Z",
  "2024-03-10T07:00:00Z",
  "2024-11-03T06:00:00Z",
  "2024-09-28T14:00:00Z",
  "2024-04-06T15:00:00Z",
  "2021-01-03T23:59:00Z",
  "2024-12-31T23:59:00Z",
].map((each) => Date.parse(each));

const RULE_NAMES = {
  latest: "last snapshot",
  hourly: "hourly snapshot",
  daily: "daily snapshot",
  weekly: "weekly snapshot",
  monthly: "monthly snapshot",
  annual: "yearly snapshot",
} as const;

/** Compares `each` histories under each of so many policies; the number of snapshots that were decided. */
export async function compareWithRestic(folder: string, random: SeededRandom, policies: number, each: number): Promise<number> {
  const repository = await ResticRepository.create(folder);
  let compared = 0;
  for (let round = 0; round < policies; round++) {
    const rules = randomPolicy(random);
    const histories = Array.from({ length: each }, (_, index): History => ({
      name: `h${round}-${index}`,
      snapshots: randomHistory(random),
    }));
    await repository.fill(
      histories.flatMap(({ name, snapshots }) =>
        snapshots.filter(isInBoth).map(({ time, lineage, pinned }) => ({
          host: `${name}-${lineage}`,
          time: withOffset(time, rules.timeZone),
          tags: pinned === undefined ? [] : ["pinned"],
        })),
      ),
    );
    const groups = await repository.forget(flagsOf(rules));
    for (const { name, snapshots } of histories) compared += compare(name, snapshots, rules, groups);
  }
  return compared;
}

function isInBoth({ good }: SnapshotFacts): boolean {
  return good === true;
}

function compare(name: string, snapshots: readonly SnapshotFacts[], rules: RetentionPolicy, groups: readonly Forgotten[]): number {
  const lineages = [1, 2].map((number) => ({ number, frozen: false }));
  const times = new Map(
    snapshots.filter(isInBoth).map(({ id, time, lineage }) => [id, `${name}-${lineage} ${new Date(time).toISOString()}`]),
  );
  const ours = new Map(
    decide({ snapshots, lineages, policy: rules, now: LAST }).flatMap(({ id, reasons, verdict }) => {
      const time = times.get(id);
      return time === undefined
        ? []
        : [[time, verdict === "keep" ? reasons.flatMap(({ code }) => nameOf(code, rules)).toSorted() : "remove"] as const];
    }),
  );
  const at = ({ hostname, time }: { readonly hostname: string; readonly time: string }): string =>
    `${hostname} ${new Date(time).toISOString()}`;
  const theirs = new Map<string, readonly string[] | string>();
  for (const { host, keep, remove, reasons } of groups) {
    if (!host.startsWith(`${name}-`)) continue;
    for (const each of remove ?? []) theirs.set(at(each), "remove");
    for (const { snapshot: each, matches } of reasons ?? []) theirs.set(at(each), matches.toSorted());
    expect(reasons?.length ?? 0).toBe(keep?.length ?? 0);
  }
  expect(Object.fromEntries(ours), `${name} under ${JSON.stringify(rules)}`).toEqual(Object.fromEntries(theirs));
  return times.size;
}

/** restic's words for a reason. That the newest one stays by itself it does not know, but counts it as within its own age. */
function nameOf(code: string, { minAge }: RetentionPolicy): readonly string[] {
  const rule = RULES.find((each) => each === code);
  if (rule !== undefined) return [RULE_NAMES[rule]];
  if (code === "pinned") return ["has tags [pinned]"];
  return minAge > 0 && (code === "min-age" || code === "newest-good") ? [`within ${minAge / HOUR_MS}h`] : [];
}

function flagsOf({ latest, hourly, daily, weekly, monthly, annual, minAge }: RetentionPolicy): readonly string[] {
  const counts = { last: latest, hourly, daily, weekly, monthly, yearly: annual };
  const flags = Object.entries(counts).flatMap(([name, count]) => (count === 0 ? [] : [`--keep-${name}`, String(count)]));
  return ["--keep-tag", "pinned", ...(minAge === 0 ? [] : ["--keep-within", `${minAge / HOUR_MS}h`]), ...flags];
}

function randomPolicy(random: SeededRandom): RetentionPolicy {
  const counts = Object.fromEntries(RULES.map((rule) => [rule, random.below(3) === 0 ? 0 : random.below(1, 9)]));
  return policy({
    ...counts,
    ...(RULES.every((rule) => counts[rule] === 0) && { daily: 3 }),
    minAge: random.pick([0, 0, HOUR_MS, 30 * HOUR_MS]),
    keepUnverified: DAY_MS,
    timeZone: random.pick(ZONES),
  });
}

/** Of some runs, each with a distance of its own, that begin anywhere or where the calendar has an edge. */
function randomHistory(random: SeededRandom): readonly SnapshotFacts[] {
  const byTime = new Map<number, SnapshotFacts>();
  for (let runs = random.below(1, 6); runs > 0; runs--) {
    const step = random.pick([60_000, 10 * 60_000, 30 * 60_000, HOUR_MS, 7 * HOUR_MS, DAY_MS, 5 * DAY_MS, 40 * DAY_MS]);
    const length = random.below(1, 20);
    const start =
      random.below(2) === 0 ? random.pick(EDGES) - random.below(length) * step : FIRST + random.below(3600 * 24 * 365 * 8) * 1000;
    for (let index = 0; index < length; index++) {
      const jitter = random.below(4) === 0 ? random.below(60) * 1000 : 0;
      const time = start + index * step + jitter;
      if (time >= LAST) continue;
      const isPinned = random.below(15) === 0;
      byTime.set(
        time,
        snapshot(time, {
          lineage: random.below(4) === 0 ? 2 : 1,
          good: random.below(10) !== 0,
          pinned: isPinned ? { reason: "of this test" } : undefined,
        }),
      );
    }
  }
  return [...byTime.values()];
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** `2026-10-25T02:30:00+01:00`: of the same instant, with the offset of the zone. */
function withOffset(time: number, timeZone: string): string {
  const format = formats.get(timeZone) ?? new Intl.DateTimeFormat("en", { timeZone, timeZoneName: "longOffset" });
  formats.set(timeZone, format);
  const name = format.formatToParts(time).find(({ type }) => type === "timeZoneName")?.value ?? "";
  const [, sign = "+", hours = "00", minutes = "00"] = /^GMT(?:([+-])(\d\d):(\d\d))?$/.exec(name) ?? [];
  const offset = (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
  return new Date(time + offset).toISOString().replace(".000Z", `${sign}${hours}:${minutes}`);
}
