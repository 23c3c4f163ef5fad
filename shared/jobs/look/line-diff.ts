/** Lines around a change, as `diff -u` shows them. */
const CONTEXT_LINES = 3;
/** Lines that may differ until all between the first and the last of them counts as replaced: what is kept of the way grows with its square, some 8 MB. */
const MOST_EDITS = 1000;

/** Lines `from` to `to` of one text became lines `with.from` to `with.to` of the other: counted from 0, the ends not in it. */
interface Edit {
  readonly before: Span;
  readonly after: Span;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * The hunks of a unified diff, without its two lines of head; empty where both texts are the same. The fewest lines that there can be, up to 1,000 of them (E. W. Myers, An O(ND) Difference Algorithm and Its
 * Variations, 1986). Source of the format: POSIX.1-2024, diff, "Diff -u or -U Output Format".
 */
export function unifiedHunks(before: string, after: string): string {
  const [was, is] = [linesOf(before), linesOf(after)];
  return hunksOf(editsBetween(was, is))
    .map((edits) => hunkText(edits, was, is))
    .join("");
}

/** Each with its end, which the last one may lack. */
function linesOf(text: string): readonly string[] {
  return text.match(/[^\n]*\n|[^\n]+/g) ?? [];
}

function editsBetween(was: readonly string[], is: readonly string[]): readonly Edit[] {
  const most = Math.min(was.length, is.length);
  let start = 0;
  while (start < most && was[start] === is[start]) start++;
  let end = 0;
  while (end < most - start && was.at(-1 - end) === is.at(-1 - end)) end++;
  const [a, b] = numbered(was.slice(start, was.length - end), is.slice(start, is.length - end));
  return editsOf(matchesIn(a, b), a.length, b.length).map(({ before, after }) => ({
    before: { from: before.from + start, to: before.to + start },
    after: { from: after.from + start, to: after.to + start },
  }));
}

/** Lines as numbers, the same for the same text: each is compared many times. */
function numbered(...texts: readonly [readonly string[], readonly string[]]): readonly [Int32Array, Int32Array] {
  const numbers = new Map<string, number>();
  const numberOf = (line: string): number => {
    const number = numbers.get(line) ?? numbers.size;
    numbers.set(line, number);
    return number;
  };
  return [Int32Array.from(texts[0], numberOf), Int32Array.from(texts[1], numberOf)];
}

/** Pairs of lines that stay, from the last to the first; none where more than MOST_EDITS lines differ. */
function matchesIn(a: Int32Array, b: Int32Array): readonly (readonly [number, number])[] {
  const most = Math.min(a.length + b.length, MOST_EDITS);
  // How far each diagonal x - y was followed, and what that was before each step.
  const reached = new Int32Array(2 * most + 3);
  const middle = most + 1;
  const steps: Int32Array[] = [];
  for (let edits = 0; edits <= most; edits++) {
    steps.push(reached.slice(middle - edits - 1, middle + edits + 2));
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      let x = startOf(reached, middle, diagonal, edits);
      while (x < a.length && x - diagonal < b.length && a[x] === b[x - diagonal]) x++;
      reached[middle + diagonal] = x;
      if (x >= a.length && x - diagonal >= b.length) return wayBack(steps, a.length, b.length);
    }
  }
  return [];
}

/** Where step `edits` begins on `diagonal`: one line more of the later text, or of the earlier one. */
function startOf(reached: Int32Array, middle: number, diagonal: number, edits: number): number {
  const [below = 0, above = 0] = [reached[middle + diagonal - 1], reached[middle + diagonal + 1]];
  return diagonal === -edits || (diagonal !== edits && below < above) ? above : below + 1;
}

function wayBack(steps: readonly Int32Array[], aLines: number, bLines: number): readonly (readonly [number, number])[] {
  const matches: (readonly [number, number])[] = [];
  let [x, y] = [aLines, bLines];
  for (const [edits, reached] of [...steps.entries()].toReversed()) {
    const diagonal = x - y;
    const start = edits === 0 ? 0 : startOf(reached, edits + 1, diagonal, edits);
    while (x > start) matches.push([--x, --y]);
    if (edits === 0) break;
    // The step itself: down is a line of the later text, else one of the earlier.
    if (startOf(reached, edits + 1, diagonal, edits) === reached[edits + 2 + diagonal]) y--;
    else x--;
  }
  return matches;
}

/** What lies between lines that stay. */
function editsOf(matches: readonly (readonly [number, number])[], aLines: number, bLines: number): readonly Edit[] {
  const edits: Edit[] = [];
  let [x, y] = [0, 0];
  for (const [nextX, nextY] of [...matches.toReversed(), [aLines, bLines] as const]) {
    if (nextX > x || nextY > y) edits.push({ before: { from: x, to: nextX }, after: { from: y, to: nextY } });
    [x, y] = [nextX + 1, nextY + 1];
  }
  return edits;
}

/** Those that lie so close that what is shown around them meets. */
function hunksOf(edits: readonly Edit[]): readonly (readonly Edit[])[] {
  const hunks: Edit[][] = [];
  for (const edit of edits) {
    const last = hunks.at(-1)?.at(-1);
    if (last !== undefined && edit.before.from - last.before.to <= 2 * CONTEXT_LINES) hunks.at(-1)?.push(edit);
    else hunks.push([edit]);
  }
  return hunks;
}

function hunkText(edits: readonly Edit[], was: readonly string[], is: readonly string[]): string {
  const [first, last] = [edits[0], edits.at(-1)];
  if (first === undefined || last === undefined) return "";
  const lead = Math.min(CONTEXT_LINES, first.before.from);
  const trail = Math.min(CONTEXT_LINES, was.length - last.before.to);
  const lines: string[] = [];
  let at = first.before.from - lead;
  for (const { before, after } of edits) {
    lines.push(marked(" ", was.slice(at, before.from)));
    lines.push(marked("-", was.slice(before.from, before.to)), marked("+", is.slice(after.from, after.to)));
    at = before.to;
  }
  lines.push(marked(" ", was.slice(at, at + trail)));
  const range = (edge: "before" | "after"): string => rangeText(first[edge].from - lead, last[edge].to + trail);
  return `@@ -${range("before")} +${range("after")} @@\n${lines.join("")}`;
}

/** Counted from 1; one line has no count, and of none the line before it is named. */
function rangeText(from: number, to: number): string {
  const count = to - from;
  if (count === 1) return String(from + 1);
  return `${count === 0 ? from : from + 1},${count}`;
}

function marked(sign: string, lines: readonly string[]): string {
  return lines.map((line) => (line.endsWith("\n") ? `${sign}${line}` : `${sign}${line}\n\\ No newline at end of file\n`)).join("");
}
