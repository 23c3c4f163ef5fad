import type { ReportFinding } from "../contract/report.ts";
import { markup } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { chip, SEVERITY_WORDS } from "./icons.ts";
import type { Standing } from "./standing.ts";
import { counted, first } from "./words.ts";

/** Of one code and cluster so many are shown: a thousand snapshots of one cluster may have the same fault. */
const MOST_OF_CLUSTER = 5;
/** And of one code so many in all. */
const MOST_OF_CODE = 1000;

/** What needs somebody, by what is wrong: the gravest first, and among those what most clusters have. */
export function findingsPart(findings: readonly ReportFinding[], standings: readonly Standing[]): Markup {
  const anchors = new Map(standings.map(({ cluster, anchor }) => [cluster.name, anchor]));
  const groups = [...Map.groupBy(findings, ({ code }) => code).values()].toSorted(compareGroups);
  const body =
    groups.length === 0
      ? markup`<p class="calm">Nothing was found that needs anybody.</p>`
      : markup`<ol class="findings">${groups.map((group) => markup`<li>${groupOf(group, anchors)}</li>`)}</ol>`;
  return markup`<section aria-labelledby="findings"><h2 id="findings">Findings</h2>${body}</section>`;
}

const GRAVEST_FIRST: readonly ReportFinding["severity"][] = ["error", "warn", "info"];

function compareGroups(one: readonly ReportFinding[], other: readonly ReportFinding[]): number {
  const rank = (group: readonly ReportFinding[]): number => GRAVEST_FIRST.indexOf(group[0]?.severity ?? "info");
  return rank(one) - rank(other) || clustersIn(other) - clustersIn(one) || (codeOf(one) < codeOf(other) ? -1 : 1);
}

function codeOf(group: readonly ReportFinding[]): string {
  return group[0]?.code ?? "";
}

function clustersIn(group: readonly ReportFinding[]): number {
  return new Set(group.map(({ cluster }) => cluster)).size;
}

function groupOf(group: readonly ReportFinding[], anchors: ReadonlyMap<string, string>): Markup {
  const [head] = group;
  if (head === undefined) throw new RangeError("a group has findings");
  const clusters = clustersIn(group);
  const where = head.cluster === "" ? "the store" : clusters === 1 ? markup`<bdi>${head.cluster}</bdi>` : counted(clusters, "cluster");
  const fixes = new Set(group.map(({ fix }) => fix));
  const common = fixes.size === 1 && head.fix !== "" ? markup`<p class="fix"><b>Fix</b> ${head.fix}</p>` : undefined;
  const runbook = head.runbook === "" ? undefined : markup`<p class="quiet">Runbook: ${head.runbook}</p>`;
  const shown = [...Map.groupBy(group, ({ cluster }) => cluster).values()].flatMap((own) => {
    const part = first(own, MOST_OF_CLUSTER);
    return part.shown.map((finding, index) => ({ finding, more: index === part.shown.length - 1 ? part.more : 0 }));
  });
  const { shown: rows, more } = first(shown, MOST_OF_CODE);
  const list = rows.map(({ finding, more: ofCluster }) =>
    row(finding, anchors.get(finding.cluster), { isFixShown: fixes.size > 1, more: ofCluster }),
  );
  return markup`<details class="finding ${head.severity}"${open(group.length)}><summary>${chip(head.severity, SEVERITY_WORDS[head.severity])}<span class="means">${capital(head.means.replaceAll("`", ""))}</span><span class="where">${where}</span><code>${head.code}</code></summary>
<div class="body">${common}${runbook}<ul>${list}</ul>${more === 0 ? undefined : markup`<p class="quiet">and ${counted(more, "more finding")}: <code>lifeboat audit</code> shows all</p>`}</div></details>`;
}

/** What is about one or two is short enough to stand there. */
function open(count: number): Markup | undefined {
  return count <= 2 ? markup` open` : undefined;
}

function row(
  { cluster, subject, message, evidence, fix }: ReportFinding,
  anchor: string | undefined,
  { isFixShown, more }: { readonly isFixShown: boolean; readonly more: number },
): Markup {
  const name = markup`<bdi>${subject === "" ? cluster : subject}</bdi>`;
  const told = evidence.length === 0 ? undefined : markup`<span class="quiet">${evidence.join("; ")}</span>`;
  const own = isFixShown && fix !== "" ? markup`<span class="fix"><b>Fix</b> ${fix}</span>` : undefined;
  const rest = more === 0 ? undefined : markup`<span class="quiet">and ${more.toLocaleString("en")} more of this cluster</span>`;
  return markup`<li>${anchor === undefined ? name : markup`<a href="#${anchor}">${name}</a>`} <span>${message}</span>${told}${own}${rest}</li>`;
}

/** As a sentence begins; etcd's name stays as it is. */
export function capital(text: string): string {
  return text.startsWith("etcd") ? text : text.charAt(0).toUpperCase() + text.slice(1);
}
