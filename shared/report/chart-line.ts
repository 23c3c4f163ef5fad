import { curveLinear, curveStepAfter, line } from "d3-shape";
import { markup } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { at } from "./words.ts";
import { BASE, drawing, scalesOf, thinned } from "./chart-frame.ts";
import type { Frame, Point } from "./chart-frame.ts";

export interface LineOptions extends Omit<Frame, "from" | "to" | "most"> {
  readonly label: string;
  readonly points: readonly Point[];
  /** A value holds until the next one. */
  readonly isStepped?: boolean;
  readonly isFilled?: boolean;
  readonly mostPoints: number;
}

/** A value over time, at least two points of it. */
export function lineChart({ label, points: all, isStepped = false, isFilled = false, mostPoints, ...frame }: LineOptions): Markup {
  const points = thinned(all, mostPoints);
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) throw new RangeError("a line takes points");
  const { x, y, axes } = scalesOf({ ...frame, from: first.at, to: last.at, most: Math.max(...points.map(({ value }) => value)) });
  const curve = isStepped ? curveStepAfter : curveLinear;
  const [toX, toY] = [(point: Point): number => x(point.at), (point: Point): number => y(point.value)];
  const stroke =
    line(toX, toY)
      .curve(curve)
      .digits(frame.isSmall === true ? 0 : 1)(points) ?? "";
  const fill = isFilled ? markup`<path class="fill" d="${stroke}V${BASE}H${at(toX(first))}Z"/>` : undefined;
  return drawing(
    label,
    markup`${axes}${fill}<path class="line" d="${stroke}"/><circle class="end" cx="${at(toX(last))}" cy="${at(toY(last))}" r="3"/>`,
  );
}
