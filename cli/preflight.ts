import type { JsonDocument } from "../shared/contract/documents.ts";
import { preflight } from "../shared/jobs/preflight.ts";
import type { PreflightResult } from "../shared/jobs/preflight.ts";
import { nameOf, statusesAt } from "../shared/etcd/cluster-facts.ts";
import type { EndpointFacts } from "../shared/etcd/cluster-facts.ts";
import { LifeboatError } from "../shared/errors.ts";
import type { Register } from "./command.ts";
import { print, printJson, widthOf } from "./console.ts";
import type { Console } from "./console.ts";
import type { ExitCode } from "./exit-codes.ts";
import { formatBytes, formatFields, formatFinding, formatTable, formatTime } from "./format.ts";

/** `lifeboat preflight`. */
export const registerPreflight: Register = (program, run) => {
  program
    .command("preflight")
    .summary("check a cluster before a backup")
    .description(
      "Check every endpoint of a cluster, and print what would prevent a backup. Each problem comes with its fix. Nothing is changed. The exit code is 6 if there are problems, and 3 if no member can give a snapshot.",
    )
    .argument("<cluster>", "a cluster of the configuration")
    .addHelpText("after", "\nExample:\n  $ lifeboat preflight prod")
    .action((cluster: string) =>
      run((session) =>
        session.withCluster(cluster, async (ports, { etcd, policy }) => {
          const result = await preflight({ ...ports, etcd, policy }, cluster, session.console.signal);
          if (session.json) printJson(session.console, "preflight", preflightJson(cluster, result));
          else report(session.console, cluster, result);
          return exitCode(result);
        }),
      ),
    );
};

function exitCode({ plan, findings }: PreflightResult): ExitCode {
  if (plan === undefined) return 3;
  return findings.some(({ severity }) => severity === "problem") ? 6 : 0;
}

function report(console: Console, cluster: string, result: PreflightResult): void {
  const { members, alarms, clientCertificate, lineage, plan, findings } = result;
  print(
    console,
    formatTable(
      ["ENDPOINT", "MEMBER", "VERSION", "DATABASE", "REVISION", "ROLE", "LATENCY", "SNAPSHOT", "CERTIFICATE"],
      result.endpoints.map((each) => toRow(each, result)),
      { width: widthOf(console.stdout), dispensable: ["CERTIFICATE", "LATENCY", "REVISION"] },
    ),
  );
  const chosen = plan?.sources[0];
  const names =
    members instanceof Error
      ? "unknown"
      : members.map(({ id, name, isLearner }) => `${name === "" ? id : name}${isLearner ? " (learner)" : ""}`).join(", ");
  const raised =
    alarms === undefined
      ? "unknown"
      : alarms.length === 0
        ? "none"
        : alarms.map(({ alarm, memberId }) => `${alarm} on ${memberId}`).join(", ");
  print(console, "");
  print(
    console,
    formatFields([
      ["cluster", `${cluster}${plan === undefined ? "" : ` (${plan.clusterId})`}`],
      ["members", names],
      ["alarms", raised],
      [
        "client certificate",
        clientCertificate === undefined ? "none" : `${clientCertificate.subject}, until ${formatTime(clientCertificate.notAfter)}`,
      ],
      ["gate", gateText(result)],
      [
        "lineage",
        lineage === undefined
          ? "unknown"
          : lineage.opens === undefined
            ? String(lineage.number)
            : `${lineage.number} (the next backup opens it: ${lineage.opens.reason})`,
      ],
      [
        "a backup asks",
        chosen === undefined
          ? "nobody: no member can give a snapshot"
          : `${chosen.name === "" ? "whoever answers" : chosen.name} at ${chosen.status.endpoint} (${chosen.reason})`,
      ],
      ...(plan?.quarantine === undefined ? [] : ([["and quarantines", plan.quarantine.reasons.join("; ")]] satisfies [string, string][])),
    ]),
  );
  for (const finding of findings) print(console, `\n${formatFinding(finding)}`);
  if (findings.length === 0) print(console, "\nno problems found");
}

function gateText({ gates }: PreflightResult): string {
  const found = [...gates.values()];
  const gated = found.filter((each) => each === true).length;
  if (found.every((each) => each === undefined)) return "unknown";
  if (gated === 0) return "none: this client may make every call that its user may make";
  return `before ${gated} of ${found.length} ${found.length === 1 ? "endpoint" : "endpoints"}: calls of a backup are let through, others are refused`;
}

function toRow(facts: EndpointFacts, { members }: PreflightResult): string[] {
  const { endpoint, status, permission, certificate, behind } = facts;
  if (status instanceof Error) return [endpoint, "-", "-", "-", "-", status instanceof LifeboatError ? status.code : "-", "-", "-", "-"];
  return [
    endpoint,
    statusesAt(facts)
      .map(({ memberId }) => nameOf(memberId, members instanceof Error ? [] : members))
      .join(", "),
    status.version,
    formatBytes(status.databaseBytes),
    String(status.revision),
    behind !== undefined ? behind.kind : status.isLearner ? "learner" : status.leaderId === status.memberId ? "leader" : "follower",
    `${status.latencyMs.toFixed(1)} ms`,
    permission === true ? "allowed" : permission === undefined ? "-" : "denied",
    certificate === undefined || certificate instanceof Error ? "-" : certificate.notAfter.toISOString().slice(0, 10),
  ];
}

/** The JSON document of `lifeboat preflight`; `lifeboat doctor` has one for each cluster, also where that could not be asked at all. */
export function preflightJson(
  cluster: string,
  result: PreflightResult | { readonly findings: JsonDocument<"preflight">["findings"] },
): JsonDocument<"preflight"> {
  if (!("endpoints" in result)) return { cluster, ...NOBODY_ASKED, findings: result.findings };
  const { members, alarms, clientCertificate, lineage, plan, findings } = result;
  const chosen = plan?.sources[0];
  return {
    cluster,
    clusterId: plan?.clusterId ?? null,
    revision: plan?.revision ?? null,
    ready: chosen !== undefined,
    chosen:
      chosen === undefined
        ? null
        : { endpoint: chosen.status.endpoint, memberId: chosen.status.memberId, name: chosen.name, reason: chosen.reason },
    quarantine: plan?.quarantine?.reasons ?? null,
    endpoints: result.endpoints.map((each) => endpointJson(each, result)),
    members: members instanceof Error ? null : members,
    alarms: alarms ?? null,
    clientCertificateExpires: clientCertificate?.notAfter.toISOString() ?? null,
    lineage: lineage === undefined ? null : { number: lineage.number, opens: lineage.opens?.reason ?? null },
    lineageAttention: result.lineageAttention ?? null,
    findings,
  };
}

function endpointJson(facts: EndpointFacts, { members, gates }: PreflightResult): JsonDocument<"preflight">["endpoints"][number] {
  const { endpoint, status, permission, certificate, behind } = facts;
  if (status instanceof LifeboatError) return { endpoint, ...NOTHING_KNOWN, error: { code: status.code, message: status.message } };
  const { memberId, version, databaseBytes, revision, leaderId, isLearner, latencyMs } = status;
  const name = members instanceof Error ? undefined : members.find(({ id }) => id === memberId)?.name;
  const certificateExpires = certificate === undefined || certificate instanceof Error ? null : certificate.notAfter.toISOString();
  return {
    endpoint,
    memberId,
    name: name ?? null,
    version,
    databaseBytes,
    revision,
    isLeader: leaderId === memberId,
    isLearner,
    latencyMs,
    snapshotAllowed: permission === true,
    certificateExpires,
    kind: behind?.kind ?? "member",
    gated: gates.get(endpoint) ?? null,
    answeredBy: statusesAt(facts).map((each) => each.memberId),
    error: null,
  };
}

const NOBODY_ASKED = {
  clusterId: null,
  revision: null,
  ready: false,
  chosen: null,
  quarantine: null,
  endpoints: [],
  members: null,
  alarms: null,
  clientCertificateExpires: null,
  lineage: null,
  lineageAttention: null,
} as const;

const NOTHING_KNOWN = {
  memberId: null,
  name: null,
  version: null,
  databaseBytes: null,
  revision: null,
  isLeader: null,
  isLearner: null,
  latencyMs: null,
  snapshotAllowed: null,
  certificateExpires: null,
  kind: null,
  gated: null,
  answeredBy: null,
} as const;
