import type { KeyTest } from "./key-tests.ts";
import { ROOTS, resourceOf, TWO_SEGMENTS } from "./resources.ts";

/** What a user key says of the Kubernetes object at it. */
export interface ObjectName {
  /** As kubectl names it, the group after it where the key has one: `pods`, `certificates.cert-manager.io`. */
  readonly resource: string;
  /** Undefined for what is the cluster's. */
  readonly namespace: string | undefined;
  readonly name: string;
}

const ROOT = new RegExp(`^/(?:${ROOTS})/`);

/** Of a key such as `/registry/pods/default/web`; undefined for one that is none of Kubernetes'. */
export function objectNameOf(key: string): ObjectName | undefined {
  const root = ROOT.exec(key)?.[0];
  const resource = resourceOf(key);
  if (root === undefined || resource === undefined) return undefined;
  const segments = key.slice(root.length).split("/");
  const [first, second, ...more] = segments.slice(resourceSegments(segments));
  if (first === undefined || first === "" || second === "" || more.length > 0) return undefined;
  return second === undefined ? { resource, namespace: undefined, name: first } : { resource, namespace: first, name: second };
}

/** Where the objects of its resource lie, of a key such as `/registry/pods/default/web`: `/registry/pods/`. Undefined for a key that is none of Kubernetes'. */
export function resourceFolderOf(key: string): string | undefined {
  const root = ROOT.exec(key)?.[0];
  if (root === undefined) return undefined;
  const segments = key.slice(root.length).split("/");
  return `${root}${segments.slice(0, resourceSegments(segments)).join("/")}/`;
}

/** How many segments name the resource. */
function resourceSegments([first = "", second = ""]: readonly string[]): 1 | 2 {
  return first.includes(".") || TWO_SEGMENTS.has(`${first}/${second}`) ? 2 : 1;
}

/** As kubectl abbreviates (k8s.io/kubernetes: ShortNames of each resource's storage). */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  cj: "cronjobs",
  cm: "configmaps",
  crd: "customresourcedefinitions",
  crds: "customresourcedefinitions",
  csr: "certificatesigningrequests",
  deploy: "deployments",
  ds: "daemonsets",
  ep: "endpoints",
  ev: "events",
  hpa: "horizontalpodautoscalers",
  ing: "ingresses",
  limits: "limitranges",
  netpol: "networkpolicies",
  no: "nodes",
  ns: "namespaces",
  pc: "priorityclasses",
  pdb: "poddisruptionbudgets",
  po: "pods",
  pv: "persistentvolumes",
  pvc: "persistentvolumeclaims",
  quota: "resourcequotas",
  rc: "replicationcontrollers",
  rs: "replicasets",
  sa: "serviceaccounts",
  sc: "storageclasses",
  sts: "statefulsets",
  svc: "services",
};

/**
 * The object that a person means by `resource/namespace/name`, or `resource/name` for one of the cluster's: undefined where `text` has no such form. The resource may
 * be kubectl's plural, singular or short name, with or without its group.
 */
export function parseObjectName(text: string): ObjectName | undefined {
  const [resource = "", first = "", second, ...more] = text.split("/");
  if (resource === "" || first === "" || second === "" || more.length > 0) return undefined;
  return second === undefined ? { resource, namespace: undefined, name: first } : { resource, namespace: first, name: second };
}

/** Keys of what a person means by `wanted`; those of built-in resources have no group, and fit any. */
export function keyNames(wanted: ObjectName): KeyTest {
  const last = Buffer.from(`/${wanted.namespace === undefined ? "" : `${wanted.namespace}/`}${wanted.name}`);
  return (bytes, start, end) => {
    if (end - start < last.length) return false;
    for (let index = 1; index <= last.length; index++) if (bytes[end - index] !== last[last.length - index]) return false;
    const found = objectNameOf(textOf(bytes, start, end));
    return (
      found !== undefined && found.namespace === wanted.namespace && found.name === wanted.name && isSame(found.resource, wanted.resource)
    );
  };
}

/** Keys of objects in `namespace`, and of the namespace itself. */
export function keyIsIn(namespace: string): KeyTest {
  const part = Buffer.from(`/${namespace}`);
  return (bytes, start, end) => {
    const key = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
    if (!key.includes(part)) return false;
    const found = objectNameOf(key.toString("utf8"));
    if (found === undefined) return false;
    return found.namespace === namespace || (found.resource === "namespaces" && found.namespace === undefined && found.name === namespace);
  };
}

function isSame(found: string, wanted: string): boolean {
  const [resource = "", group] = split(found);
  const [name = "", wantedGroup] = split(wanted.toLowerCase());
  if (group !== undefined && wantedGroup !== undefined && group !== wantedGroup) return false;
  const plural = SHORT_NAMES[name] ?? name;
  return [plural, `${plural}s`, `${plural}es`, plural.replace(/y$/, "ies")].includes(resource);
}

/** `deployments.apps`: the resource and its group. */
function split(resource: string): readonly string[] {
  const dot = resource.indexOf(".");
  return dot < 0 ? [resource] : [resource.slice(0, dot), resource.slice(dot + 1)];
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8");
}
