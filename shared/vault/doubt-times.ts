import type { Clock } from "../clock.ts";
import { manifestKey } from "../documents/layout.ts";
import { implausibleTimes } from "../documents/plausible-times.ts";
import { readCountersignatures } from "./catalog.ts";
import type { FoundManifest } from "./catalog.ts";
import type { Vault } from "./vault.ts";

/** Whether the audit key has countersigned this very manifest. */
export async function isCountersigned(vault: Vault, { manifest: { cluster, id }, digest }: FoundManifest): Promise<boolean> {
  const { good } = await readCountersignatures(vault, cluster, id);
  return (good.get(id) ?? []).some(({ manifestDigest }) => manifestDigest === digest);
}

/**
 * What a manifest says of its time that cannot be, one sentence each: see `implausibleTimes`. One that is `known` (countersigned) was held against the store's time when it was new; since then the store may have been
 * moved, or be a replica.
 */
export async function doubtTimes(
  { blobs, clock }: Pick<Vault, "blobs"> & { readonly clock: Clock },
  { manifest }: FoundManifest,
  { known, signal }: { readonly known: boolean; readonly signal?: AbortSignal | undefined },
): Promise<readonly string[]> {
  const info = await blobs.head(manifestKey(manifest.cluster, manifest.id), { signal });
  // It was read a moment ago; what became of it is for whoever reads it next.
  if (info === undefined) return [];
  return implausibleTimes(manifest, { now: clock.now(), modified: info.modified, isCopy: known });
}
