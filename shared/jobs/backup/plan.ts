import { LifeboatError } from "../../errors.ts";
import type { SnapshotSource, Survey } from "../../etcd/survey.ts";

/** What a backup is to do, given what the cluster said. */
export interface BackupPlan {
  readonly clusterId: string;
  /** The highest revision that a source answers, and whether it may be old. */
  readonly revision: number;
  readonly mayLag: boolean;
  /** Whom to ask. One snapshot is taken, from the first that gives it whole; in quarantine with `eachSource` one from each. */
  readonly sources: readonly SnapshotSource[];
  /** Present where what is taken is kept, and not believed. */
  readonly quarantine?: { readonly reasons: readonly string[]; readonly eachSource: boolean };
}

/**
 * A healthy cluster gives one good snapshot. One that etcd calls corrupt gives a copy of each member that answers, since nobody knows yet which is right; one
 * without a leader gives a copy of the member that got furthest. Throws where there is nobody to ask: then with what the endpoints said.
 */
export function planBackup(cluster: string, survey: Survey): BackupPlan {
  const corrupt = survey.findings.filter(({ code }) => code === "corrupt");
  if (corrupt.length > 0) {
    const reasons = corrupt.map(({ subject, message }) => `${subject}: ${message}`);
    return plan(cluster, survey, [...survey.sources, ...survey.doubtful], { reasons, eachSource: true });
  }
  if (survey.sources.length > 0) return plan(cluster, survey, survey.sources);
  const reasons = ["the members that answer report no leader, so their data may be old"];
  return plan(cluster, survey, survey.doubtful, { reasons, eachSource: false });
}

function plan(cluster: string, survey: Survey, sources: readonly SnapshotSource[], quarantine?: BackupPlan["quarantine"]): BackupPlan {
  const [best] = sources;
  if (best === undefined) throw noSource(cluster, survey);
  return {
    clusterId: best.status.clusterId,
    revision: Math.max(...sources.map(({ status }) => status.revision)),
    mayLag: sources.every(({ status }) => status.leaderId === undefined),
    sources,
    quarantine,
  };
}

function noSource(cluster: string, { endpoints, denials, findings }: Survey): LifeboatError {
  const errors = endpoints.flatMap(({ status }) => (status instanceof LifeboatError ? [status] : []));
  const [first] = errors;
  if (first !== undefined && errors.length === endpoints.length) {
    if (errors.length === 1) return first;
    const message = `no endpoint of ${cluster} answers: ${errors.map((error) => error.message).join("; ")}`;
    return new LifeboatError(first.code, message, { hint: first.hint ?? "check whether etcd runs there", cause: first });
  }
  const [denial] = denials;
  if (denial !== undefined) return denial;
  const mixed = findings.find(({ code }) => code === "clusters-differ");
  if (mixed !== undefined) return new LifeboatError("etcd/cluster-mismatch", `${cluster}: ${mixed.message}`, { hint: mixed.fix });
  const reasons = findings.filter(({ severity }) => severity !== "info").map(({ subject, message }) => `${subject}: ${message}`);
  return new LifeboatError("etcd/no-member", `no member of ${cluster} can give a snapshot: ${reasons.join("; ")}`, {
    hint: `run lifeboat preflight ${cluster}: it shows more, with a fix for each`,
    cause: first,
  });
}
