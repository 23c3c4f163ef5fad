import type { ReportFinding } from "../contract/report.ts";
import { markup } from "./markup.ts";
import type { Markup } from "./markup.ts";

/** Words with a shape beside them: neither needs the other, and no meaning hangs on a colour. */

const CHECK = "M4.6 8.3l2.3 2.3 4.5-5";
const CROSS = "M5.3 5.3l5.4 5.4m0-5.4l-5.4 5.4";

const SHAPES = {
  ready: markup`<circle cx="8" cy="8" r="7" class="full"/><path d="${CHECK}" class="cut"/>`,
  loss: markup`<circle cx="8" cy="8" r="6.2" class="open"/><path d="M8 1.8a6.2 6.2 0 0 0 0 12.4z" class="full"/>`,
  not: markup`<path d="M4.8.8h6.4l4 4v6.4l-4 4H4.8l-4-4V4.8z" class="full"/><path d="${CROSS}" class="cut"/>`,
  unjudged: markup`<circle cx="8" cy="8" r="6.2" class="open dashed"/><path d="M6.2 6.4a1.9 1.9 0 1 1 2.6 1.8c-.6.3-.8.6-.8 1.2m0 1.8v.2" class="open"/>`,
  error: markup`<path d="M4.8.8h6.4l4 4v6.4l-4 4H4.8l-4-4V4.8z" class="full"/><path d="M8 4v4.6m0 2.6v.3" class="cut"/>`,
  warn: markup`<path d="M8 1.2l7.2 13H.8z" class="full"/><path d="M8 6v4m0 2v.2" class="cut"/>`,
  info: markup`<circle cx="8" cy="8" r="6.2" class="open"/><path d="M8 7.4v4m0-6.8v.2" class="open"/>`,
  yes: markup`<path d="${CHECK}" class="open"/>`,
  no: markup`<path d="${CROSS}" class="open"/>`,
  unknown: markup`<path d="M5.6 5.6a2.4 2.4 0 1 1 3.3 2.3c-.7.3-.9.8-.9 1.5m0 2.4v.2" class="open"/>`,
} as const;

export type Icon = keyof typeof SHAPES;

/** Drawn once, and shown wherever `icon` refers to it: there are thousands. */
export const ICONS = markup`<svg class="icons" width="0" height="0" aria-hidden="true">${Object.entries(SHAPES).map(([name, shapes]) => markup`<symbol id="i-${name}" viewBox="0 0 16 16">${shapes}</symbol>`)}</svg>`;

export function icon(name: Icon): Markup {
  return markup`<svg class="icon" aria-hidden="true"><use href="#i-${name}"/></svg>`;
}

/** An icon and its word. */
export function chip(name: Icon, word: string): Markup {
  return markup`<span class="chip ${name}">${icon(name)}<span>${word}</span></span>`;
}

export const SEVERITY_WORDS: Readonly<Record<ReportFinding["severity"], string>> = { error: "Error", warn: "Warning", info: "Note" };

/** A lifebelt: the mark of the page, and its icon in a tab. */
export const BELT = markup`<svg class="belt" viewBox="0 0 32 32" width="32" height="32" aria-hidden="true"><circle cx="16" cy="16" r="10.5" fill="none" stroke="currentColor" stroke-width="8"/><path d="M16 1.5v9m0 11v9M1.5 16h9m11 0h9" class="band"/></svg>`;
