import widthOf from "string-width";
import { printable } from "../shared/format.ts";

export { formatBytes, formatMilliseconds, formatTime, printable } from "../shared/format.ts";

export interface TableLayout {
  /** What the terminal has; undefined for no limit. */
  readonly width?: number | undefined;
  /** Columns that go first, the first one first, where the width does not do. */
  readonly dispensable?: readonly string[];
}

/**
 * Aligned columns without lines, so that they can be copied and cut. Where they are wider than the terminal, dispensable columns go, which a last line says;
 * where that does not do either, each row is written below the last one.
 */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[], layout: TableLayout = {}): string {
  const { width = Infinity, dispensable = [] } = layout;
  for (let gone = 0; gone <= dispensable.length; gone++) {
    const left = dispensable.slice(0, gone);
    const keep = head.map((name) => !left.includes(name));
    const narrowed = (cells: readonly string[]): string[] => cells.filter((_, column) => keep[column]);
    const table = drawTable(narrowed(head), rows.map(narrowed));
    if (table.split("\n").every((line) => line.length <= width))
      return gone === 0 ? table : `${table}\n\nA wider terminal also shows ${left.join(", ")}; --json shows all.`;
  }
  return rows.map((row) => drawRecord(head, row)).join("\n\n");
}

/** Each column as wide as the widest of its cells. By no library: those that draw tables take minutes for ten thousand rows. */
function drawTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  // A cell may have several lines.
  const table = [head, ...rows].map((row) => row.map((cell) => printable(cell).split("\n")));
  const widths = head.map((_, column) => table.reduce((most, row) => Math.max(most, ...(row[column] ?? []).map(displayWidth)), 0));
  const lines = table.flatMap((row) =>
    Array.from({ length: Math.max(...row.map((cell) => cell.length)) }, (_, line) =>
      row
        .map((cell, column) => padded(cell[line] ?? "", widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    ),
  );
  return lines.join("\n");
}

function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - displayWidth(text)));
}

/** In columns of a terminal: some characters take two. */
function displayWidth(text: string): number {
  return /^[ -~]*$/.test(text) ? text.length : widthOf(text);
}

function drawRecord([, ...head]: readonly string[], [first = "", ...cells]: readonly string[]): string {
  const width = Math.max(...head.map((name) => name.length));
  const lines = head.map((name, column) => `  ${name.padEnd(width)}  ${printable(cells[column] ?? "")}`.trimEnd());
  return [printable(first), ...lines.filter((_, column) => (cells[column] ?? "") !== "")].join("\n");
}

/** Breaks lines at spaces where they are longer than `width`, and lets them hang below the value of a `name:  value` line. */
export function wrapText(text: string, width: number | undefined): string {
  if (width === undefined) return text;
  return text
    .split("\n")
    .flatMap((line) => wrapLine(line, width))
    .join("\n");
}

function wrapLine(line: string, width: number): string[] {
  const below = /^\S[^:]*:\s{2,}/.exec(line)?.[0].length ?? Infinity;
  const indent = line.length - line.trimStart().length + 2;
  // A digest may fit the line, but not what a long name leaves of it.
  const longest = Math.max(...line.split(" ").map((word) => word.length));
  const hang = below + longest <= width ? below : indent;
  const lines: string[] = [];
  let rest = line;
  while (rest.length > width) {
    const fitting = rest.lastIndexOf(" ", width);
    // A word that is longer than the line is left whole, so that it can be copied.
    const cut = fitting > hang ? fitting : rest.indexOf(" ", width);
    if (cut === -1) break;
    lines.push(rest.slice(0, cut).trimEnd());
    rest = " ".repeat(hang) + rest.slice(cut + 1);
  }
  return [...lines, rest];
}

/** `name:  value` lines, aligned. */
export function formatFields(fields: readonly (readonly [string, string])[]): string {
  const width = Math.max(...fields.map(([name]) => name.length)) + 1;
  return fields.map(([name, value]) => `${`${name}:`.padEnd(width)}  ${printable(value)}`).join("\n");
}

/** A finding of preflight or doctor: what it is, and what to do about it. */
export function formatFinding(finding: { severity: string; subject: string; message: string; fix: string }): string {
  const { severity, subject, message, fix } = finding;
  return printable(`${severity}: ${subject}: ${message}${fix === "" ? "" : `\n  fix: ${fix}`}`);
}
