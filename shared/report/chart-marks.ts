import { markup } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { at } from "./words.ts";
import { BASE, drawing, EDGE, LEFT, scalesOf, thinned } from "./chart-frame.ts";
import type { Frame, Point, Scales } from "./chart-frame.ts";

interface Limit {
  readonly value: number;
  /** Said beside the line. */
  readonly name: string;
}

interface Common extends Omit<Frame, "from" | "to" | "most"> {
  readonly label: string;
  readonly from: number;
  readonly to: number;
  readonly limit?: Limit | undefined;
}

/** A bar for each point. What is above the limit differs in colour and is full, the rest is lighter: the difference is seen in grey as well. */
export function barChart({ points, limit, label, ...frame }: Common & { readonly points: readonly Point[] }): Markup {
  const scales = scalesOf({ ...frame, most: Math.max(limit?.value ?? 0, ...points.map(({ value }) => value)) });
  const { x, y, axes } = scales;
  const width = Math.max(1, ((x(frame.to) - x(frame.from)) / Math.max(points.length, 8)) * 0.68);
  const bars = (list: readonly Point[]): string => list.map((point) => `M${at(x(point.at))} ${BASE}V${at(y(point.value))}`).join("");
  const drawn = (name: string, list: readonly Point[]): Markup | undefined =>
    list.length === 0 ? undefined : markup`<path class="${name}" stroke-width="${at(width)}" d="${bars(list)}"/>`;
  const isOver = ({ value }: Point): boolean => limit !== undefined && value > limit.value;
  return drawing(
    label,
    markup`${axes}${drawn(
      "bars",
      points.filter((point) => !isOver(point)),
    )}${drawn("bars over", points.filter(isOver))}${limitLine(limit, scales)}`,
  );
}

export interface Dot extends Point {
  /** Drawn as a cross where it is not. */
  readonly ok: boolean;
}

/** A dot for each point; `isLinked` draws a line through those that are ok. */
export function dotChart({
  points: all,
  limit,
  label,
  isLinked = false,
  mostPoints,
  ...frame
}: Common & { readonly points: readonly Dot[]; readonly isLinked?: boolean; readonly mostPoints: number }): Markup {
  const points = thinned(all, mostPoints);
  const scales = scalesOf({ ...frame, most: Math.max(limit?.value ?? 0, ...points.map(({ value }) => value)) });
  const { x, y, axes } = scales;
  const place = ({ at: time, value }: Dot): string => `${at(x(time))} ${at(y(value))}`;
  const [good, bad] = [points.filter(({ ok }) => ok), points.filter(({ ok }) => !ok)];
  const link = isLinked && good.length > 1 ? markup`<path class="line thin" d="M${good.map(place).join("L")}"/>` : undefined;
  const dots = markup`<path class="dots" d="${good.map((dot) => `M${place(dot)}h0`).join("")}"/>`;
  const crosses =
    bad.length === 0
      ? undefined
      : markup`<path class="crosses" d="${bad.map((dot) => `M${at(x(dot.at) - 3.5)} ${at(y(dot.value) - 3.5)}l7 7m0-7l-7 7`).join("")}"/>`;
  return drawing(label, markup`${axes}${link}${dots}${crosses}${limitLine(limit, scales)}`);
}

function limitLine(limit: Limit | undefined, { y }: Scales): Markup | undefined {
  if (limit === undefined) return undefined;
  const height = at(y(limit.value));
  return markup`<path class="limit" d="M${LEFT} ${height}H${EDGE}"/><text class="limit-name" x="${LEFT + 4}" y="${at(y(limit.value) - 4)}">${limit.name}</text>`;
}
