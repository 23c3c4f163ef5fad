import { ageText } from "../age-text.ts";
import { formatMilliseconds } from "../format.ts";
import { markup } from "./markup.ts";
import type { Markup } from "./markup.ts";

/** How the page words what it shows. All times are UTC, whoever reads them. */

export const DAY_MS = 86_400_000;

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;

export function monthOf(time: number): string {
  return MONTHS[new Date(time).getUTCMonth()] ?? "";
}

/** `29 Nov`. */
export function dayText(time: number): string {
  return `${new Date(time).getUTCDate()} ${monthOf(time)}`;
}

/** `Sun 29 Nov 2026`. */
export function longDay(time: number): string {
  const date = new Date(time);
  return `${WEEKDAYS[date.getUTCDay()]} ${dayText(time)} ${date.getUTCFullYear()}`;
}

/** `29 Nov 2026, 10:04 UTC`, as an element that machines read too. */
export function timeElement(time: number): Markup {
  const iso = new Date(time).toISOString();
  return markup`<time datetime="${iso.slice(0, 19)}Z">${dayText(time)} ${iso.slice(0, 4)}, ${iso.slice(11, 16)} UTC</time>`;
}

/** `3 backups`, `1 backup`; `of` is the word for one. */
export function counted(count: number, of: string, many = `${of}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? of : many}`;
}

/** `42 s`, `4 min 5 s`, `3 h 5 min`: for labels. */
export function shortDuration(ms: number): string {
  return ms < 3_600_000
    ? formatMilliseconds(ms)
        .replace(/\.0 s$/, " s")
        .replace(/ min 0 s$/, " min")
    : ageText(ms);
}

/** A number as a coordinate of a drawing: a tenth of a pixel is more than anybody sees. */
export function at(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** What was left out of `list` beyond `most`. */
export function first<T>(list: readonly T[], most: number): { readonly shown: readonly T[]; readonly more: number } {
  return { shown: list.slice(0, most), more: Math.max(0, list.length - most) };
}
