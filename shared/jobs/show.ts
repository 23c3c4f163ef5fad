import type { Verification } from "../manifest/schema.ts";
import { readCountersignatures } from "./catalog.ts";
import type { Countersignatures, FoundManifest, Vault } from "./catalog.ts";
import { resolveRef } from "./ref.ts";

export interface Shown extends FoundManifest {
  /** Countersignatures of exactly this manifest, oldest first. */
  readonly verifications: readonly Verification[];
  /** Countersignatures that are not believed. */
  readonly badCountersignatures: Countersignatures["bad"];
}

/** A snapshot's manifest and what was said of it since. Reads metadata only. */
export async function showSnapshot(vault: Vault, ref: string): Promise<Shown> {
  const found = await resolveRef(vault, ref);
  const { cluster, id } = found.manifest;
  const { good, bad } = await readCountersignatures(vault, cluster, id);
  return {
    ...found,
    verifications: (good.get(id) ?? []).filter((each) => each.manifestDigest === found.digest),
    badCountersignatures: bad,
  };
}
