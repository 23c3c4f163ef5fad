import { idInIndexKey } from "../documents/layout.ts";
import type { IndexObject, Verification } from "../documents/verification.ts";
import type { FoundManifest } from "./catalog.ts";

/** The indexes that countersignatures of a snapshot name, the newest first: of exactly its manifest, and at a place of its own. */
export function readIndexes(
  { manifest: { cluster, id }, digest }: FoundManifest,
  countersignatures: readonly Verification[],
): readonly IndexObject[] {
  return countersignatures
    .flatMap(({ manifestDigest, index }) =>
      manifestDigest === digest && index !== undefined && idInIndexKey(cluster, index.key) === id ? [index] : [],
    )
    .toReversed();
}
