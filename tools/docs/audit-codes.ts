import { CODES } from "../../shared/audit/finding.ts";

/** The table of what an audit can find, out of the codes themselves. */

const BEGIN = "<!-- codes: npm run docs -->\n";
const END = "<!-- end of codes -->";

export function withCodes(page: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin === -1 || end === -1) throw new Error(`docs/audit.md has no ${begin === -1 ? BEGIN : END}`);
  const rows = Object.entries(CODES).map(([code, { severity, means, runbook }]) => `| \`${code}\` | ${severity} | ${means} | ${runbook} |`);
  const table = ["| code | severity | it says that | in the runbook |", "| --- | --- | --- | --- |", ...rows].join("\n");
  return `${page.slice(0, begin + BEGIN.length)}${table}\n${page.slice(end)}`;
}
