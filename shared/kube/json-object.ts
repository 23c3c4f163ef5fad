import type { Decoded, KubernetesObject } from "./decoder.ts";

/** The API server itself takes no more than 10,000, and nobody writes 100: what comes after walks an object by calling itself. */
const MOST_LEVELS = 512;

/** The object in a text that claims to be one: custom resources are stored as JSON, and the program that decodes the others answers so. */
export function readJsonObject(text: Uint8Array): Decoded {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text));
  } catch {
    return { raw: "begins as JSON and is none" };
  }
  if (!isObject(value)) return { raw: "is JSON without the apiVersion and kind of an object of Kubernetes" };
  const trouble = troubleIn(value);
  return trouble === undefined ? { object: value } : { raw: trouble };
}

function isObject(value: unknown): value is KubernetesObject {
  if (typeof value !== "object" || value === null || !("apiVersion" in value) || !("kind" in value)) return false;
  return typeof value.apiVersion === "string" && typeof value.kind === "string";
}

/** Why an object could not be given back as it is. */
function troubleIn(object: object): string | undefined {
  let level: unknown[] = [object];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MOST_LEVELS) return `is an object nested more than ${MOST_LEVELS} levels deep`;
    const below: unknown[] = [];
    for (const each of level) {
      if (typeof each === "number" && Number.isInteger(each) && !Number.isSafeInteger(each))
        return "is an object with a whole number beyond 2^53, which would be rounded";
      if (typeof each === "object" && each !== null) for (const value of Object.values(each)) below.push(value);
    }
    level = below;
  }
  return undefined;
}
