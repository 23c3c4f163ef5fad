import { ageText } from "../shared/age-text.ts";
import { SEVERITIES } from "../shared/audit/finding.ts";
import type { Finding, Severity } from "../shared/audit/finding.ts";
import { labelsOf, labelsText } from "../shared/config/labels.ts";
import type { Labels } from "../shared/config/labels.ts";
import type { JsonDocument } from "../shared/contract/documents.ts";
import { LifeboatError } from "../shared/errors.ts";
import { auditClusters, clustersToAudit } from "../shared/jobs/audit/audit.ts";
import type { AuditedCluster } from "../shared/jobs/audit/audit.ts";
import { gatherStore } from "../shared/jobs/audit/gather.ts";
import { auditPolicyIn } from "../shared/wire/audit.ts";
import { auditMemoryOf } from "./audit-memory.ts";
import { auditReport } from "./audit-reports.ts";
import type { Register } from "./command.ts";
import { print, printJson } from "./console.ts";
import { printable } from "./format.ts";
import { addLabelOption, labelledClusters } from "./label-option.ts";
import type { LabelOptions } from "./label-option.ts";
import { requireCluster } from "./require-cluster.ts";
import { keepMemorySteady } from "./steady-memory.ts";

interface Options extends LabelOptions {
  readonly failOn: string;
  readonly full?: boolean;
  readonly format?: string;
}

const FAIL_ON = ["error", "warn"] as const;

/** `lifeboat audit`. */
export const registerAudit: Register = (program, run) => {
  const command = program
    .command("audit")
    .summary("hold what is stored against the configuration: findings, with evidence")
    .description(
      "Hold everything that is stored against the configuration: age and history of backups, signatures, data, locks, retention, custody, lineages, drills, keys, recipients and replicas, and clusters that are known on one side only. Reads metadata only, and changes nothing.",
    )
    .argument("[cluster...]", "only these clusters (default: all of the configuration and the store)")
    .option("--fail-on <severity>", "exit with code 6 from this severity on: warn or error", "error")
    .option("--full", "read every record and document, and compare the catalog with them")
    .option("--format <format>", "sarif or junit, for a CI system")
    .addHelpText(
      "after",
      "\nExamples:\n  $ lifeboat audit\n  $ lifeboat audit prod --full --fail-on warn\n  $ lifeboat audit --label team=a",
    );
  addLabelOption(command).action((names: readonly string[], options: Options) =>
    run(async (session) => {
      // Else few documents are read of each cluster, and a fifth of the time is worth the memory, which stays below 500 MB.
      if (options.full === true) keepMemorySteady();
      const failOn = oneOf("fail-on", options.failOn, FAIL_ON);
      const format = options.format === undefined ? undefined : oneOf("format", options.format, ["sarif", "junit"] as const);
      if (format !== undefined && session.json) throw new LifeboatError("usage", `--json and --format ${format} are two formats; give one`);
      const loaded = await session.loadConfig();
      const { config } = loaded;
      const labelled = await labelledClusters(session, options, names);
      const opened = await session.openToRead();
      for (const name of names) await requireCluster(session, opened.blobs, name);
      const full = options.full === true;
      const at = opened.clock.now();
      const clusters =
        labelled?.toSorted() ??
        (names.length === 0 ? await clustersToAudit(opened.blobs, Object.keys(config.clusters)) : [...new Set(names)].toSorted());
      const ports = { ...opened, auditPolicyOf: auditPolicyIn(loaded), memory: auditMemoryOf(session, opened.blobs.location) };
      const ofStore = await gatherStore(ports, config.store.kind === "kopia");
      const audited: AuditedCluster[] = [];
      const isText = !session.json && format === undefined;
      for await (const each of auditClusters(ports, clusters, ofStore, { full, signal: opened.signal })) {
        audited.push(each);
        if (isText)
          for (const finding of each.findings) print(session.console, `${describe(finding, labelsText(labelsOf(config, each.cluster)))}\n`);
      }
      const findings = audited.flatMap((each) => each.findings);
      const isOk = !findings.some(({ severity }) => SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(failOn));
      if (session.json)
        printJson(
          session.console,
          "audit",
          toJson({ at, full, failOn, isOk, audited, findings, labels: (cluster) => labelsOf(config, cluster) }),
        );
      else if (format === undefined) print(session.console, summarize(audited, findings, opened.blobs.location));
      else session.console.stdout.write(auditReport(format, audited, (cluster) => labelsText(labelsOf(config, cluster))));
      return isOk ? 0 : 6;
    }),
  );
};

/** As doctor's findings are printed, with what it was told by, and whose cluster it is. */
function describe({ severity, code, cluster, subject, message, evidence, fix, runbook }: Finding, labels: string): string {
  const about = subject === cluster || subject.startsWith(`${cluster}/`) ? subject : `${cluster}: ${subject}`;
  const told = evidence.length === 0 ? "" : ` (${evidence.join("; ")})`;
  const where = labels === "" ? about : `${about} {${labels}}`;
  return printable(`${severity}: ${where}: ${message}${told}\n  fix: ${fix}\n  see: ${runbook} [${code}]`);
}

function summarize(audited: readonly AuditedCluster[], findings: readonly Finding[], location: string): string {
  const counts = countsOf(findings);
  const parts = [
    counts.error === 0 ? [] : [counts.error === 1 ? "1 error" : `${counts.error} errors`],
    counts.warn === 0 ? [] : [counts.warn === 1 ? "1 warning" : `${counts.warn} warnings`],
    counts.info === 0 ? [] : [counts.info === 1 ? "1 note" : `${counts.info} notes`],
  ].flat();
  const [only, ...others] = audited;
  const what = only !== undefined && others.length === 0 ? aboutOne(only) : `${audited.length} clusters in ${location}`;
  return `${what}: ${parts.length === 0 ? "nothing to say" : parts.join(", ")}`;
}

function aboutOne({ cluster, snapshots, good }: AuditedCluster): string {
  if (snapshots === undefined) return cluster;
  const newest = good === undefined ? "" : `, the newest ${ageText(good.ageMs)} old`;
  return `${cluster}, ${snapshots.good} of ${snapshots.all} ${snapshots.all === 1 ? "snapshot" : "snapshots"} good${newest}`;
}

function countsOf(findings: readonly Finding[]): Readonly<Record<Severity, number>> {
  const counts = { error: 0, warn: 0, info: 0 };
  for (const { severity } of findings) counts[severity]++;
  return counts;
}

function oneOf<Word extends string>(option: string, text: string, words: readonly Word[]): Word {
  const word = words.find((each) => each === text);
  if (word === undefined) throw new LifeboatError("usage", `--${option} ${text} is none`, { hint: `give ${words.join(" or ")}` });
  return word;
}

function toJson({
  at,
  full,
  failOn,
  isOk,
  audited,
  findings,
  labels,
}: {
  readonly at: Date;
  readonly full: boolean;
  readonly failOn: (typeof FAIL_ON)[number];
  readonly isOk: boolean;
  readonly audited: readonly AuditedCluster[];
  readonly findings: readonly Finding[];
  readonly labels: (cluster: string) => Labels;
}): JsonDocument<"audit"> {
  return {
    at: at.toISOString(),
    full,
    failOn,
    ok: isOk,
    counts: countsOf(findings),
    clusters: audited.map(({ cluster, isConfigured, snapshots, good }) => ({
      cluster,
      labels: labels(cluster),
      configured: isConfigured,
      snapshots: snapshots ?? null,
      good:
        good === undefined
          ? null
          : { ref: `${cluster}/${good.id}`, takenAt: new Date(good.createdAt).toISOString(), ageSeconds: Math.floor(good.ageMs / 1000) },
    })),
    findings,
  };
}
