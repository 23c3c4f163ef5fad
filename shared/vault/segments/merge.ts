import { MOST_OTHERS, MOST_ROWS } from "../../documents/catalog.ts";

/** A segment, by how many of its rows still stand. */
export interface Weighed {
  readonly id: string;
  readonly standing: number;
}

export interface MergePlan<Segment extends Weighed> {
  /** Whose rows go into the new segment: they are then needed no more. */
  readonly merged: readonly Segment[];
  /** Those that are needed beside it. One of which no row stands is neither. */
  readonly others: readonly Segment[];
}

/**
 * Which segments a new one of `rows` rows takes in: those of up to twice its size, the smallest first, as long as all fit. So their sizes grow by powers of two, there are some log2(1000/16) = 6 besides the full ones, and each row is
 * written that often at most (a log-structured merge, O'Neil et al. 1996). Pure.
 */
export function planMerge<Segment extends Weighed>(segments: readonly Segment[], rows: number): MergePlan<Segment> {
  const merged: Segment[] = [];
  const others: Segment[] = [];
  let size = rows;
  for (const segment of segments.filter(({ standing }) => standing > 0).toSorted((a, b) => a.standing - b.standing)) {
    const { standing } = segment;
    if (standing <= 2 * size && size + standing <= MOST_ROWS) {
      merged.push(segment);
      size += standing;
    } else others.push(segment);
  }
  // What falls out is read one by one, and comes into a segment of its own.
  return { merged, others: others.slice(-MOST_OTHERS) };
}
