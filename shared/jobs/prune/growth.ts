import type { SnapshotFacts } from "../../retention/facts.ts";

/** How large the coming backups are taken to be. */
export interface Growth {
  /** As large as the newest good one, or where none is good as the newest. */
  readonly bytes: number;
  /** When that was taken, in ms since 1970. */
  readonly since: number;
  /** 0 where `basis` is `constant`. */
  readonly bytesPerDay: number;
  readonly basis: "trend" | "constant";
  /** What it was taken from, for people: lower case, no full stop. */
  readonly reason: string;
}

const DAY_MS = 86_400_000;
const TREND_DAYS = 30;
/** Fewer, or over a shorter time, say nothing about a month. */
const LEAST_SNAPSHOTS = 5;
const LEAST_DAYS = 7;

/** From the good snapshots of the last 30 days of the newest one's lineage; undefined where no size is known. */
export function growthOf(snapshots: readonly SnapshotFacts[]): Growth | undefined {
  const sized = snapshots
    .filter((each): each is SnapshotFacts & { readonly bytes: number } => each.bytes !== undefined && each.unknown.length === 0)
    .toSorted((one, other) => one.time - other.time);
  const newest = sized.findLast(({ good }) => good === true) ?? sized.at(-1);
  if (newest === undefined) return undefined;
  const { bytes, time: since } = newest;
  const constant = (reason: string): Growth => ({ bytes, since, bytesPerDay: 0, basis: "constant", reason });
  if (newest.good !== true) return constant(`as large as ${newest.id}, since no snapshot is good`);
  const recent = sized.filter(
    ({ good, lineage, time }) => good === true && lineage === newest.lineage && time > since - TREND_DAYS * DAY_MS && time <= since,
  );
  const days = (since - (recent[0]?.time ?? since)) / DAY_MS;
  if (recent.length < LEAST_SNAPSHOTS || days < LEAST_DAYS)
    return constant(`as large as ${newest.id}: a trend takes ${LEAST_SNAPSHOTS} good snapshots over ${LEAST_DAYS} days`);
  const slope = slopeOf(recent.map(({ time, bytes: size }) => ({ x: (time - since) / DAY_MS, y: size })));
  if (slope <= 0) return constant(`as large as ${newest.id}: they did not grow in ${Math.round(days)} days`);
  return {
    bytes,
    since,
    bytesPerDay: Math.round(slope),
    basis: "trend",
    reason: `the trend of ${recent.length} good snapshots over ${Math.round(days)} days`,
  };
}

/** Least squares. */
function slopeOf(points: readonly { readonly x: number; readonly y: number }[]): number {
  const mean = (of: (point: { readonly x: number; readonly y: number }) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean((point) => point.x), mean((point) => point.y)];
  const spread = mean((point) => (point.x - x) ** 2);
  return spread === 0 ? 0 : mean((point) => (point.x - x) * (point.y - y)) / spread;
}
