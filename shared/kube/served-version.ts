import type { KubernetesObject } from "./decoder.ts";
import { groupOf, isMap, listOf, textOf } from "./object.ts";

/** Of Kubernetes itself. What others define is converted by those who defined it. */
const OWN_GROUPS: ReadonlySet<string> = new Set([
  "admissionregistration.k8s.io",
  "apps",
  "autoscaling",
  "batch",
  "certificates.k8s.io",
  "coordination.k8s.io",
  "discovery.k8s.io",
  "events.k8s.io",
  "flowcontrol.apiserver.k8s.io",
  "networking.k8s.io",
  "node.k8s.io",
  "policy",
  "rbac.authorization.k8s.io",
  "resource.k8s.io",
  "scheduling.k8s.io",
  "storage.k8s.io",
  "storagemigration.k8s.io",
]);
const PRERELEASE = /^(?:[^/]+\/)?v\d+(?:alpha|beta)\d+$/;

/**
 * In its first release of a stable version the API server still stores the beta one, which the release before can read, and does not serve that unless it is told to. Whoever wrote an object did
 * so in a version that was served: managedFields say in which. `stored` itself where nothing is to be changed.
 */
export function asServed(stored: KubernetesObject): KubernetesObject {
  const version = textOf(stored, "apiVersion");
  const group = groupOf(version);
  if (!PRERELEASE.test(version) || !OWN_GROUPS.has(group)) return stored;
  const written = listOf(stored["metadata"], "managedFields").map((field) => textOf(field, "apiVersion"));
  const served = written.includes(version) ? undefined : written.findLast((each) => groupOf(each) === group);
  // What is unset is null in some versions, and not there in others.
  return served === undefined ? stored : { ...(withoutNulls(stored) as KubernetesObject), apiVersion: served };
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([name, each]) => (each === null ? [] : [[name, withoutNulls(each)]])));
}
