import { CODES } from "../shared/audit/finding.ts";
import type { Finding, Severity } from "../shared/audit/finding.ts";
import type { AuditedCluster } from "../shared/jobs/audit/audit.ts";
import { TOOL } from "../shared/version.ts";

/** Findings of an audit in formats that CI systems show. */

type ReportFormat = "sarif" | "junit";

/** `labelsOf`: those of a cluster as text, `team=a`. */
export function auditReport(format: ReportFormat, audited: readonly AuditedCluster[], labelsOf: (cluster: string) => string): string {
  return format === "sarif"
    ? sarif(
        audited.flatMap(({ findings }) => findings),
        labelsOf,
      )
    : junit(audited);
}

/** https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html, 3.27.10 */
const LEVELS: Readonly<Record<Severity, string>> = { error: "error", warn: "warning", info: "note" };

/** SARIF 2.1.0. A finding has no place in a file: its logical location is what it is about. */
function sarif(findings: readonly Finding[], labelsOf: (cluster: string) => string): string {
  const rules = Object.entries(CODES).map(([id, { severity, means, runbook }]) => ({
    id,
    shortDescription: { text: means },
    help: { text: `docs/runbook.md, "${runbook}"` },
    defaultConfiguration: { level: LEVELS[severity] },
  }));
  const results = findings.map(({ code, severity, cluster, subject, message, evidence, fix }) => ({
    ruleId: code,
    level: LEVELS[severity],
    message: { text: [`${subject}: ${message}`, ...evidence, `fix: ${fix}`].join("\n") },
    locations: [{ logicalLocations: [{ name: subject, fullyQualifiedName: `${cluster}: ${subject}`, kind: "resource" }] }],
    // 3.8.2: tags are how viewers group results.
    ...(labelsOf(cluster) === "" ? {} : { properties: { tags: labelsOf(cluster).split(",") } }),
    // So that a system knows a finding again that it has seen.
    partialFingerprints: { "lifeboat/v1": `${cluster} ${code} ${subject}` },
  }));
  const driver = { name: TOOL.name, version: TOOL.version, rules };
  return `${JSON.stringify({ $schema: "https://json.schemastore.org/sarif-2.1.0.json", version: "2.1.0", runs: [{ tool: { driver }, results }] }, undefined, 2)}\n`;
}

/** JUnit's XML as Jenkins and GitLab read it: a suite for each cluster, a case for each code. What is only to be known is no failure. */
function junit(audited: readonly AuditedCluster[]): string {
  const suites = audited.map(({ cluster, findings }) => {
    const byCode = Map.groupBy(findings, ({ code }): string => code);
    const cases = Object.keys(CODES).map((code) => {
      const failures = (byCode.get(code) ?? []).filter(({ severity }) => severity !== "info");
      const head = `    <testcase classname=${quoted(cluster)} name=${quoted(code)}`;
      return failures.length === 0 ? `${head}/>` : `${head}>\n${failures.map(failure).join("\n")}\n    </testcase>`;
    });
    const failed = new Set(findings.filter(({ severity }) => severity !== "info").map(({ code }) => code)).size;
    return `  <testsuite name=${quoted(cluster)} tests="${cases.length}" failures="${failed}">\n${cases.join("\n")}\n  </testsuite>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="lifeboat audit">\n${suites.join("\n")}\n</testsuites>\n`;
}

function failure({ severity, subject, message, evidence, fix }: Finding): string {
  const text = [...evidence, `fix: ${fix}`].join("\n");
  return `      <failure type=${quoted(severity)} message=${quoted(`${subject}: ${message}`)}>${escaped(text)}</failure>`;
}

function quoted(text: string): string {
  return `"${escaped(text).replaceAll('"', "&quot;").replaceAll("\n", "&#10;")}"`;
}

// oxlint-disable-next-line no-control-regex -- what XML 1.0 cannot hold (https://www.w3.org/TR/xml/#charsets)
const NO_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

/** Names and messages are whatever a store or a server said. */
function escaped(text: string): string {
  return text.replaceAll(NO_XML, "\ufffd").replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
