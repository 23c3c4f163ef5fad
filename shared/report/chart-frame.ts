import { scaleLinear, scaleUtc } from "d3-scale";
import { markup } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { at, dayText, monthOf } from "./words.ts";

/** What all charts over time have in common: their size, axes and grid. Colours and fonts are those of the page's style. */

export interface Point {
  /** In ms since 1970. */
  readonly at: number;
  readonly value: number;
}

export interface Frame {
  readonly from: number;
  readonly to: number;
  /** The highest value that has to be seen, and the lowest: 0 where the distance from nothing matters. */
  readonly most: number;
  readonly least?: number;
  /** In what steps the axis is marked: 1024 ** 2 for MiB, 3_600_000 for hours. */
  readonly unit?: number;
  readonly format: (value: number) => string;
  /** Small ones have fewer marks, since there may be thousands of them. */
  readonly isSmall?: boolean;
}

export const WIDTH = 320;
export const HEIGHT = 132;
export const LEFT = 54;
export const EDGE = WIDTH - 10;
const TOP = 10;
const BOTTOM = 20;
export const BASE = HEIGHT - BOTTOM;

export interface Scales {
  readonly x: (time: number) => number;
  readonly y: (value: number) => number;
  /** Grid, labels of the axes. */
  readonly axes: Markup;
}

export function scalesOf(frame: Frame): Scales {
  const { from, to, most, least = 0, unit = 1, isSmall = false } = frame;
  const x = scaleUtc([new Date(from), new Date(to)], [LEFT, EDGE]);
  const spread = most === least ? Math.max(most * 0.1, unit) : 0;
  const values = scaleLinear([Math.max(0, least - spread) / unit, (most + spread) / unit], [BASE, TOP]).nice(isSmall ? 2 : 3);
  const y = (value: number): number => values(value / unit);
  const marks = values.ticks(isSmall ? 2 : 3).map((mark) => mark * unit);
  const rows = marks.map((mark) => `M${LEFT} ${at(y(mark))}H${EDGE}`).join("");
  const names = marks.map((mark) => {
    const text = mark === 0 ? "0" : frame.format(mark).replace(".0 ", " ");
    return markup`<tspan x="${LEFT - 6}" y="${Math.round(y(mark) + 3.5)}">${text}</tspan>`;
  });
  return {
    x: (time) => x(time),
    y,
    axes: markup`<path class="grid" d="${rows}"/><text class="e">${names}</text>${timeMarks(x, to - from, isSmall)}`,
  };
}

const YEAR_MS = 366 * 86_400_000;

function timeMarks(x: ReturnType<typeof scaleUtc<number>>, spanMs: number, isSmall: boolean): Markup {
  const text = (time: Date): string =>
    spanMs > YEAR_MS / 2 ? `${monthOf(time.getTime())} ${time.getUTCFullYear() % 100}` : dayText(time.getTime());
  // A name at the very edge would be cut.
  const marks = x.ticks(isSmall ? 2 : 4).filter((time) => x(time) >= LEFT + 8 && x(time) <= EDGE - 14);
  const names = marks.map((time) => markup`<tspan x="${Math.round(x(time))}">${text(time)}</tspan>`);
  return markup`<text y="${HEIGHT - 5}" class="m">${names}</text>`;
}

/** A drawing, and what it says in words: whoever does not see it loses nothing. */
export function drawing(label: string, inside: Markup): Markup {
  return markup`<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">${inside}</svg>`;
}

/** At most `most` of a long series, one for each equal part of its time: the highest in it, so that nothing that stands out is lost. The first and the last stay. */
export function thinned<T extends Point>(list: readonly T[], most: number): readonly T[] {
  const [first, last] = [list[0], list.at(-1)];
  if (first === undefined || last === undefined || list.length <= most) return list;
  const step = (last.at - first.at) / (most - 2) || 1;
  const parts = Map.groupBy(list.slice(1, -1), ({ at: time }) => Math.floor((time - first.at) / step));
  return [first, ...Array.from(parts.values(), (part) => part.reduce((one, other) => (other.value > one.value ? other : one))), last];
}
