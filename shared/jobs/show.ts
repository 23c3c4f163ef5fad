import { isLifeboatError } from "../errors.ts";
import { readRewraps } from "../manifest/rewraps.ts";
import type { Verification, WrappingRecord } from "../manifest/schema.ts";
import { readCountersignatures } from "./catalog.ts";
import type { Countersignatures, FoundManifest, Vault } from "./catalog.ts";
import { resolveRef } from "./ref.ts";

export interface Shown extends FoundManifest {
  /** Countersignatures of exactly this manifest, oldest first. */
  readonly verifications: readonly Verification[];
  /** Countersignatures that are not believed. */
  readonly badCountersignatures: Countersignatures["bad"];
  /** Wrappings that were added since the backup; undefined where this role may not read them. */
  readonly addedWrappings: readonly WrappingRecord[] | undefined;
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
    addedWrappings: await readAdded(vault, cluster, id),
  };
}

async function readAdded(vault: Vault, cluster: string, id: string): Promise<readonly WrappingRecord[] | undefined> {
  try {
    return (await readRewraps(vault, cluster, id)).good.flatMap(({ wrappings }) => wrappings);
  } catch (error) {
    // The writer may not, and needs no key that opens.
    if (isLifeboatError(error, "store/denied")) return undefined;
    throw error;
  }
}
