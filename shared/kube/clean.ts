import { cleanKind } from "./clean-kinds.ts";
import type { KubernetesObject } from "./decoder.ts";
import { listOf, partOf, textOf, without, withPart } from "./object.ts";
import { asServed } from "./served-version.ts";

export interface Cleaned {
  readonly object: KubernetesObject;
  /** What went besides and a person should know of: each the end of a sentence that begins with the object's name. */
  readonly warnings: readonly string[];
}

/** What the API server writes into the metadata of every object (k8s.io/apimachinery/pkg/apis/meta/v1, ObjectMeta). */
const SERVER_METADATA = [
  "clusterName",
  "creationTimestamp",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "generation",
  "managedFields",
  "ownerReferences",
  "resourceVersion",
  "selfLink",
  "uid",
];
/** Those of a deletion that was under way. */
const DELETION_FINALIZERS: ReadonlySet<unknown> = new Set(["foregroundDeletion", "orphan"]);

/**
 * An object as somebody could have created it: without what the API server and the controllers wrote into it, which would keep `kubectl create -f -` from taking it, or bind it to what is gone.
 * Where that cannot be done in silence, such as for owners, there is a warning.
 */
export function clean(stored: KubernetesObject): Cleaned {
  const warnings: string[] = [];
  const owners = listOf(stored["metadata"], "ownerReferences").map((owner) => `${textOf(owner, "kind")} ${textOf(owner, "name")}`);
  if (owners.length > 0)
    warnings.push(
      `belonged to ${owners.join(", ")}: without the reference nothing deletes it along, and what makes such objects may make another one`,
    );
  if (partOf(stored, "metadata")["deletionTimestamp"] !== undefined) warnings.push("was being deleted at the time");
  const served = asServed(stored);
  if (served !== stored)
    warnings.push(
      `is stored as ${textOf(stored, "apiVersion")} and was written as ${textOf(served, "apiVersion")}, which it is now: look through its fields if it is refused`,
    );
  const general = withPart(without(served, "status"), "metadata", (metadata) => withFinalizers(without(metadata, ...SERVER_METADATA)));
  const object = cleanKind(general, (warning) => warnings.push(warning));
  return { object, warnings };
}

function withFinalizers(metadata: KubernetesObject): KubernetesObject {
  const finalizers = listOf(metadata, "finalizers");
  const kept = finalizers.filter((each) => !DELETION_FINALIZERS.has(each));
  if (kept.length === finalizers.length) return metadata;
  return kept.length === 0 ? without(metadata, "finalizers") : { ...metadata, finalizers: kept };
}
