import { describe, expect, test } from "vitest";
import { creationStepOf } from "../../shared/kube/creation-order.ts";
import { makerOf } from "../../shared/kube/makers.ts";

describe("the order of creation", () => {
  test("has what others need first, and last what could refuse others", () => {
    const kinds = [
      ["v1", "Namespace"],
      ["apiextensions.k8s.io/v1", "CustomResourceDefinition"],
      ["scheduling.k8s.io/v1", "PriorityClass"],
      ["v1", "Secret"],
      ["rbac.authorization.k8s.io/v1", "Role"],
      ["rbac.authorization.k8s.io/v1", "RoleBinding"],
      ["v1", "PersistentVolume"],
      ["v1", "PersistentVolumeClaim"],
      ["v1", "Service"],
      ["apps/v1", "Deployment"],
      ["v1", "Pod"],
      ["cert-manager.io/v1", "Certificate"],
      ["v1", "ResourceQuota"],
      ["admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"],
    ].map(([apiVersion = "", kind = ""]) => ({ apiVersion, kind }));
    const steps = kinds.map(creationStepOf);
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    expect(new Set(steps).size).toBe(steps.length);
    expect(Math.max(...steps)).toBeLessThan(100);
  });

  test("goes by group, and not by version", () => {
    const step = (apiVersion: string, kind: string): number => creationStepOf({ apiVersion, kind });
    expect(step("apps/v1beta1", "Deployment")).toBe(step("apps/v1", "Deployment"));
    expect(step("serving.knative.dev/v1", "Service")).toBe(step("a.example/v1", "Anything"));
  });
});

test("who makes an object anew", () => {
  const made = (apiVersion: string, kind: string, metadata: object): string | undefined => makerOf({ apiVersion, kind, metadata });
  const owner = { kind: "ReplicaSet", name: "web-1" };
  expect(made("v1", "Pod", { ownerReferences: [owner, { ...owner, controller: true }] })).toBe("its ReplicaSet web-1");
  expect(made("v1", "Pod", { ownerReferences: [owner] })).toBeUndefined();
  expect(made("v1", "Event", {})).toBe("whatever it happens to");
  expect(made("coordination.k8s.io/v1", "Lease", { namespace: "kube-node-lease" })).toBe("the kubelet");
  expect(made("coordination.k8s.io/v1", "Lease", { namespace: "default" })).toBeUndefined();
  const labels = { "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io" };
  expect(made("discovery.k8s.io/v1", "EndpointSlice", { labels })).toBe("endpointslice-controller.k8s.io");
  expect(made("discovery.k8s.io/v1", "EndpointSlice", {})).toBeUndefined();
});
