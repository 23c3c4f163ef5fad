import { createHash } from "node:crypto";
import type { ReportData } from "../contract/report.ts";
import { legend } from "./calendar.ts";
import { clusterPart } from "./cluster.ts";
import { findingsPart } from "./findings.ts";
import { fleet } from "./fleet.ts";
import { ICONS } from "./icons.ts";
import { markup } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { standingsOf } from "./standing.ts";
import { STYLE } from "./style.ts";
import { summary } from "./summary.ts";

/** Fleets up to this many have all marks and points; larger ones smaller charts. See docs/decisions/0031. */
const MOST_LARGE = 100;
/** So many clusters stand there unfolded. */
const MOST_OPEN = 6;

/**
 * What every page begins with. The policy stands before anything else, so that a browser obeys it for all that follows: no script, no request, no style but the page's own. What begins otherwise
 * is no page of ours.
 */
const OPENING =
  "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-STYLE'; img-src data:; base-uri 'none'; form-action 'none'\">";

const [BEFORE_HASH = "", AFTER_HASH = ""] = OPENING.split("STYLE");

/** Whether `text` begins as a page does: whatever follows, a browser runs no script of it. */
export function isPage(text: string): boolean {
  if (!text.startsWith(BEFORE_HASH)) return false;
  const rest = text.slice(BEFORE_HASH.length);
  return /^[A-Za-z0-9+/]{43}=/.test(rest) && rest.slice(44).startsWith(AFTER_HASH);
}

const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Ccircle cx='16' cy='16' r='10.5' fill='none' stroke='%23c2410c' stroke-width='8'/%3E%3Cpath d='M16 1.5v9m0 11v9M1.5 16h9m11 0h9' stroke='%23fff' stroke-width='5'/%3E%3C/svg%3E";

/** The page: one file that asks for nothing else, and runs nothing. Pure. */
export function page(data: ReportData): string {
  const standings = standingsOf(data);
  const isSmall = standings.length > MOST_LARGE;
  const hash = createHash("sha256").update(STYLE).digest("base64");
  const parts = standings.map((standing, index) =>
    clusterPart(standing, { isSmall, isOpen: standings.length <= MOST_OPEN || (index === 0 && standing.group === "not") }),
  );
  const clusters = markup`<section aria-labelledby="each" class="${isSmall ? "each many" : "each"}"><h2 id="each">Each cluster</h2>${isSmall ? legend() : undefined}${parts}</section>`;
  const body = markup`<title>${titleOf(data)}</title><meta name="viewport" content="width=device-width,initial-scale=1"/><meta name="color-scheme" content="light dark"/><meta name="referrer" content="no-referrer"/><meta name="robots" content="noindex"/><link rel="icon" href="${ICON}"/>`;
  return `${BEFORE_HASH}${hash}${AFTER_HASH}${body.text}<style>${STYLE}</style></head>\n<body><a class="skip" href="#main">Skip to the findings</a>${ICONS.text}\n${summary(data, standings).text}\n<main id="main">${findingsPart(data.findings, standings).text}\n${fleet(standings).text}\n${clusters.text}</main>\n${footer().text}</body></html>\n`;
}

function titleOf({ clusters }: ReportData): string {
  const [only] = clusters;
  return clusters.length === 1 && only !== undefined ? `Backups of ${only.name}` : `Backups of ${clusters.length} clusters`;
}

function footer(): Markup {
  return markup`<footer><h2>How to read this page</h2><dl><div><dt>Good</dt><dd> Proven against the cluster&rsquo;s own hashes, read back from the store, and countersigned by another role. Only a good backup counts. </dd></div><div><dt>Ready</dt><dd> Everything that a restore takes was found in its place, and the last good backup is recent enough. What is not known never counts as ready. </dd></div><div><dt>Data at risk</dt><dd>How old the newest good backup was at its worst on that day: what was written since would have been lost.</dd></div><div><dt>Restore</dt><dd>How long a rehearsed restore took, from the stored bytes to an etcd that serves.</dd></div><div><dt>Times</dt><dd> All are in UTC, as of when the page was made. This page is not signed: <code>lifeboat audit</code> checks the signatures behind it. </dd></div></dl></footer>`;
}
