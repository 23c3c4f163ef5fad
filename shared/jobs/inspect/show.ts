import { isLifeboatError } from "../../errors.ts";
import { readRewraps } from "../../vault/rewraps.ts";
import type { WrappingRecord } from "../../documents/parts.ts";
import type { Stored } from "../../documents/stored.ts";
import type { Verification } from "../../documents/verification.ts";
import { stateOfData } from "../../store/stored-object.ts";
import type { ObjectState } from "../../store/stored-object.ts";
import { readCountersignatures } from "../../vault/catalog.ts";
import type { Countersignatures } from "../../vault/catalog.ts";
import type { Vault } from "../../vault/vault.ts";
import { judge } from "../../vault/judge.ts";
import type { Judged, JudgePorts } from "../../vault/judge.ts";
import { pinOf, readPins } from "../../vault/pins.ts";
import type { PinState } from "../../vault/pins.ts";
import { resolveRef } from "../../vault/ref.ts";

export interface Shown extends Judged {
  /** Countersignatures of exactly this manifest, oldest first. */
  readonly verifications: readonly Verification[];
  /** Countersignatures that are not believed. */
  readonly badCountersignatures: Countersignatures["bad"];
  /** Wrappings that were added since the backup; undefined where this role may not read them. */
  readonly addedWrappings: readonly WrappingRecord[] | undefined;
  readonly pin: PinState;
  readonly data: ShownData;
}

/** Whether its own data is there, as far as metadata tells. */
export interface ShownData {
  readonly state: ObjectState["state"] | "unknown";
  /** What is there; undefined where nothing is, or that is not known. */
  readonly bytes: number | undefined;
  /** Where it is not known, why. */
  readonly reason: string | undefined;
}

/** A snapshot's manifest and what was said of it since. Reads metadata only. */
export async function showSnapshot(ports: JudgePorts, ref: string): Promise<Shown> {
  const found = await resolveRef(ports, ref);
  const { cluster, id } = found.manifest;
  const { good, bad } = await readCountersignatures(ports, cluster, id);
  const verifications = (good.get(id) ?? []).filter((each) => each.manifestDigest === found.digest);
  return {
    ...found,
    lacks: judge(ports, found, verifications),
    verifications,
    badCountersignatures: bad,
    addedWrappings: await readAdded(ports, cluster, id),
    pin: pinOf(await readPins(ports, cluster, undefined, id), { id, digest: found.digest }),
    data: await lookAtData(ports, found.manifest.stored),
  };
}

async function lookAtData({ blobs }: Vault, stored: Stored): Promise<ShownData> {
  try {
    const { state, bytes } = await stateOfData(blobs, stored);
    return state === "elsewhere" ? { state: "unknown", bytes, reason: "it is in a Kopia repository" } : { state, bytes, reason: undefined };
  } catch (error) {
    // S3 counts a look at an object as reading it, and who shows snapshots need not be allowed that.
    if (isLifeboatError(error, "store/denied")) return { state: "unknown", bytes: undefined, reason: error.message };
    throw error;
  }
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
