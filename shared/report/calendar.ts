import type { DayTally } from "../contract/report.ts";
import { markup } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { counted, longDay, monthOf } from "./words.ts";

/** Backups by day: a shape for each state, so that none is told from another by its colour alone. */

export const STATES = ["good", "unproven", "failed", "missed"] as const;
export type State = (typeof STATES)[number];

/** The worst first: it is what a day is shown as. */
const WORST_FIRST = ["failed", "missed", "unproven"] as const;

export function worstOf(day: DayTally): State | undefined {
  return WORST_FIRST.find((state) => day[state] > 0) ?? (day.good > 0 ? "good" : undefined);
}

/** `22 good, 1 failed, 1 missed`. */
export function tallyText(day: DayTally): string {
  const parts = STATES.flatMap((state) => (day[state] === 0 ? [] : [`${day[state]} ${state}`]));
  return parts.length === 0 ? "none due" : parts.join(", ");
}

/** Of some days together: `90 days: 85 all good, 2 with failed backups, 3 with missed ones`. */
export function summaryText(days: readonly DayTally[]): string {
  const worst = days.map(worstOf);
  const count = (state: State): number => worst.filter((each) => each === state).length;
  const words = { good: "all good", unproven: "with unproven backups", failed: "with failed backups", missed: "with missed backups" };
  const parts = STATES.flatMap((state) => (count(state) === 0 ? [] : [`${count(state)} ${words[state]}`]));
  return `${counted(days.length, "day")}: ${parts.length === 0 ? "no backup" : parts.join(", ")}`;
}

/** The outline of a state's shape in a square of `size` whose upper left corner is at `x`, `y`. */
function shape(state: State, x: number, y: number, size: number): string {
  if (state === "good") return `M${x} ${y}h${size}v${size}h-${size}z`;
  if (state === "unproven") return `M${x} ${y}v${size}h${size}z`;
  const inner = size - 2;
  if (state === "failed") return `M${x + 1} ${y + 1}l${inner} ${inner}m0-${inner}l-${inner} ${inner}`;
  return `M${x + 1} ${y + 1}h${inner}v${inner}h-${inner}z`;
}

const CELL = 13;
const PITCH = 16;
const HALF = 8;
const LEFT = 30;
const TOP = 15;

/** Shapes by the state that they are of: a path for each. `run` are good days below each other, as one dashed line. */
type Paths = Map<State | "none" | "run", string>;

function add(paths: Paths, state: State | "none" | "run", path: string): void {
  paths.set(state, (paths.get(state) ?? "") + path);
}

function drawn(paths: Paths): readonly Markup[] {
  return Array.from(paths, ([state, path]) => markup`<path class="${state}" d="${path}"/>`);
}

/** A day with good backups and others: a good one with a corner cut off, and the worst of the others in its place. */
function addCell(paths: Paths, day: DayTally, x: number, y: number): void {
  const worst = worstOf(day);
  if (worst === undefined) add(paths, "none", `M${x + 5.5} ${y + 6.5}h2`);
  else if (worst === "good" || day.good === 0) add(paths, worst, shape(worst, x, y, CELL));
  else {
    const rest = CELL - HALF - 1;
    add(paths, "good", `M${x} ${y}h${CELL}v${rest}h-${HALF + 1}v${HALF + 1}h-${rest}z`);
    add(paths, worst, shape(worst, x + CELL - HALF, y + CELL - HALF, HALF));
  }
}

/** Weeks from left to right, from Monday down to Sunday. `hasTitles`: each day tells what it holds where a pointer rests on it. */
export function calendar(days: readonly DayTally[], { hasTitles }: { readonly hasTitles: boolean }): Markup {
  const [start] = days;
  if (start === undefined) throw new RangeError("a calendar takes days");
  const offset = (new Date(start.day).getUTCDay() + 6) % 7;
  const place = (index: number): { readonly x: number; readonly y: number } => ({
    x: LEFT + Math.floor((index + offset) / 7) * PITCH,
    y: TOP + ((index + offset) % 7) * PITCH,
  });
  const cells = hasTitles ? titledCells(days, place) : plainCells(days, place);
  const weekdays = (["Mon", "Wed", "Fri", "Sun"] as const).map(
    (name, index) => markup`<text x="0" y="${TOP + index * 2 * PITCH + 10}">${name}</text>`,
  );
  const [width, height] = [Math.max(place(days.length - 1).x + CELL + 1, LEFT + 2 * PITCH), TOP + 7 * PITCH];
  return markup`<svg class="calendar" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${summaryText(days)}">${monthNames(days, place)}${weekdays}${cells}</svg>`;
}

type Place = (index: number) => { readonly x: number; readonly y: number };

function titledCells(days: readonly DayTally[], place: Place): readonly Markup[] {
  return days.map((day, index) => {
    const paths: Paths = new Map();
    addCell(paths, day, place(index).x, place(index).y);
    return markup`<g><title>${longDay(day.day)}: ${tallyText(day)}</title>${drawn(paths)}</g>`;
  });
}

/** Few bytes for each day, of which a large fleet has a hundred thousand. */
function plainCells(days: readonly DayTally[], place: Place): readonly Markup[] {
  const paths: Paths = new Map();
  for (let index = 0; index < days.length; index++) {
    const { x, y } = place(index);
    let end = index;
    while (isAllGood(days[end]) && (end === index || place(end).y > y)) end++;
    if (end > index) {
      add(paths, "run", `M${x + CELL / 2} ${y}v${(end - index) * PITCH - (PITCH - CELL)}`);
      index = end - 1;
      continue;
    }
    const day = days[index];
    if (day !== undefined) addCell(paths, day, x, y);
  }
  return drawn(paths);
}

function isAllGood(day: DayTally | undefined): boolean {
  return day !== undefined && worstOf(day) === "good";
}

function monthNames(days: readonly DayTally[], place: (index: number) => { readonly x: number }): readonly Markup[] {
  let free = 0;
  return days.flatMap(({ day }, index) => {
    const { x } = place(index);
    const begins = new Date(day).getUTCDate() === 1 || index === 0;
    // A name is some 20 pixels wide; one that would run into the next is left out.
    const next = days.findIndex((each, later) => later > index && new Date(each.day).getUTCDate() === 1);
    if (!begins || x < free || (index === 0 && next !== -1 && place(next).x - x < 2 * PITCH)) return [];
    free = x + 2 * PITCH;
    return [markup`<text x="${x}" y="9">${monthOf(day)}</text>`];
  });
}

const STRIP_HEIGHT = 20;
const STRIP_PITCH = 5;

/** The same in a row, for a table: the share of good backups as the height of each bar, the worst of the others above it. */
export function strip(days: readonly DayTally[]): Markup {
  const paths: Paths = new Map();
  for (let index = 0; index < days.length; index++) {
    const x = index * STRIP_PITCH;
    let end = index;
    while (isAllGood(days[end])) end++;
    if (end > index) {
      add(paths, "run", `M${x} ${STRIP_HEIGHT / 2}h${(end - index) * STRIP_PITCH - 1}`);
      index = end - 1;
      continue;
    }
    const day = days[index];
    const worst = day === undefined ? undefined : worstOf(day);
    if (day === undefined || worst === undefined) {
      add(paths, "none", `M${x + 2} ${STRIP_HEIGHT - 1}v1`);
      continue;
    }
    const height = Math.round((12 * day.good) / (day.good + day.unproven + day.failed + day.missed));
    if (height > 0) add(paths, "good", `M${x + 2} ${STRIP_HEIGHT}v-${height}`);
    add(paths, worst, `M${x + 2} 0v6`);
  }
  const width = days.length * STRIP_PITCH;
  return markup`<svg class="strip" width="${width}" height="${STRIP_HEIGHT}" viewBox="0 0 ${width} ${STRIP_HEIGHT}" role="img" aria-label="${summaryText(days)}">${drawn(paths)}</svg>`;
}

const WORDS = { good: "good", unproven: "stored, not proven or verified", failed: "failed", missed: "missed" } as const;

/** What the shapes mean. */
export function legend(): Markup {
  const mixed: Paths = new Map();
  addCell(mixed, { day: 0, good: 1, unproven: 0, failed: 0, missed: 1 }, 0, 0);
  const keys = STATES.map((state) => keyOf(markup`<path class="${state}" d="${shape(state, 0, 0, CELL)}"/>`, WORDS[state]));
  return markup`<p class="legend">${keys}${keyOf(markup`${drawn(mixed)}`, "some of the day's")}</p>`;
}

function keyOf(drawing: Markup, words: string): Markup {
  return markup`<span class="key"><svg class="calendar" width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">${drawing}</svg>${words}</span>`;
}
