import { checkEtcd, NO_CLUSTERS, type ClusterReport } from "../../shared/jobs/doctor/check-etcd.ts";
import { formatFields } from "../format.ts";
import { preflightJson } from "../preflight.ts";
import type { RunCheck } from "./outcome.ts";

/** `lifeboat doctor --etcd`. */
export const runEtcd: RunCheck<"etcd"> = async (session, { config }) => {
  const clusters = Object.keys(config.clusters);
  const reports = await checkEtcd(
    clusters,
    (cluster, look) => session.withCluster(cluster, (ports, { etcd, policy }) => look({ ...ports, etcd, policy })),
    () => session.openPorts(),
    session.console.signal,
  );
  return {
    text: clusters.length === 0 ? "no clusters" : formatFields(reports.map((report) => [`cluster ${report.cluster}`, describe(report)])),
    json: reports.map(({ cluster, result, findings }) => preflightJson(cluster, result ?? { findings })),
    findings: clusters.length === 0 ? [NO_CLUSTERS] : reports.flatMap(({ findings }) => findings),
  };
};

function describe({ result, findings }: ClusterReport): string {
  const problems = findings.filter(({ severity }) => severity === "problem").length;
  if (result === undefined) return "could not be asked";
  const answering = result.endpoints.filter(({ status }) => !(status instanceof Error)).length;
  const problemCount = problems === 0 ? "no problems" : `${problems} ${problems === 1 ? "problem" : "problems"}`;
  return `${answering} of ${result.endpoints.length} endpoints answer, ${problemCount}`;
}
