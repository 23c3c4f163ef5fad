import { describe, expect, test } from "vitest";
import { clean } from "../../shared/kube/clean.ts";
import { saying } from "../support/matchers.ts";

/** That a real API server takes back what is left is seen in kube-apiserver.exhaustive.test.ts. */

const STORED = {
  uid: "1",
  resourceVersion: "2",
  generation: 3,
  creationTimestamp: "2026-11-01T00:00:00Z",
  selfLink: "/api/v1/x",
  managedFields: [{ manager: "kubectl", apiVersion: "v1" }],
};

function object(apiVersion: string, kind: string, more: object = {}, metadata: object = {}) {
  return {
    apiVersion,
    kind,
    metadata: { name: "one", namespace: "default", ...STORED, ...metadata },
    status: { phase: "Active" },
    ...more,
  };
}

/** What is left, and the warnings. */
function left(apiVersion: string, kind: string, more: object, metadata: object = {}) {
  const cleaned = clean(object(apiVersion, kind, more, metadata));
  const { apiVersion: _, kind: __, ...rest } = cleaned.object;
  return { ...rest, warnings: cleaned.warnings };
}

const METADATA = { name: "one", namespace: "default" };

describe("clean", () => {
  test("leaves what somebody wrote, and takes what the API server did", () => {
    const written = { labels: { app: "web" }, annotations: { note: "kept" }, finalizers: ["example.com/own"] };
    expect(clean(object("a.example/v1", "Widget", { spec: { size: 1, uid: "kept", nothing: null, none: {} } }, written))).toEqual({
      object: {
        apiVersion: "a.example/v1",
        kind: "Widget",
        metadata: { ...METADATA, ...written },
        spec: { size: 1, uid: "kept", nothing: null, none: {} },
      },
      warnings: [],
    });
  });

  test("does not change what it is given", () => {
    const stored = object("v1", "Pod", { spec: { nodeName: "node-1", containers: [] } });
    const before = structuredClone(stored);
    clean(stored);
    expect(stored).toEqual(before);
  });

  test("takes owners away, and says so", () => {
    const owners = [
      { kind: "ReplicaSet", name: "web-1", uid: "9" },
      { kind: "Job", name: "once", uid: "8" },
    ];
    const { metadata, warnings } = left("v1", "Pod", {}, { ownerReferences: owners }) as unknown as {
      metadata: object;
      warnings: string[];
    };
    expect(metadata).toEqual(METADATA);
    expect(warnings).toEqual([saying("belonged to ReplicaSet web-1, Job once: without the reference")]);
  });

  test("ends a deletion that was under way, and says so", () => {
    const deletion = {
      deletionTimestamp: "2026-11-01T00:00:00Z",
      deletionGracePeriodSeconds: 30,
      finalizers: ["foregroundDeletion", "own"],
    };
    expect(left("v1", "ConfigMap", {}, deletion)).toEqual({
      metadata: { ...METADATA, finalizers: ["own"] },
      warnings: ["was being deleted at the time"],
    });
    expect(left("v1", "ConfigMap", {}, { finalizers: ["orphan"] })).toEqual({ metadata: METADATA, warnings: [] });
  });

  test("frees a pod of its node, of what its class decides, and of what no new one can have", () => {
    const spec = { nodeName: "node-1", priority: 0, preemptionPolicy: "Never", priorityClassName: "low", containers: [{ name: "a" }] };
    const kept = { priorityClassName: "low", containers: [{ name: "a" }] };
    expect(left("v1", "Pod", { spec })).toEqual({ metadata: METADATA, spec: kept, warnings: [] });
    expect(left("v1", "Pod", { spec: { ...spec, ephemeralContainers: [{ name: "debug" }] } })).toMatchObject({
      spec: kept,
      warnings: [saying("ephemeral containers")],
    });
    const mirror = { annotations: { "kubernetes.io/config.mirror": "hash" } };
    expect(left("v1", "Pod", { spec }, mirror)).toMatchObject({ warnings: [saying("mirrors a static pod")] });
  });

  test("frees a service of its address, but not a headless one of having none, nor any of its node ports", () => {
    const ports = [{ port: 80, nodePort: 30_000 }];
    const spec = { type: "NodePort", clusterIP: "10.0.0.7", clusterIPs: ["10.0.0.7"], ipFamilies: ["IPv4"], ports };
    expect(left("v1", "Service", { spec })).toMatchObject({ spec: { type: "NodePort", ipFamilies: ["IPv4"], ports } });
    expect(left("v1", "Service", { spec })).not.toHaveProperty("spec.clusterIPs");
    expect(left("v1", "Service", { spec: { clusterIP: "None", clusterIPs: ["None"] } })).toMatchObject({
      spec: { clusterIP: "None", clusterIPs: ["None"] },
    });
    // Of another group.
    expect(left("serving.knative.dev/v1", "Service", { spec })).toMatchObject({ spec });
  });

  test("binds a volume and its claim by name alone", () => {
    const annotations = { "pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes" };
    const claimRef = { namespace: "default", name: "claim", uid: "7", resourceVersion: "8" };
    expect(left("v1", "PersistentVolume", { spec: { claimRef } }, { annotations: { ...annotations, own: "kept" } })).toEqual({
      metadata: { ...METADATA, annotations: { "pv.kubernetes.io/bind-completed": "yes", own: "kept" } },
      spec: { claimRef: { namespace: "default", name: "claim" } },
      warnings: [],
    });
    expect(left("v1", "PersistentVolumeClaim", { spec: { volumeName: "volume" } }, { annotations })).toEqual({
      metadata: METADATA,
      spec: { volumeName: "volume" },
      warnings: [],
    });
  });

  test("takes a job's made-up selector and labels, but not those that somebody chose", () => {
    const uid = {
      "controller-uid": "7",
      "batch.kubernetes.io/controller-uid": "7",
      "job-name": "one",
      "batch.kubernetes.io/job-name": "one",
    };
    const job = (labels: object, spec: object = {}) => ({
      spec: { selector: { matchLabels: uid }, template: { metadata: { labels: { ...uid, ...labels } }, spec: {} }, ...spec },
    });
    expect(left("batch/v1", "Job", job({ app: "web" }), { labels: uid })).toEqual({
      metadata: METADATA,
      spec: { template: { metadata: { labels: { app: "web" } }, spec: {} } },
      warnings: [],
    });
    expect(left("batch/v1", "Job", job({}))).toMatchObject({ spec: { template: { spec: {} } } });
    expect(left("batch/v1", "Job", job({}, { manualSelector: true }))).toMatchObject(job({}, { manualSelector: true }));
  });

  test("takes the token of a service account, which is none of the new account's", () => {
    const secret = { type: "kubernetes.io/service-account-token", data: { token: "b2xk", "ca.crt": "Y2E=" } };
    const annotations = { "kubernetes.io/service-account.name": "runner", "kubernetes.io/service-account.uid": "7" };
    expect(left("v1", "Secret", secret, { annotations })).toEqual({
      metadata: { ...METADATA, annotations: { "kubernetes.io/service-account.name": "runner" } },
      type: secret.type,
      data: { "ca.crt": "Y2E=" },
      warnings: [saying("is the token of a service account")],
    });
    expect(left("v1", "Secret", { type: "Opaque", data: { token: "b2xk" } })).toMatchObject({ data: { token: "b2xk" }, warnings: [] });
  });

  test("warns of what somebody else makes or has to approve", () => {
    expect(left("v1", "Node", { spec: { providerID: "x" } })).toMatchObject({
      spec: { providerID: "x" },
      warnings: [saying("stands for a machine")],
    });
    const request = { spec: { request: "MII=", username: "a", uid: "1", groups: ["b"], extra: {} } };
    expect(left("certificates.k8s.io/v1", "CertificateSigningRequest", request)).toEqual({
      metadata: METADATA,
      spec: { request: "MII=" },
      warnings: [saying("approved again")],
    });
    expect(left("v1", "Namespace", { spec: { finalizers: ["kubernetes"] } })).toEqual({ metadata: METADATA, warnings: [] });
  });

  test("gives an object the version that it was written in, where the stored one is a beta that may not be served", () => {
    const managedFields = [{ apiVersion: "resource.k8s.io/v1beta1" }, { apiVersion: "resource.k8s.io/v1" }];
    const rule = { spec: { taint: null, list: [{ a: null, b: 1 }] } };
    const cleaned = clean(object("resource.k8s.io/v1beta2", "DeviceTaintRule", rule, { managedFields }));
    expect(cleaned).toMatchObject({
      object: { apiVersion: "resource.k8s.io/v1", spec: { list: [{ b: 1 }] } },
      warnings: [
        "is stored as resource.k8s.io/v1beta2 and was written as resource.k8s.io/v1, which it is now: look through its fields if it is refused",
      ],
    });
    expect(cleaned.object).not.toHaveProperty("spec.taint");
    for (const [version, written] of [
      ["resource.k8s.io/v1beta2", "resource.k8s.io/v1beta2"],
      ["resource.k8s.io/v1", "resource.k8s.io/v1beta2"],
      ["resource.k8s.io/v1beta2", "v1"],
      ["a.example/v1beta2", "a.example/v1"],
    ] as const)
      expect(clean(object(version, "Thing", rule, { managedFields: [{ apiVersion: written }] }))).toMatchObject({
        object: { apiVersion: version, ...rule },
        warnings: [],
      });
  });

  test("bears what no API server would store", () => {
    for (const strange of [
      { metadata: 3 },
      { metadata: [] },
      { metadata: { ownerReferences: "x", finalizers: { a: 1 } } },
      { spec: null },
      {},
    ])
      for (const [apiVersion, kind] of [
        ["v1", "Pod"],
        ["v1", "Service"],
        ["batch/v1", "Job"],
        ["v1", "Secret"],
      ])
        expect(clean({ apiVersion, kind, ...strange }).warnings).toEqual([]);
    const named = JSON.parse(
      '{"apiVersion":"v1","kind":"Service","metadata":{"uid":"1","__proto__":"own"},"spec":{"clusterIP":"1.2.3.4","__proto__":{"x":1}}}',
    ) as Record<string, unknown>;
    expect(JSON.stringify(clean(named).object)).toBe(
      '{"apiVersion":"v1","kind":"Service","metadata":{"__proto__":"own"},"spec":{"__proto__":{"x":1}}}',
    );
  });
});
