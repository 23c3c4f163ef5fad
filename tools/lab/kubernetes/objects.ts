import { bytes, map, message, text, varint } from "./protobuf.ts";
import type { Field } from "./protobuf.ts";
import type { SeededRandom } from "./random.ts";

/**
 * Objects as kube-apiserver stores them. Field numbers: the generated.proto files of k8s.io/api and k8s.io/apimachinery; envelope:
 * "k8s\0" and a runtime.Unknown (k8s.io/apimachinery/pkg/runtime).
 */

/** A key with its value, and whether the apiserver keeps it under an etcd lease (events: one hour). */
export interface StoredObject {
  readonly key: string;
  readonly value: Buffer;
  readonly expires?: true;
}

export interface Place {
  readonly namespace: string;
  readonly name: string;
}

const EPOCH_SECONDS = Date.UTC(2026, 10, 1) / 1000;
const WORDS = [
  "order",
  "cart",
  "payment",
  "invoice",
  "stock",
  "search",
  "session",
  "price",
  "customer",
  "courier",
  "refund",
  "voucher",
] as const;

export function namespace(random: SeededRandom, name: string): StoredObject {
  const value = envelope(
    "v1",
    "Namespace",
    metadata(random, { namespace: "", name }),
    message(2, text(1, "kubernetes")),
    message(3, text(1, "Active")),
  );
  return { key: `/registry/namespaces/${name}`, value };
}

export function pod(random: SeededRandom, place: Place): StoredObject {
  const node = `node-${random.between(1, 40)}`;
  const started = time(random);
  const container = (name: string): Field =>
    message(
      2,
      text(1, name),
      text(2, `registry.example/${random.pick(WORDS)}/${name}:1.${random.between(0, 40)}.${random.between(0, 9)}`),
      ...WORDS.slice(0, random.between(2, 8)).map((word) =>
        message(7, text(1, `${word.toUpperCase()}_URL`), text(2, `http://${word}.${place.namespace}.svc:8080`)),
      ),
      text(14, "IfNotPresent"),
    );
  const spec = message(
    2,
    container("app"),
    container("proxy"),
    text(3, "Always"),
    varint(4, 30),
    text(6, "ClusterFirst"),
    text(8, "default"),
    text(10, node),
  );
  const conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map((type) =>
    message(2, text(1, type), text(2, "True"), message(4, ...started)),
  );
  const address = `10.${random.between(0, 255)}.${random.between(0, 255)}.${random.between(1, 254)}`;
  const status = message(3, text(1, "Running"), ...conditions, text(5, address), text(6, address), message(7, ...started));
  return {
    key: `/registry/pods/${place.namespace}/${place.name}`,
    value: envelope("v1", "Pod", metadata(random, place, "kubelet"), spec, status),
  };
}

/** Of random bytes, which do not compress. */
export function secret(random: SeededRandom, place: Place): StoredObject {
  const data = { "tls.crt": random.bytes(random.between(900, 3000)), "tls.key": random.bytes(227) };
  const value = envelope("v1", "Secret", metadata(random, place), map(2, data), text(3, "kubernetes.io/tls"));
  return { key: `/registry/secrets/${place.namespace}/${place.name}`, value };
}

export function configMap(random: SeededRandom, place: Place): StoredObject {
  const lines = Array.from(
    { length: random.between(20, 300) },
    (_, line) => `${random.pick(WORDS)}.${random.pick(WORDS)}.${line} = ${random.between(1, 9999)}`,
  );
  const value = envelope("v1", "ConfigMap", metadata(random, place, "kubectl"), map(2, { "application.properties": lines.join("\n") }));
  return { key: `/registry/configmaps/${place.namespace}/${place.name}`, value };
}

export function lease(random: SeededRandom, place: Place): StoredObject {
  const renewed = time(random);
  const spec = message(2, text(1, place.name), varint(2, 40), message(4, ...renewed));
  return {
    key: `/registry/leases/${place.namespace}/${place.name}`,
    value: envelope("coordination.k8s.io/v1", "Lease", metadata(random, place), spec),
  };
}

export function event(random: SeededRandom, place: Place): StoredObject {
  const seen = time(random);
  const value = envelope(
    "v1",
    "Event",
    metadata(random, place),
    message(2, text(1, "Pod"), text(2, place.namespace), text(3, place.name), text(4, random.uid()), text(5, "v1")),
    text(3, random.pick(["Pulled", "Created", "Started", "Killing", "BackOff"])),
    text(4, `${random.pick(WORDS)} container on ${random.pick(WORDS)} node ${random.between(1, 40)}`),
    message(5, text(1, "kubelet"), text(2, `node-${random.between(1, 40)}`)),
    message(6, ...seen),
    message(7, ...seen),
    varint(8, random.between(1, 20)),
    text(9, "Normal"),
  );
  return { key: `/registry/events/${place.namespace}/${place.name}.${random.bytes(8).toString("hex")}`, value, expires: true };
}

/** Custom resources are stored as JSON. */
export function customResource(random: SeededRandom, place: Place): StoredObject {
  const value = {
    apiVersion: "cert-manager.io/v1",
    kind: "Certificate",
    metadata: {
      name: place.name,
      namespace: place.namespace,
      uid: random.uid(),
      creationTimestamp: stamp(random),
      generation: random.between(1, 9),
    },
    spec: {
      secretName: place.name,
      dnsNames: Array.from({ length: random.between(1, 12) }, () => `${random.pick(WORDS)}-${random.suffix(4)}.example.com`),
      issuerRef: { name: "letsencrypt", kind: "ClusterIssuer" },
    },
    status: { conditions: [{ type: "Ready", status: "True", lastTransitionTime: stamp(random), message: "certificate is up to date" }] },
  };
  return {
    key: `/registry/cert-manager.io/certificates/${place.namespace}/${place.name}`,
    value: Buffer.from(`${JSON.stringify(value)}\n`),
  };
}

function envelope(apiVersion: string, kind: string, ...object: readonly Field[]): Buffer {
  // contentEncoding 3 and contentType 4 are written though empty, as gogo-protobuf does.
  return Buffer.concat([
    Buffer.from("k8s\0"),
    message(1, text(1, apiVersion), text(2, kind)),
    message(2, ...object),
    text(3, ""),
    text(4, ""),
  ]);
}

/** ObjectMeta; `manager` adds what that manager owns of the object (managedFields), which is most of many a real object. */
function metadata(random: SeededRandom, place: Place, manager?: string): Field {
  const created = time(random);
  const owned = Object.fromEntries(
    WORDS.map((word) => [`f:${word}`, { [`k:{"name":"${random.suffix(5)}"}`]: { ".": {}, "f:value": {} } }]),
  );
  return message(
    1,
    text(1, place.name),
    ...(place.namespace === "" ? [] : [text(3, place.namespace)]),
    text(5, random.uid()),
    varint(7, random.between(0, 5)),
    message(8, ...created),
    map(11, { "app.kubernetes.io/name": random.pick(WORDS), "app.kubernetes.io/version": `1.${random.between(0, 40)}` }),
    ...(manager === undefined
      ? []
      : [
          message(
            17,
            text(1, manager),
            text(2, "Update"),
            text(3, "v1"),
            message(4, ...created),
            text(6, "FieldsV1"),
            message(7, bytes(1, Buffer.from(JSON.stringify(owned)))),
          ),
        ]),
  );
}

/** The fields of a Timestamp within ten days. */
function time(random: SeededRandom): readonly Field[] {
  return [varint(1, EPOCH_SECONDS + random.between(0, 864_000)), varint(2, 0)];
}

function stamp(random: SeededRandom): string {
  return new Date((EPOCH_SECONDS + random.between(0, 864_000)) * 1000).toISOString().replace(".000", "");
}
