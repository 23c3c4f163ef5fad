import type { ClusterReport } from "../contract/report.ts";
import { formatBytes } from "../format.ts";
import { calendar, legend, tallyText, worstOf } from "./calendar.ts";
import { figuresOf } from "./figures.ts";
import { capital } from "./findings.ts";
import { ageOf, labelsOf } from "./fleet.ts";
import { markup } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { chip, SEVERITY_WORDS } from "./icons.ts";
import type { Standing } from "./standing.ts";
import { counted, first, longDay, shortDuration, timeElement } from "./words.ts";

export interface Detail {
  /** Of a large fleet: fewer marks and points, and a day tells nothing to a pointer, so that the page stays a few MB. */
  readonly isSmall: boolean;
  readonly isOpen: boolean;
}

/** All about one cluster, folded up below its name. */
export function clusterPart(standing: Standing, detail: Detail): Markup {
  const { cluster, anchor, group, word } = standing;
  return markup`<details class="cluster"${detail.isOpen ? markup` open` : undefined}><summary><h3><bdi>${cluster.name}</bdi></h3>${chip(group, word)}${labelsOf(standing)}<span class="quiet age">${ageOf(standing)}</span></summary>
<div class="inside" id="${anchor}">${cluster.isConfigured ? undefined : markup`<p class="note">The configuration does not name this cluster: it is in the store alone.</p>`}
<div class="halves"><div>${verdictOf(cluster, detail)}${ownFindings(standing)}</div><div>${days(cluster, detail)}${facts(cluster)}</div></div>
<div class="figures">${figuresOf(cluster, detail)}</div></div></details>\n`;
}

const ANSWER_WORDS = { yes: "Yes", no: "No", unknown: "Not known" } as const;

function verdictOf({ verdict, name }: ClusterReport, { isSmall }: Detail): Markup | undefined {
  // What holds is one line where there are many clusters.
  const lines = isSmall ? verdict.lines.filter(({ answer }) => answer !== "yes") : verdict.lines;
  const held = isSmall ? verdict.lines.filter(({ answer }) => answer === "yes") : [];
  const rows = lines.map(
    ({ question, answer, evidence, fix }) =>
      markup`<tr class="${answer}"><th scope="row">${capital(question)}</th><td>${chip(answer, ANSWER_WORDS[answer])}</td><td>${evidence}${answer === "yes" || fix === "" ? undefined : markup`<span class="fix"><b>Fix</b> ${fix}</span>`}</td></tr>`,
  );
  const table =
    rows.length === 0
      ? undefined
      : markup`<table class="lines"><thead class="hidden"><tr><th scope="col">Question</th><th scope="col">Answer</th><th scope="col">Evidence</th></tr></thead><tbody>${rows}</tbody></table>`;
  const rest =
    held.length === 0 ? undefined : markup`<p class="quiet">${chip("yes", "Yes")} ${held.map(({ question }) => question).join("; ")}</p>`;
  const asked =
    verdict.askedAt === null
      ? markup`Of what is stored. Nobody asked etcd and the keys: <code>lifeboat ready ${name}</code> does.`
      : markup`Of what is stored; etcd and the keys as they were at ${timeElement(verdict.askedAt)}.`;
  return markup`<h4>Could it come back?</h4>${table}${rest}<p class="quiet">${asked}</p>`;
}

const MOST_FINDINGS = 12;

function ownFindings({ findings }: Standing): Markup | undefined {
  if (findings.length === 0) return undefined;
  const { shown, more } = first(findings, MOST_FINDINGS);
  const list = shown.map(({ severity, message, subject, cluster, code }) => {
    const about = subject === "" || subject === cluster ? undefined : markup`<bdi class="quiet">${subject}</bdi> `;
    return markup`<li>${chip(severity, SEVERITY_WORDS[severity])} ${about}${message} <code>${code}</code></li>`;
  });
  return markup`<h4>Findings</h4><ul class="own">${list}</ul>${more === 0 ? undefined : markup`<p class="quiet">and ${more.toLocaleString("en")} more</p>`}`;
}

const CALENDAR_DAYS = { small: 91, large: 182 } as const;
const MOST_BAD_DAYS = 14;

function days({ days: all, schedule }: ClusterReport, { isSmall }: Detail): Markup {
  const shown = all.slice(isSmall ? -CALENDAR_DAYS.small : -CALENDAR_DAYS.large);
  const due = schedule === null ? undefined : markup` <span class="quiet">${schedule}</span>`;
  if (shown.length === 0) return markup`<h4>Backups${due}</h4><p class="quiet">There was none.</p>`;
  const bad = shown.filter((day) => (worstOf(day) ?? "good") !== "good").toReversed();
  const listed = first(bad, MOST_BAD_DAYS);
  const rows = listed.shown.map((day) => markup`<tr><th scope="row">${longDay(day.day)}</th><td>${tallyText(day)}</td></tr>`);
  const table =
    bad.length === 0
      ? undefined
      : markup`<details class="more"><summary>${counted(bad.length, "day")} not all good</summary><table><thead class="hidden"><tr><th scope="col">Day</th><th scope="col">Backups</th></tr></thead><tbody>${rows}</tbody></table>${listed.more === 0 ? undefined : markup`<p class="quiet">and ${counted(listed.more, "earlier day")}</p>`}</details>`;
  return markup`<h4>Backups${due}</h4>${calendar(shown, { hasTitles: !isSmall })}${isSmall ? undefined : legend()}${table}`;
}

function facts(cluster: ClusterReport): Markup {
  const { stored, database, custody, drills, good } = cluster;
  const drill = drills.at(-1);
  const rows: readonly (readonly [string, Markup | string])[] = [
    ["Stored", `${counted(stored.snapshots, "snapshot")}, ${stored.good.toLocaleString("en")} good, ${formatBytes(stored.bytes)}`],
    ...(stored.oldest === null ? [] : [["Oldest", timeElement(stored.oldest)] as const]),
    ...(good === null ? [] : [["Last good", markup`<code>${good.id}</code>`] as const]),
    ...(database === null || database.etcdVersion === null
      ? []
      : [
          [
            "etcd",
            [
              database.etcdVersion,
              database.members === null ? null : counted(database.members, "voting member"),
              database.liveKeys === null ? null : counted(database.liveKeys, "key"),
            ]
              .filter((part) => part !== null)
              .join(", "),
          ] as const,
        ]),
    ...(drill === undefined
      ? []
      : [
          [
            "Last drill",
            markup`${timeElement(drill.at)}${drill.ok ? (drill.restoreMs === null ? undefined : `, restored in ${shortDuration(drill.restoreMs)}`) : `, failed: ${drill.reason ?? "it does not say why"}`}`,
          ] as const,
        ]),
    ...(custody === null
      ? []
      : [
          [
            "Custody log",
            markup`${counted(custody.records, "record")}${custody.head === null ? undefined : markup`<br><code>${custody.head}</code>`}`,
          ] as const,
        ]),
  ];
  return markup`<dl class="facts">${rows.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}
