import type { KubernetesObject } from "./decoder.ts";

/** A part of an object that is an object itself; an empty one where there is none. Custom resources may have anything anywhere. */
export function partOf(object: unknown, field: string): KubernetesObject {
  if (!isMap(object)) return {};
  const part = object[field];
  return isMap(part) ? part : {};
}

export function textOf(object: unknown, field: string): string {
  const value = isMap(object) ? object[field] : undefined;
  return typeof value === "string" ? value : "";
}

export function listOf(object: unknown, field: string): readonly unknown[] {
  const value = isMap(object) ? object[field] : undefined;
  return Array.isArray(value) ? value : [];
}

/** `object` without `fields`: itself where it has none of them. */
export function without(object: KubernetesObject, ...fields: readonly string[]): KubernetesObject {
  if (fields.every((field) => !Object.hasOwn(object, field))) return object;
  return Object.fromEntries(Object.entries(object).filter(([name]) => !fields.includes(name)));
}

/** `object` with what `change` makes of a part of it, which goes where it ends up empty. Itself where it has no such part. */
export function withPart(object: KubernetesObject, field: string, change: (part: KubernetesObject) => KubernetesObject): KubernetesObject {
  const part = object[field];
  if (!isMap(part)) return object;
  const changed = change(part);
  if (Object.keys(changed).length === 0) return without(object, field);
  // Spread keeps the place of the field, and makes a field of its own even of `__proto__`.
  return { ...object, [field]: changed };
}

export function isMap(value: unknown): value is KubernetesObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `apps` of `apps/v1`; empty for the core group. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf("/");
  return slash === -1 ? "" : apiVersion.slice(0, slash);
}
