import type { KubernetesObject } from "./decoder.ts";
import { isMap, partOf, withPart } from "./object.ts";

/** What `kubectl apply` was given, Secrets in clear: https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/. */
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/**
 * A Secret whose values are replaced by how long they are; any other object as it is. Beside `other`, the same object at another time, values that differ say so: else a diff would show
 * nothing of a changed password.
 */
export function redact(object: KubernetesObject, other?: KubernetesObject): KubernetesObject {
  if (!isSecret(object)) return object;
  const hidden = ["data", "stringData"].reduce(
    (secret, field) =>
      withPart(secret, field, (data) => mapped(data, (name, value) => lengthOf(value, field) + changed(value, other, [field, name]))),
    object,
  );
  return withPart(hidden, "metadata", (metadata) =>
    withPart(metadata, "annotations", (annotations) =>
      mapped(annotations, (name, value) =>
        name === LAST_APPLIED ? `(redacted)${changed(value, other, ["metadata", "annotations", name])}` : value,
      ),
    ),
  );
}

/** Whether an object's values are to be hidden. */
export function isSecret({ apiVersion, kind }: KubernetesObject): boolean {
  return apiVersion === "v1" && kind === "Secret";
}

function mapped(part: KubernetesObject, change: (name: string, value: unknown) => unknown): KubernetesObject {
  return Object.fromEntries(Object.entries(part).map(([name, value]) => [name, change(name, value)]));
}

function lengthOf(value: unknown, field: string): string {
  if (typeof value !== "string") return "(redacted)";
  const bytes = field === "data" ? Buffer.from(value, "base64").length : Buffer.byteLength(value);
  return `(redacted, ${bytes} ${bytes === 1 ? "byte" : "bytes"})`;
}

function changed(value: unknown, other: KubernetesObject | undefined, path: readonly string[]): string {
  if (other === undefined) return "";
  const [last = "", ...rest] = path.toReversed();
  const part = rest.toReversed().reduce<unknown>(partOf, other);
  const before = isMap(part) ? part[last] : undefined;
  return before === undefined || before === value ? "" : " (differs)";
}
