import type { KubernetesObject } from "./decoder.ts";
import type { TypeOfObject } from "./envelope.ts";
import { groupOf, listOf, partOf, textOf } from "./object.ts";

/** By group and kind, what an object stands for that is not in etcd, so that neither its loss nor its return is all of it. */
const OUTSIDE: ReadonlyMap<string, string> = new Map([
  ["/Node", "a machine"],
  ["/PersistentVolume", "a volume"],
  ["certificates.k8s.io/CertificateSigningRequest", "a certificate"],
  ["certificates.k8s.io/PodCertificateRequest", "a certificate"],
  ["snapshot.storage.k8s.io/VolumeSnapshotContent", "a snapshot of a volume"],
  ["storage.k8s.io/VolumeAttachment", "a volume at a machine"],
]);

/** What an object of `type` owns outside the cluster; `object` tells of those whose kind does not. Undefined for none. */
export function outsideOf(type: TypeOfObject, object?: KubernetesObject): string | undefined {
  const name = `${groupOf(type.apiVersion)}/${type.kind}`;
  if (name === "/Service") return textOf(partOf(object, "spec"), "type") === "LoadBalancer" ? "a load balancer" : undefined;
  return OUTSIDE.get(name);
}

/** By group and kind, who makes an object by itself, and makes it anew where it is missing. */
const MAKERS: ReadonlyMap<string, string> = new Map([
  ["/Event", "whatever it happens to"],
  ["events.k8s.io/Event", "whatever it happens to"],
  ["storage.k8s.io/CSINode", "the kubelet"],
  ["storage.k8s.io/CSIStorageCapacity", "the driver of its storage"],
]);
const SLICE_MANAGER = "endpointslice.kubernetes.io/managed-by";

/** Who makes `object` anew where it is missing, so that nobody needs to; undefined where somebody does. */
export function makerOf(object: KubernetesObject): string | undefined {
  const metadata = partOf(object, "metadata");
  const owner = listOf(metadata, "ownerReferences").find((each) => partOf({ each }, "each")["controller"] === true);
  if (owner !== undefined) return `its ${textOf(owner, "kind")} ${textOf(owner, "name")}`;
  const name = `${groupOf(textOf(object, "apiVersion"))}/${textOf(object, "kind")}`;
  if (name === "discovery.k8s.io/EndpointSlice") return textOf(partOf(metadata, "labels"), SLICE_MANAGER) || undefined;
  if (name === "coordination.k8s.io/Lease") return metadata["namespace"] === "kube-node-lease" ? "the kubelet" : undefined;
  return MAKERS.get(name);
}
