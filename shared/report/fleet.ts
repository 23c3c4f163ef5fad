import { ageText } from "../age-text.ts";
import { labelsText } from "../config/labels.ts";
import { formatBytes } from "../format.ts";
import { strip, summaryText } from "./calendar.ts";
import { markup } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { chip, icon, SEVERITY_WORDS } from "./icons.ts";
import { GROUP_WORDS, GROUPS, isWithinRpo } from "./standing.ts";
import type { Group, Standing } from "./standing.ts";
import { shortDuration } from "./words.ts";

const STRIP_DAYS = 30;
/** Fewer are seen at once. */
const FEWEST_TO_FILTER = 8;

/**
 * One row for each cluster, the worst first. Which rows are shown is chosen without a script: by radio buttons that the style looks at. The roles are those of a table anyway, and stay where a narrow
 * page lays its rows out in another way.
 */
export function fleet(standings: readonly Standing[]): Markup {
  const filter = standings.length < FEWEST_TO_FILTER ? undefined : filterOf(standings);
  return markup`<section aria-labelledby="fleet" class="fleet"><h2 id="fleet">Clusters</h2>${filter}
<div class="scroll" role="region" aria-label="Table of clusters" tabindex="0"><table role="table">
<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">Cluster</th><th scope="col" role="columnheader">Verdict</th><th scope="col" role="columnheader">Last good backup</th><th scope="col" role="columnheader">${STRIP_DAYS} days</th><th scope="col" role="columnheader" class="n wide">Restore takes</th><th scope="col" role="columnheader" class="n wide">Database</th><th scope="col" role="columnheader" class="n wide">Stored</th><th scope="col" role="columnheader">Findings</th></tr></thead>
<tbody role="rowgroup">${standings.map(row)}</tbody></table></div></section>`;
}

function filterOf(standings: readonly Standing[]): Markup {
  const option = (id: string, name: string, count: number, isChosen: boolean): Markup =>
    markup`<label><input type="radio" name="show" value="${id}"${isChosen ? markup` checked` : undefined}/><span>${name} <b>${count.toLocaleString("en")}</b></span></label>`;
  const groups = GROUPS.flatMap((group: Group) => {
    const count = standings.filter((each) => each.group === group).length;
    return count === 0 ? [] : [option(group, GROUP_WORDS[group], count, false)];
  });
  return markup`<fieldset class="filter"><legend>Show</legend>${option("all", "All", standings.length, true)}${groups}</fieldset>`;
}

function row(standing: Standing): Markup {
  const { cluster, anchor, group, word, findings } = standing;
  const { database, stored, days, drills } = cluster;
  const recent = days.slice(-STRIP_DAYS);
  return markup`<tr class="${group}" role="row"><th scope="row" role="rowheader"><a href="#${anchor}"><bdi>${cluster.name}</bdi></a>${labelsOf(standing)}</th><td role="cell">${chip(group, word)}</td><td role="cell">${ageOf(standing)}</td><td role="cell">${recent.length === 0 ? markup`<span class="quiet">${summaryText(recent)}</span>` : strip(recent)}</td><td role="cell" class="n wide">${restoreOf(drills)}</td><td role="cell" class="n wide">${database === null ? "-" : formatBytes(database.bytes)}</td><td role="cell" class="n wide">${formatBytes(stored.bytes)}</td><td role="cell">${countsOf(findings)}</td></tr>\n`;
}

/** Below the name: what is not there takes no place of the table. */
export function labelsOf({ cluster }: Pick<Standing, "cluster">): Markup | undefined {
  const text = labelsText(cluster.labels);
  return text === "" ? undefined : markup`<span class="labels quiet">${text.replaceAll(",", ", ")}</span>`;
}

/** Of the last drill alone: that an earlier one went well says little. */
function restoreOf(drills: Standing["cluster"]["drills"]): Markup {
  const last = drills.at(-1);
  if (last === undefined) return markup`<span class="quiet">never tried</span>`;
  return last.ok && last.restoreMs !== null
    ? markup`${shortDuration(last.restoreMs)}`
    : markup`<span class="bad">${icon("no")}failed</span>`;
}

/** `34 min ago rpo 2 h`, with a mark where it is too much. */
export function ageOf({ cluster }: Pick<Standing, "cluster">): Markup {
  const { good, rpoMs } = cluster;
  if (good === null) return markup`<span class="bad">${icon("no")}none</span>`;
  const age = markup`<b>${ageText(good.ageMs)}</b> ago`;
  const asked = rpoMs === null ? undefined : markup` <span class="quiet">rpo ${ageText(rpoMs)}</span>`;
  return isWithinRpo(cluster) === false
    ? markup`<span class="bad">${icon("no")}${age}</span>${asked}`
    : markup`<span>${age}</span>${asked}`;
}

function countsOf(findings: Standing["findings"]): Markup {
  if (findings.length === 0) return markup`<span class="quiet">none</span>`;
  const counts = (["error", "warn", "info"] as const).flatMap((severity) => {
    const count = findings.filter((each) => each.severity === severity).length;
    return count === 0
      ? []
      : [
          markup`<span class="chip ${severity}">${icon(severity)}<span>${count}<span class="hidden"> ${SEVERITY_WORDS[severity].toLowerCase()}${count === 1 ? "" : "s"}</span></span></span>`,
        ];
  });
  return markup`<span class="chips">${counts}</span>`;
}
