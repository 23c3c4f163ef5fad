import type { TypeOfObject } from "./envelope.ts";
import { groupOf } from "./object.ts";

/** Kinds by group and name, in the order in which they can be created: what others need first, and last what could keep others from being created. */
const STEPS: readonly (readonly string[])[] = [
  ["/Namespace"],
  ["apiextensions.k8s.io/CustomResourceDefinition"],
  [
    "scheduling.k8s.io/PriorityClass",
    "node.k8s.io/RuntimeClass",
    "storage.k8s.io/CSIDriver",
    "storage.k8s.io/StorageClass",
    "storage.k8s.io/VolumeAttributesClass",
  ],
  [
    "networking.k8s.io/IngressClass",
    "networking.k8s.io/ServiceCIDR",
    "resource.k8s.io/DeviceClass",
    "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration",
  ],
  ["/ServiceAccount", "/Secret", "/ConfigMap"],
  ["rbac.authorization.k8s.io/ClusterRole", "rbac.authorization.k8s.io/Role"],
  ["rbac.authorization.k8s.io/ClusterRoleBinding", "rbac.authorization.k8s.io/RoleBinding"],
  ["/LimitRange", "networking.k8s.io/NetworkPolicy", "policy/PodDisruptionBudget"],
  ["/PersistentVolume"],
  ["/PersistentVolumeClaim"],
  ["/Node"],
  ["/Service"],
  ["/PodTemplate", "resource.k8s.io/ResourceClaimTemplate", "resource.k8s.io/ResourceClaim"],
  ["apps/DaemonSet", "apps/StatefulSet", "apps/Deployment", "/ReplicationController", "batch/CronJob"],
  ["apps/ReplicaSet", "batch/Job"],
  ["/Pod"],
];
/** After them all others, such as custom resources, and then these: a quota counts before it refuses, and a webhook refuses while its service is not up. */
const LAST: readonly (readonly string[])[] = [
  ["/ResourceQuota"],
  ["apiregistration.k8s.io/APIService"],
  ["admissionregistration.k8s.io/ValidatingAdmissionPolicy", "admissionregistration.k8s.io/MutatingAdmissionPolicy"],
  ["admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding", "admissionregistration.k8s.io/MutatingAdmissionPolicyBinding"],
  ["admissionregistration.k8s.io/ValidatingWebhookConfiguration", "admissionregistration.k8s.io/MutatingWebhookConfiguration"],
];

const NUMBERS = new Map([...STEPS, [], ...LAST].flatMap((kinds, number) => kinds.map((kind) => [kind, number] as const)));

/** A number below 100: objects of a lower one are to be created before those of a higher. */
export function creationStepOf({ apiVersion, kind }: TypeOfObject): number {
  return NUMBERS.get(`${groupOf(apiVersion)}/${kind}`) ?? STEPS.length;
}
