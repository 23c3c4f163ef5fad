import type { ReportData } from "../contract/report.ts";
import { ageText } from "../age-text.ts";
import { formatBytes } from "../format.ts";
import { markup } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { BELT, icon } from "./icons.ts";
import { GROUP_WORDS, GROUPS, isWithinRpo } from "./standing.ts";
import type { Group, Standing } from "./standing.ts";
import { counted, DAY_MS, shortDuration, timeElement } from "./words.ts";

/** The first thing that is read: whether all could come back, in one sentence, and the numbers behind it. */
export function summary(data: ReportData, standings: readonly Standing[]): Markup {
  return markup`<header class="top"><p class="made">${BELT}<span><b>Backup report</b> &middot; ${timeElement(data.madeAt)}<br><span class="quiet">${data.location} &middot; ${data.tool}</span></span></p>
<h1>${headline(standings)}</h1>
${bar(standings)}
<dl class="numbers">${numbers(data).map(
    ([name, value, note]) => markup`<div><dt>${name}</dt><dd>${value}</dd><dd class="quiet">${note}</dd></div>`,
  )}</dl></header>`;
}

function countIn(standings: readonly Standing[], group: Group): number {
  return standings.filter((each) => each.group === group).length;
}

function headline(standings: readonly Standing[]): string {
  const total = standings.length;
  if (total === 0) return "There is no cluster to report on.";
  const [ready, unjudged] = [countIn(standings, "ready"), countIn(standings, "unjudged")];
  if (total === 1) {
    const [only] = standings;
    if (unjudged === 0) return `The only cluster is ${ready === 1 ? "ready" : "not ready"} to come back.`;
    return `The only cluster has ${only !== undefined && isWithinRpo(only.cluster) === true ? "a" : "no"} good backup within the rpo.`;
  }
  if (unjudged === total) {
    const within = standings.filter(({ cluster }) => isWithinRpo(cluster) === true).length;
    return `${shareOf(within, total)} ${within === 1 ? "has" : "have"} a good backup within the rpo.`;
  }
  return `${shareOf(ready, total)} ${ready === 1 ? "is" : "are"} ready to come back.`;
}

function shareOf(count: number, total: number): string {
  if (count === total) return `All ${counted(total, "cluster")}`;
  return `${count === 0 ? "None" : count.toLocaleString("en")} of ${counted(total, "cluster")}`;
}

const BAR_WIDTH = 1000;

/** The verdicts as shares of one bar, the ready first, with their numbers below. */
function bar(standings: readonly Standing[]): Markup | undefined {
  if (standings.length === 0) return undefined;
  const groups = GROUPS.toReversed()
    .map((group) => ({ group, count: countIn(standings, group) }))
    .filter(({ count }) => count > 0);
  let x = 0;
  const parts = groups.map(({ group, count }) => {
    // One of a thousand is still seen.
    const width = Math.max(4, (count / standings.length) * BAR_WIDTH);
    const part = markup`<rect class="${group}" x="${Math.round(x)}" width="${Math.round(width)}" height="10"/>`;
    x += width + 3;
    return part;
  });
  const names = groups.map(
    ({ group, count }) =>
      markup`<li class="${group}">${icon(group)}<b>${count.toLocaleString("en")}</b> ${GROUP_WORDS[group].toLowerCase()}</li>`,
  );
  return markup`<svg class="shares" viewBox="0 0 ${Math.round(x - 3)} 10" preserveAspectRatio="none" aria-hidden="true">${parts}</svg><ul class="groups">${names}</ul>`;
}

function numbers({ clusters, madeAt }: ReportData): readonly (readonly [name: string, value: string, note: string])[] {
  const ages = clusters
    .flatMap(({ good, name }) => (good === null ? [] : [{ ageMs: good.ageMs, name }]))
    .toSorted((one, other) => other.ageMs - one.ageMs);
  const restores = clusters
    .flatMap(({ drills, name }) => {
      const restoreMs = drills.findLast(({ ok }) => ok)?.restoreMs ?? null;
      return restoreMs === null ? [] : [{ restoreMs, name }];
    })
    .toSorted((one, other) => other.restoreMs - one.restoreMs);
  const recent = clusters.flatMap(({ days }) => days.filter(({ day }) => day > madeAt - 7 * DAY_MS));
  const sum = (of: (each: (typeof recent)[number]) => number): number => recent.reduce((total, each) => total + of(each), 0);
  const [good, due] = [sum((day) => day.good), sum((day) => day.good + day.unproven + day.failed + day.missed)];
  const [oldest, slowest] = [ages[0], restores[0]];
  const bytes = clusters.reduce((total, { stored }) => total + stored.bytes, 0);
  const snapshots = clusters.reduce((total, { stored }) => total + stored.snapshots, 0);
  return [
    [
      "Good backups this week",
      due === 0 ? "none due" : percent(good, due),
      due === 0 ? "" : `${good.toLocaleString("en")} of ${due.toLocaleString("en")}`,
    ],
    [
      "Most data at risk",
      oldest === undefined ? "no good backup" : ageText(oldest.ageMs),
      oldest === undefined ? "" : `since the last good backup of ${oldest.name}`,
    ],
    [
      "Slowest restore",
      slowest === undefined ? "never tried" : shortDuration(slowest.restoreMs),
      slowest === undefined
        ? "no drill has succeeded"
        : `${slowest.name}; ${restores.length.toLocaleString("en")} of ${clusters.length.toLocaleString("en")} rehearsed`,
    ],
    ["Stored", formatBytes(bytes), counted(snapshots, "snapshot")],
  ];
}

/** Never 100 % where one is missing. */
function percent(part: number, whole: number): string {
  const share = (part / whole) * 100;
  return `${part === whole ? 100 : Math.min(99.9, Math.floor(share * 10) / 10)} %`;
}
