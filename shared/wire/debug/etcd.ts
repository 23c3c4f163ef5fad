import type { Clock } from "../../clock.ts";
import type { DebugLog } from "../../debug-log.ts";
import type { EtcdSource } from "../../etcd/etcd-source.ts";
import { Timed } from "./timed.ts";

/** The same cluster, whose calls are told with endpoint, outcome and time. */
export function traceEtcd(etcd: EtcdSource, debug: DebugLog, clock: Clock): EtcdSource {
  const timed = new Timed(debug, "etcd", clock);
  return {
    endpoints: etcd.endpoints,
    status: (endpoint, signal) =>
      timed.call(
        `Status of ${endpoint}`,
        () => etcd.status(endpoint, signal),
        ({ memberId, version, revision, leaderId }) => {
          const role = leaderId === undefined ? "reports no leader" : leaderId === memberId ? "leader" : "not the leader";
          return `member ${memberId}, etcd ${version}, revision ${revision}, ${role}`;
        },
      ),
    members: (endpoint, signal) =>
      timed.call(
        `MemberList of ${endpoint}`,
        () => etcd.members(endpoint, signal),
        (members) => `${members.length} members`,
      ),
    checkPermission: (endpoint, signal) =>
      timed.call(
        `permission for a snapshot at ${endpoint}`,
        () => etcd.checkPermission(endpoint, signal),
        () => "granted",
      ),
    isGated: (endpoint, signal) =>
      timed.call(
        `a call that a gate refuses, at ${endpoint}`,
        () => etcd.isGated(endpoint, signal),
        (isGated) => (isGated ? "refused: there is a gate" : "let through: there is none"),
      ),
    hashKv: (endpoint, revision, options, signal) =>
      timed.call(
        `HashKV of ${endpoint} at revision ${revision}`,
        () => etcd.hashKv(endpoint, revision, options, signal),
        (answer) => `hash ${answer.hash} at revision ${answer.revision}, compacted to ${answer.compactRevision}`,
      ),
    range: (endpoint, request, signal) =>
      timed.call(
        `Range of ${endpoint}, ${request.limit} keys at revision ${request.revision}`,
        () => etcd.range(endpoint, request, signal),
        ({ entries, revision }) => `${entries.length} keys at revision ${revision}`,
      ),
    serverCertificate: (endpoint, signal) =>
      timed.call(
        `certificate of ${endpoint}`,
        () => etcd.serverCertificate(endpoint, signal),
        (certificate) => (certificate === undefined ? "none" : `of ${certificate.subject}, until ${certificate.notAfter.toISOString()}`),
      ),
    clientCertificate: () => etcd.clientCertificate(),
    snapshot: (endpoint, limits, signal) =>
      timed.stream(
        `Snapshot of ${endpoint}`,
        etcd.snapshot(endpoint, limits, signal),
        ({ bytes }) => bytes.length,
        (sum) => `${sum} bytes`,
      ),
    renew: (endpoint) => {
      debug.log("etcd", `connection to ${endpoint}: the next call makes a new one`);
      etcd.renew(endpoint);
    },
    close: () => etcd.close(),
  };
}
