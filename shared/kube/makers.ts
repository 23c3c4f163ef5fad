import type { KubernetesObject } from "./decoder.ts";
import { groupOf, listOf, partOf, textOf } from "./object.ts";

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
