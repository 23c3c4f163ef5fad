/** A terminal with its lines one after the other, as one SVG without a script: https://www.w3.org/TR/SVG2/, CSS animations. */

export interface RecordedLine {
  /** As it was printed, without colours. */
  readonly text: string;
  /** Milliseconds from the start, as it was printed. */
  readonly atMs: number;
}

const [COLUMN, ROW, MARGIN, BAR] = [8.4, 19, 16, 28];
/** Long enough to read the end before it begins again. */
const REST_MS = 8_000;

/**
 * `columns` is the terminal's width; longer lines are wrapped. Lines that begin with `$ ` are what was typed, with `# ` a comment. Where the reader asks for less motion, everything
 * stands there from the start.
 */
export function terminalSvg(lines: readonly RecordedLine[], columns: number, title: string): string {
  const rows = lines.flatMap((line) =>
    wrap(line.text, columns).map((text, part) => ({ text, atMs: line.atMs, kind: part > 0 ? "" : kindOf(text) })),
  );
  const totalMs = (lines.at(-1)?.atMs ?? 0) + REST_MS;
  const [width, height] = [Math.ceil(columns * COLUMN + 2 * MARGIN), BAR + rows.length * ROW + 2 * MARGIN];
  const starts = [...new Set(rows.map(({ atMs }) => atMs))];
  const frames = starts.map((atMs, index) => {
    const percent = ((atMs / totalMs) * 100).toFixed(2);
    return `@keyframes a${index}{0%,${percent}%{opacity:0}${(Number(percent) + 0.01).toFixed(2)}%,100%{opacity:1}}.a${index}{animation:a${index} ${totalMs}ms infinite}`;
  });
  const texts = rows.map(({ text, atMs, kind }, row) => {
    const y = BAR + MARGIN + row * ROW + 13;
    return `<text class="a${starts.indexOf(atMs)}${kind}" x="${MARGIN}" y="${y}">${escape(text)}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">`,
    `<title>${escape(title)}</title>`,
    `<style>text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#d8dee9;white-space:pre}.t{fill:#8fd0ff;font-weight:600}.c{fill:#8a93a3}${frames.join("")}@media (prefers-reduced-motion:reduce){text{animation:none!important}}</style>`,
    `<rect width="${width}" height="${height}" rx="8" fill="#16191f"/>`,
    ...["#ff5f57", "#febc2e", "#28c840"].map((colour, index) => `<circle cx="${18 + index * 18}" cy="16" r="5.5" fill="${colour}"/>`),
    ...texts,
    "</svg>",
    "",
  ].join("\n");
}

function kindOf(text: string): string {
  return text.startsWith("$ ") ? " t" : text.startsWith("# ") ? " c" : "";
}

/** At spaces where there are some, and further lines are indented. */
function wrap(text: string, columns: number): readonly string[] {
  const rows: string[] = [];
  let rest = text;
  while (rest.length > columns) {
    const space = rest.lastIndexOf(" ", columns);
    const at = space > columns / 2 ? space : columns;
    rows.push(rest.slice(0, at));
    rest = `    ${rest.slice(at).trimStart()}`;
  }
  return [...rows, rest];
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
