import type { PrefixTally, Tally } from "./survey.ts";

export interface ResourceTally extends Tally {
  /** As kubectl names it, the group after it where there is one: `pods`, `certificates.cert-manager.io`; undefined for keys that are none of Kubernetes'. */
  readonly resource: string | undefined;
}

/** /<root>/<resource>/... or /<root>/<group>/<resource>/...; the roots of kube-apiserver's --etcd-prefix and of OpenShift. */
export const ROOT_NAMES = ["kubernetes.io", "openshift.io", "registry"] as const;
export const ROOTS = ROOT_NAMES.join("|").replaceAll(".", String.raw`\.`);
const KEY = new RegExp(`^/(?:${ROOTS})/([^/]+)/(?:([^/]+)/)?`);
/** Where kube-apiserver keeps what has another name in its API (k8s.io/kubernetes: SpecialDefaultResourcePrefixes). */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ["minions", "nodes"],
  ["controllers", "replicationcontrollers"],
  ["ingress", "ingresses"],
  ["services/specs", "services"],
  ["services/endpoints", "endpoints"],
]);

/** Those of them that take two segments of a key. */
export const TWO_SEGMENTS: ReadonlySet<string> = new Set([...OTHER_NAMES.keys()].filter((name) => name.includes("/")));

/** The resource of keys that begin with `prefix`. */
export function resourceOf(prefix: string): string | undefined {
  const [, first, second] = KEY.exec(prefix) ?? [];
  if (first === undefined) return undefined;
  // A group's name has a dot, and no resource's has.
  if (first.includes(".") && second !== undefined) return `${second}.${first}`;
  return OTHER_NAMES.get(`${first}/${second}`) ?? OTHER_NAMES.get(first) ?? first;
}

/** The tallies of `prefixes` added up by resource, most bytes first. */
export function groupByResource(prefixes: readonly PrefixTally[]): readonly ResourceTally[] {
  const sums = new Map<string | undefined, { revisions: number; live: number; bytes: number; liveBytes: number }>();
  for (const { prefix, revisions, live, bytes, liveBytes } of prefixes) {
    const resource = resourceOf(Buffer.from(prefix).toString("utf8"));
    const sum = sums.get(resource) ?? { revisions: 0, live: 0, bytes: 0, liveBytes: 0 };
    sum.revisions += revisions;
    sum.live += live;
    sum.bytes += bytes;
    sum.liveBytes += liveBytes;
    sums.set(resource, sum);
  }
  return Array.from(sums, ([resource, sum]) => ({ resource, ...sum })).toSorted((a, b) => b.bytes - a.bytes);
}
