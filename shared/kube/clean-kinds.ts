import type { KubernetesObject } from "./decoder.ts";
import { groupOf, listOf, partOf, textOf, without, withPart } from "./object.ts";

/** What of single kinds the API server or a controller made up. Sources: the strategies and validations in k8s.io/kubernetes/pkg/registry and pkg/apis, and the volume and job controllers. */

type Warn = (warning: string) => void;
type CleanKind = (object: KubernetesObject, warn: Warn) => KubernetesObject;

/** By group and kind. */
const KINDS: ReadonlyMap<string, CleanKind> = new Map<string, CleanKind>([
  ["/Namespace", (namespace) => withPart(namespace, "spec", (spec) => without(spec, "finalizers"))],
  ["/Node", cleanNode],
  ["/PersistentVolume", cleanVolume],
  ["/PersistentVolumeClaim", (claim) => withoutAnnotations(claim, BOUND, BOUND_BY_CONTROLLER)],
  ["/Pod", cleanPod],
  ["/Secret", cleanSecret],
  ["/Service", cleanService],
  ["batch/Job", cleanJob],
  ["certificates.k8s.io/CertificateSigningRequest", cleanRequest],
]);

/** Its bindings to what only this cluster at that time had. */
const BOUND = "pv.kubernetes.io/bind-completed";
const BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller";

export function cleanKind(object: KubernetesObject, warn: Warn): KubernetesObject {
  const name = `${groupOf(textOf(object, "apiVersion"))}/${textOf(object, "kind")}`;
  return KINDS.get(name)?.(object, warn) ?? object;
}

/** A pod is bound to a node by the scheduler, and its priority comes from its class: another value than the class's is refused. */
function cleanPod(pod: KubernetesObject, warn: Warn): KubernetesObject {
  if (annotationOf(pod, "kubernetes.io/config.mirror") !== undefined)
    warn("mirrors a static pod: the kubelet makes it from a file of its node, and nobody else should");
  const spec = partOf(pod, "spec");
  if (listOf(spec, "ephemeralContainers").length > 0) warn("had ephemeral containers (kubectl debug), which no new pod can have");
  return withPart(pod, "spec", (part) => without(part, "nodeName", "priority", "preemptionPolicy", "ephemeralContainers"));
}

function cleanNode(node: KubernetesObject, warn: Warn): KubernetesObject {
  warn("stands for a machine: its kubelet makes the object anew when it joins");
  return node;
}

/** Addresses are allocated; a headless service asks for none. Node ports stay: firewalls and load balancers may know them. */
function cleanService(service: KubernetesObject): KubernetesObject {
  return withPart(service, "spec", (spec) => (spec["clusterIP"] === "None" ? spec : without(spec, "clusterIP", "clusterIPs")));
}

/** Bound by uid, it would be released; bound by name alone, it waits for the claim. */
function cleanVolume(volume: KubernetesObject): KubernetesObject {
  const unbound = withPart(volume, "spec", (spec) => withPart(spec, "claimRef", (claim) => without(claim, "resourceVersion", "uid")));
  return withoutAnnotations(unbound, BOUND_BY_CONTROLLER);
}

const JOB_LABELS = ["batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"];

/** Unless it is said otherwise the API server makes up a selector and labels from the job's uid. */
function cleanJob(job: KubernetesObject): KubernetesObject {
  if (partOf(job, "spec")["manualSelector"] === true) return job;
  const unlabelled = (part: KubernetesObject): KubernetesObject =>
    withPart(part, "metadata", (metadata) => withPart(metadata, "labels", (labels) => without(labels, ...JOB_LABELS)));
  return withPart(unlabelled(job), "spec", (spec) => withPart(without(spec, "selector"), "template", unlabelled));
}

const ACCOUNT_UID = "kubernetes.io/service-account.uid";

/** The token of a service account is one of its uid: the controller makes another where there is none. */
function cleanSecret(secret: KubernetesObject, warn: Warn): KubernetesObject {
  if (secret["type"] !== "kubernetes.io/service-account-token") return secret;
  warn("is the token of a service account: it is made anew, and the old one is valid only while that account was never deleted");
  return withPart(withoutAnnotations(secret, ACCOUNT_UID), "data", (data) => without(data, "token"));
}

/** Who asks is whoever creates it, and an approval is not taken over. */
function cleanRequest(request: KubernetesObject, warn: Warn): KubernetesObject {
  warn("asks for a certificate once more: it has to be approved again, and whoever creates it is who asks");
  return withPart(request, "spec", (spec) => without(spec, "username", "uid", "groups", "extra"));
}

function annotationOf(object: KubernetesObject, name: string): unknown {
  return partOf(partOf(object, "metadata"), "annotations")[name];
}

function withoutAnnotations(object: KubernetesObject, ...names: readonly string[]): KubernetesObject {
  return withPart(object, "metadata", (metadata) => withPart(metadata, "annotations", (annotations) => without(annotations, ...names)));
}
