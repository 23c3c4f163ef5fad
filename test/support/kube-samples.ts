import type { KubeObject } from "../../tools/lab/kube-api.ts";
import { createAuthority } from "../../tools/lab/certificates.ts";

/** An object of every built-in kind that a kube-apiserver 1.37 serves by default and keeps in etcd, as small as its validation allows. */

/** The collection's path, and what is created there. */
export type Sample = readonly [collection: string, object: KubeObject];

interface Fields {
  readonly metadata?: object;
  readonly [field: string]: unknown;
}

const NAMESPACE = "lab";
const TEMPLATE = {
  metadata: { labels: { app: "web" } },
  spec: { containers: [{ name: "web", image: "registry.example/web:1", ports: [{ containerPort: 80 }] }] },
};
const SELECTOR = { matchLabels: { app: "web" } };
/** By `openssl req -new -newkey ed25519`, for system:node:node-1. */
const REQUEST = `-----BEGIN CERTIFICATE REQUEST-----
MIGzMGcCAQAwNDEbMBkGA1UEAwwSc3lzdGVtOm5vZGU6bm9kZS0xMRUwEwYDVQQK
DAxzeXN0ZW06bm9kZXMwKjAFBgMrZXADIQC0JtaAgSiazwa8l/+/5qMXI/ZMAyAU
D314woH6VUiQn6AAMAUGAytlcANBAHTnCtqQvFJXjO0MmrERwqNE43+aBiiWtAgx
udT/xrp858BnVska0G+VLufUNnKX7PWIHurgvQDYTfr3t72ynA0=
-----END CERTIFICATE REQUEST-----
`;
const LATER = "2030-01-01T00:00:00.000000Z";

export async function kubeSamples(): Promise<readonly Sample[]> {
  return [...core(), ...workloads(), ...policies(), ...cluster(), ...devices(), ...(await certificates())];
}

function core(): readonly Sample[] {
  const volume = { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], hostPath: { path: "/tmp/x" } };
  const claim = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
  const service = (name: string, spec: object): Sample =>
    namespaced("v1", "services", "Service", name, { spec: { selector: { app: "web" }, ports: [{ port: 80 }], ...spec } });
  const involved = { kind: "Pod", namespace: NAMESPACE, name: "web", uid: "2b9a1c5e-0000-4000-a000-000000000000" };
  return [
    clusters("v1", "namespaces", "Namespace", NAMESPACE, {}),
    namespaced("v1", "configmaps", "ConfigMap", "settings", {
      data: {
        yes: "no",
        "0x10": "1e3",
        text: "a: b\n\tc\u001b[31m\u2028\n",
        time: "2001-12-14",
        long: "word ".repeat(100),
        empty: "",
        ...Object.fromEntries(
          [
            "<<",
            "=",
            "0o17",
            "017",
            "1_000",
            "1:30",
            ".inf",
            "~",
            "y",
            "Null",
            "0b1",
            "- a",
            "a: b",
            "a #b",
            "!x",
            "%a",
            "\u0085",
            "\ufeff",
            "@",
            "`",
          ].map((text, at) => [`v${at}`, text]),
        ),
      },
      binaryData: { blob: "/wDx" },
    }),
    namespaced("v1", "secrets", "Secret", "password", { stringData: { password: "correct horse battery staple" } }),
    namespaced("v1", "serviceaccounts", "ServiceAccount", "runner", { secrets: [{ name: "password" }] }),
    namespaced("v1", "secrets", "Secret", "runner-token", {
      metadata: { annotations: { "kubernetes.io/service-account.name": "runner", "kubernetes.io/service-account.uid": "1-2" } },
      type: "kubernetes.io/service-account-token",
      stringData: { token: "old" },
    }),
    service("web", {}),
    service("headless", { clusterIP: "None" }),
    service("outside", { type: "LoadBalancer", externalTrafficPolicy: "Local" }),
    namespaced("v1", "services", "Service", "elsewhere", { spec: { type: "ExternalName", externalName: "example.com" } }),
    namespaced("v1", "endpoints", "Endpoints", "by-hand", { subsets: [{ addresses: [{ ip: "10.1.2.3" }], ports: [{ port: 80 }] }] }),
    namespaced("v1", "pods", "Pod", "web", {
      spec: { ...TEMPLATE.spec, nodeName: "node-1", priorityClassName: "low", terminationGracePeriodSeconds: 0 },
    }),
    namespaced("v1", "podtemplates", "PodTemplate", "template", { template: TEMPLATE }),
    namespaced("v1", "replicationcontrollers", "ReplicationController", "old", {
      spec: { replicas: 1, selector: { app: "web" }, template: TEMPLATE },
    }),
    namespaced("v1", "events", "Event", "happened", { involvedObject: involved, reason: "Pulled", message: "pulled", type: "Normal" }),
    namespaced("events.k8s.io/v1", "events", "Event", "happened-too", {
      regarding: involved,
      reason: "Pulled",
      note: "pulled",
      type: "Normal",
      action: "Pulling",
      reportingController: "lab.example/kubelet",
      reportingInstance: "node-1",
      eventTime: LATER,
    }),
    namespaced("v1", "limitranges", "LimitRange", "limits", {
      spec: { limits: [{ type: "PersistentVolumeClaim", max: { storage: "64Gi" } }] },
    }),
    namespaced("v1", "resourcequotas", "ResourceQuota", "quota", { spec: { hard: { "count/widgets.lab.example.com": "10" } } }),
    clusters("v1", "nodes", "Node", "node-1", { spec: { providerID: "lab:///1", podCIDR: "10.2.0.0/24" } }),
    clusters("v1", "persistentvolumes", "PersistentVolume", "volume", {
      metadata: { annotations: { "pv.kubernetes.io/bound-by-controller": "yes" } },
      spec: {
        ...volume,
        claimRef: { namespace: NAMESPACE, name: "claim", uid: "2b9a1c5e-0000-4000-a000-000000000001", resourceVersion: "5" },
      },
    }),
    namespaced("v1", "persistentvolumeclaims", "PersistentVolumeClaim", "claim", {
      metadata: { annotations: { "pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes" } },
      spec: { ...claim, volumeName: "volume" },
    }),
  ];
}

function workloads(): readonly Sample[] {
  const job = { template: { spec: { ...TEMPLATE.spec, restartPolicy: "Never" } } };
  const owned = {
    ownerReferences: [
      { apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: "2b9a1c5e-0000-4000-a000-000000000002", controller: true },
    ],
  };
  return [
    namespaced("apps/v1", "deployments", "Deployment", "web", { spec: { selector: SELECTOR, template: TEMPLATE } }),
    namespaced("apps/v1", "daemonsets", "DaemonSet", "agent", { spec: { selector: SELECTOR, template: TEMPLATE } }),
    namespaced("apps/v1", "replicasets", "ReplicaSet", "web-1", { metadata: owned, spec: { selector: SELECTOR, template: TEMPLATE } }),
    namespaced("apps/v1", "statefulsets", "StatefulSet", "db", {
      spec: {
        selector: SELECTOR,
        serviceName: "headless",
        template: TEMPLATE,
        volumeClaimTemplates: [
          { metadata: { name: "data" }, spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } },
        ],
      },
    }),
    namespaced("apps/v1", "controllerrevisions", "ControllerRevision", "db-1", { revision: 1, data: { spec: { a: 1 } } }),
    namespaced("batch/v1", "jobs", "Job", "once", { spec: job }),
    namespaced("batch/v1", "jobs", "Job", "by-hand", {
      spec: {
        manualSelector: true,
        selector: { matchLabels: { job: "by-hand" } },
        template: { ...job.template, metadata: { labels: { job: "by-hand" } } },
      },
    }),
    namespaced("batch/v1", "cronjobs", "CronJob", "nightly", { spec: { schedule: "0 2 * * *", jobTemplate: { spec: job } } }),
    namespaced("autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "web", {
      spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" } },
    }),
    namespaced("policy/v1", "poddisruptionbudgets", "PodDisruptionBudget", "web", { spec: { minAvailable: "50%", selector: SELECTOR } }),
    namespaced("coordination.k8s.io/v1", "leases", "Lease", "leader", {
      spec: { holderIdentity: "a", leaseDurationSeconds: 15, renewTime: LATER },
    }),
    namespaced("discovery.k8s.io/v1", "endpointslices", "EndpointSlice", "web-1", {
      addressType: "IPv4",
      ports: [{ port: 80 }],
      endpoints: [{ addresses: ["10.1.2.3"], nodeName: "node-1" }],
    }),
    namespaced("networking.k8s.io/v1", "ingresses", "Ingress", "web", {
      spec: { defaultBackend: { service: { name: "web", port: { number: 80 } } } },
    }),
    namespaced("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", "closed", {
      spec: { podSelector: {}, policyTypes: ["Ingress"] },
    }),
  ];
}

function policies(): readonly Sample[] {
  const rule = { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] };
  const webhooks = [
    {
      name: "lab.example.com",
      failurePolicy: "Ignore",
      sideEffects: "None",
      admissionReviewVersions: ["v1"],
      clientConfig: { url: "https://127.0.0.1:1/none" },
      namespaceSelector: { matchLabels: { "lab.example.com/none": "yes" } },
      rules: [rule],
    },
  ];
  const group = "admissionregistration.k8s.io/v1";
  const constraints = { resourceRules: [rule], namespaceSelector: { matchLabels: { "lab.example.com/none": "yes" } } };
  const apply = { expression: 'Object{metadata: Object.metadata{labels: {"a": "b"}}}' };
  return [
    namespaced("rbac.authorization.k8s.io/v1", "roles", "Role", "reader", {
      rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }],
    }),
    namespaced("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding", "reader", binding("Role")),
    clusters("rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", "lab-reader", {
      rules: [{ nonResourceURLs: ["/x"], verbs: ["get"] }],
    }),
    clusters("rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding", "lab-reader", binding("ClusterRole")),
    clusters(group, "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", "lab", { webhooks }),
    clusters(group, "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", "lab", { webhooks }),
    clusters(group, "validatingadmissionpolicies", "ValidatingAdmissionPolicy", "lab", {
      spec: { matchConstraints: constraints, validations: [{ expression: "true" }] },
    }),
    clusters(group, "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", "lab", {
      spec: { policyName: "lab", validationActions: ["Audit"] },
    }),
    clusters(group, "mutatingadmissionpolicies", "MutatingAdmissionPolicy", "lab", {
      spec: {
        matchConstraints: constraints,
        reinvocationPolicy: "Never",
        mutations: [{ patchType: "ApplyConfiguration", applyConfiguration: apply }],
      },
    }),
    clusters(group, "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", "lab", { spec: { policyName: "lab" } }),
  ];
}

function binding(kind: "Role" | "ClusterRole"): Fields {
  const name = kind === "Role" ? "reader" : "lab-reader";
  return {
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name },
    subjects: [{ kind: "ServiceAccount", name: "runner", namespace: NAMESPACE }],
  };
}

function cluster(): readonly Sample[] {
  const storage = "storage.k8s.io/v1";
  const flow = "flowcontrol.apiserver.k8s.io/v1";
  return [
    clusters("apiregistration.k8s.io/v1", "apiservices", "APIService", "v1.metrics.example.com", {
      spec: {
        group: "metrics.example.com",
        version: "v1",
        groupPriorityMinimum: 100,
        versionPriority: 100,
        insecureSkipTLSVerify: true,
        service: { name: "web", namespace: NAMESPACE },
      },
    }),
    clusters("apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", "widgets.lab.example.com", {
      spec: {
        group: "lab.example.com",
        scope: "Namespaced",
        names: { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList" },
        versions: [
          {
            name: "v1",
            served: true,
            storage: true,
            schema: {
              openAPIV3Schema: {
                type: "object",
                properties: {
                  spec: { type: "object", properties: { size: { type: "integer", "x-kubernetes-int-or-string": false } } },
                  status: { type: "object" },
                },
              },
            },
            subresources: { status: {} },
            additionalPrinterColumns: [{ name: "Size", type: "integer", jsonPath: ".spec.size" }],
          },
        ],
      },
    }),
    clusters("scheduling.k8s.io/v1", "priorityclasses", "PriorityClass", "low", { value: 5, preemptionPolicy: "Never" }),
    clusters("node.k8s.io/v1", "runtimeclasses", "RuntimeClass", "sandbox", { handler: "sandbox" }),
    clusters("networking.k8s.io/v1", "ingressclasses", "IngressClass", "lab", { spec: { controller: "lab.example.com/ingress" } }),
    clusters("networking.k8s.io/v1", "servicecidrs", "ServiceCIDR", "more", { spec: { cidrs: ["10.9.0.0/24"] } }),
    clusters("networking.k8s.io/v1", "ipaddresses", "IPAddress", "10.9.0.7", {
      spec: { parentRef: { resource: "services", namespace: NAMESPACE, name: "nobody" } },
    }),
    clusters(storage, "storageclasses", "StorageClass", "fast", { provisioner: "lab.example.com/fast" }),
    clusters(storage, "volumeattributesclasses", "VolumeAttributesClass", "silver", {
      driverName: "lab.example.com",
      parameters: { iops: "1" },
    }),
    clusters(storage, "csidrivers", "CSIDriver", "lab.example.com", { spec: { attachRequired: false } }),
    clusters(storage, "csinodes", "CSINode", "node-1", { spec: { drivers: [] } }),
    clusters(storage, "volumeattachments", "VolumeAttachment", "volume", {
      spec: { attacher: "lab.example.com", nodeName: "node-1", source: { persistentVolumeName: "volume" } },
    }),
    namespaced(storage, "csistoragecapacities", "CSIStorageCapacity", "room", { storageClassName: "fast", capacity: "1Gi" }),
    clusters(flow, "prioritylevelconfigurations", "PriorityLevelConfiguration", "lab", {
      spec: { type: "Limited", limited: { nominalConcurrencyShares: 1, limitResponse: { type: "Reject" } } },
    }),
    clusters(flow, "flowschemas", "FlowSchema", "lab", {
      spec: {
        priorityLevelConfiguration: { name: "lab" },
        matchingPrecedence: 9000,
        rules: [
          {
            subjects: [{ kind: "Group", group: { name: "lab" } }],
            resourceRules: [{ verbs: ["get"], apiGroups: [""], resources: ["pods"], clusterScope: true }],
          },
        ],
      },
    }),
    clusters("storagemigration.k8s.io/v1", "storageversionmigrations", "StorageVersionMigration", "lab", {
      spec: { resource: { group: "", resource: "configmaps" } },
    }),
  ];
}

function devices(): readonly Sample[] {
  const group = "resource.k8s.io/v1";
  const requests = { devices: { requests: [{ name: "gpu", exactly: { deviceClassName: "gpu" } }] } };
  return [
    clusters(group, "deviceclasses", "DeviceClass", "gpu", {
      spec: { selectors: [{ cel: { expression: 'device.driver == "lab.example.com"' } }] },
    }),
    clusters(group, "devicetaintrules", "DeviceTaintRule", "broken", {
      spec: { deviceSelector: { driver: "lab.example.com" }, taint: { key: "lab.example.com/broken", effect: "NoSchedule" } },
    }),
    namespaced(group, "resourceclaims", "ResourceClaim", "gpu", { spec: requests }),
    namespaced(group, "resourceclaimtemplates", "ResourceClaimTemplate", "gpu", { spec: { spec: requests } }),
    clusters(group, "resourceslices", "ResourceSlice", "node-1", {
      spec: {
        driver: "lab.example.com",
        nodeName: "node-1",
        pool: { name: "node-1", generation: 1, resourceSliceCount: 1 },
        devices: [{ name: "gpu-0" }],
      },
    }),
  ];
}

async function certificates(): Promise<readonly Sample[]> {
  const group = "certificates.k8s.io/v1";
  const authority = await createAuthority("lab trust");
  const uid = "2b9a1c5e-0000-4000-a000-000000000003";
  return [
    clusters(group, "certificatesigningrequests", "CertificateSigningRequest", "node", {
      spec: { request: Buffer.from(REQUEST).toString("base64"), signerName: "lab.example.com/signer", usages: ["client auth"] },
    }),
    clusters(group, "clustertrustbundles", "ClusterTrustBundle", "lab", { spec: { trustBundle: authority.certificate } }),
    namespaced(group, "podcertificaterequests", "PodCertificateRequest", "web", {
      spec: {
        signerName: "lab.example.com/signer",
        podName: "web",
        podUID: uid,
        serviceAccountName: "runner",
        serviceAccountUID: uid,
        nodeName: "node-1",
        nodeUID: uid,
        maxExpirationSeconds: 86400,
        stubPKCS10Request: REQUEST.replaceAll(/-----.*-----|\n/g, ""),
      },
    }),
  ];
}

function clusters(apiVersion: string, resource: string, kind: string, name: string, { metadata = {}, ...more }: Fields): Sample {
  return [`${rootOf(apiVersion)}/${resource}`, { apiVersion, kind, metadata: { name, ...metadata }, ...more }];
}

function namespaced(apiVersion: string, resource: string, kind: string, name: string, { metadata = {}, ...more }: Fields): Sample {
  return [
    `${rootOf(apiVersion)}/namespaces/${NAMESPACE}/${resource}`,
    { apiVersion, kind, metadata: { name, namespace: NAMESPACE, ...metadata }, ...more },
  ];
}

function rootOf(apiVersion: string): string {
  return apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`;
}
