import type { ClusterReport, ReportData, ReportFinding } from "../contract/report.ts";
import { isClusterName } from "../documents/layout.ts";
import type { Icon } from "./icons.ts";

/** How each cluster stands: what the table is ordered by, and what the first sentence of the page says. */

export interface Standing {
  readonly cluster: ClusterReport;
  readonly icon: Icon;
  /** `Ready`, ... */
  readonly word: string;
  readonly group: Group;
  readonly findings: readonly ReportFinding[];
  /** Of the part of the page that is about it; safe in a link. */
  readonly anchor: string;
}

export const GROUPS = ["not", "unjudged", "loss", "ready"] as const;
export type Group = (typeof GROUPS)[number];

export const GROUP_WORDS: Readonly<Record<Group, string>> = {
  not: "Not ready",
  unjudged: "Not judged",
  loss: "Ready with loss",
  ready: "Ready",
};

/** The worst first, and among those the ones with most errors. */
export function standingsOf({ clusters, findings }: Pick<ReportData, "clusters" | "findings">): readonly Standing[] {
  const byCluster = Map.groupBy(findings, ({ cluster }) => cluster);
  const standings = clusters.map((cluster, index): Standing => {
    const group = groupOf(cluster);
    // What a store holds may be called anything; what a configuration names is a name.
    const anchor = isClusterName(cluster.name) ? `cluster-${cluster.name}` : `c${index}`;
    return { cluster, group, icon: group, word: GROUP_WORDS[group], findings: byCluster.get(cluster.name) ?? [], anchor };
  });
  const count = ({ findings: own }: Standing, severity: ReportFinding["severity"]): number =>
    own.filter((each) => each.severity === severity).length;
  return standings.toSorted(
    (one, other) =>
      GROUPS.indexOf(one.group) - GROUPS.indexOf(other.group) ||
      count(other, "error") - count(one, "error") ||
      count(other, "warn") - count(one, "warn") ||
      (one.cluster.name < other.cluster.name ? -1 : 1),
  );
}

function groupOf({ verdict }: ClusterReport): Group {
  if (verdict.word === null) return "unjudged";
  return verdict.word === "not ready" ? "not" : verdict.word === "ready" ? "ready" : "loss";
}

/** Whether the newest good snapshot is recent enough; undefined where nothing says how recent it has to be. */
export function isWithinRpo({ good, rpoMs }: ClusterReport): boolean | undefined {
  if (rpoMs === null) return undefined;
  return good !== null && good.ageMs <= rpoMs;
}
