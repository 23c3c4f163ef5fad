import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Labels } from "../../shared/config/labels.ts";
import type { FleetCluster } from "../../shared/jobs/fleet.ts";
import { escapedLabel, metricsText } from "../../shared/jobs/metrics.ts";

const SNAPSHOT = {
  id: "20261121T100000Z",
  startedAt: "2026-11-21T10:00:00.500Z",
  createdAt: "2026-11-21T10:00:02.000Z",
  databaseBytes: 1_646_592,
  storedBytes: 234_567,
  revision: 4242,
  lineage: 1,
};
const PROD: FleetCluster = {
  cluster: "prod",
  rpoMs: 7_200_000,
  hint: "ok",
  problems: [],
  stored: {
    snapshots: 4,
    storedBytes: 938_268,
    good: 2,
    notVerified: 1,
    quarantined: 1,
    unbelieved: 0,
    newest: SNAPSHOT,
    newestGood: { ...SNAPSHOT, ageMs: 60_000 },
    lineage: 1,
    attention: undefined,
    drill: { id: SNAPSHOT.id, at: "2026-11-20T00:00:00.000Z", failed: false },
  },
};
const UNREAD: FleetCluster = { cluster: "edge", rpoMs: undefined, hint: "unknown", problems: ["no"], stored: undefined };
const RUN = {
  version: "1.2.3",
  at: new Date("2026-11-21T10:01:02.000Z"),
  tookMs: 250,
  labelsOf: (name: string): Labels => (name === "edge" ? { env: "lab", team: "a b" } : {}),
};

const text = (...clusters: readonly FleetCluster[]): string => [...metricsText(clusters, RUN)].join("");
const samples = (...clusters: readonly FleetCluster[]): readonly string[] =>
  text(...clusters)
    .split("\n")
    .filter((line) => !/^#|^$/.test(line));

describe("metrics", () => {
  test("tell of each cluster what is known of it, in base units", () => {
    expect(samples(PROD, UNREAD)).toEqual([
      'lifeboat_build_info{version="1.2.3"} 1',
      "lifeboat_metrics_timestamp_seconds 1795255262",
      "lifeboat_metrics_duration_seconds 0.25",
      'lifeboat_cluster_readable{cluster="prod"} 1',
      'lifeboat_cluster_readable{cluster="edge",env="lab",team="a b"} 0',
      'lifeboat_cluster_configured{cluster="prod"} 1',
      'lifeboat_cluster_configured{cluster="edge",env="lab",team="a b"} 0',
      'lifeboat_rpo_seconds{cluster="prod"} 7200',
      'lifeboat_problems{cluster="prod"} 0',
      'lifeboat_problems{cluster="edge",env="lab",team="a b"} 1',
      'lifeboat_snapshots{cluster="prod"} 4',
      'lifeboat_good_snapshots{cluster="prod"} 2',
      'lifeboat_unverified_snapshots{cluster="prod"} 1',
      'lifeboat_quarantined_snapshots{cluster="prod"} 1',
      'lifeboat_unbelieved_snapshots{cluster="prod"} 0',
      'lifeboat_stored_bytes{cluster="prod"} 938268',
      'lifeboat_newest_snapshot_timestamp_seconds{cluster="prod"} 1795255202',
      'lifeboat_newest_good_snapshot_timestamp_seconds{cluster="prod"} 1795255202',
      'lifeboat_newest_good_snapshot_duration_seconds{cluster="prod"} 1.5',
      'lifeboat_newest_good_snapshot_database_bytes{cluster="prod"} 1646592',
      'lifeboat_newest_good_snapshot_stored_bytes{cluster="prod"} 234567',
      'lifeboat_newest_good_snapshot_revision{cluster="prod"} 4242',
      'lifeboat_lineage{cluster="prod"} 1',
      'lifeboat_lineage_waits{cluster="prod"} 0',
      'lifeboat_newest_drill_timestamp_seconds{cluster="prod"} 1795132800',
      'lifeboat_newest_drill_failed{cluster="prod"} 0',
    ]);
  });

  test("have a HELP and a TYPE each, once and before their samples, and no empty family", () => {
    const lines = text(UNREAD).trimEnd().split("\n");
    for (const [index, line] of lines.entries()) {
      if (!line.startsWith("# HELP ")) continue;
      const name = line.split(" ")[2];
      expect(lines[index + 1]).toBe(`# TYPE ${name} gauge`);
      expect(lines[index + 2]).toMatch(new RegExp(`^${name}[{ ]`));
    }
    expect(lines.filter((line) => line.startsWith("# HELP ")).map((line) => line.split(" ")[2])).toEqual([
      "lifeboat_build_info",
      "lifeboat_metrics_timestamp_seconds",
      "lifeboat_metrics_duration_seconds",
      "lifeboat_cluster_readable",
      "lifeboat_cluster_configured",
      "lifeboat_problems",
    ]);
  });

  test("escape what the format has a meaning for", () => expect(escapedLabel('a\\b"c\nd')).toBe('a\\\\b\\"c\\nd'));
});

/** Names of metrics in a text. */
function namesIn(words: string): ReadonlySet<string> {
  return new Set(words.match(/\blifeboat_\w+/g));
}

const example = (name: string): Promise<string> => readFile(new URL(`../../examples/prometheus/${name}`, import.meta.url), "utf8");

describe("the examples", () => {
  const known = namesIn(text(PROD));

  test.each(["alerts.yaml", "alerts.test.yaml", "dashboard.json"])("%s speaks of metrics that there are", async (name) => {
    expect([...namesIn(await example(name))].filter((each) => !known.has(each))).toEqual([]);
  });

  test("the dashboard shows every metric but the version's", async () => {
    const shown = namesIn(await example("dashboard.json"));
    const alerts = namesIn(await example("alerts.yaml"));
    expect([...known].filter((name) => !shown.has(name) && !alerts.has(name))).toEqual([
      "lifeboat_build_info",
      "lifeboat_metrics_duration_seconds",
      "lifeboat_newest_good_snapshot_stored_bytes",
      "lifeboat_lineage",
    ]);
  });

  test("each alert names a heading of the runbook", async () => {
    const runbook = await readFile(new URL("../../docs/runbook.md", import.meta.url), "utf8");
    const headings = [...(await example("alerts.yaml")).matchAll(/runbook: "docs\/runbook\.md, (.*)"/g)].map(([, heading]) => heading);
    expect(headings).toHaveLength(10);
    expect(headings.filter((heading) => !runbook.includes(`\n## ${heading}\n`))).toEqual([]);
  });

  test("no two panels of the dashboard have one place", async () => {
    const dashboard = z
      .object({
        panels: z.array(z.object({ id: z.number(), gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }) })),
      })
      .parse(JSON.parse(await example("dashboard.json")));
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });
});
