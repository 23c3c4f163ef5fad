import { readRewraps } from "./rewraps.ts";
import type { SnapshotName } from "../store/snapshot-store.ts";
import type { AddedKeys } from "../store/wrapped-keys.ts";
import { readCountersignatures } from "./catalog.ts";
import type { Vault } from "./vault.ts";

/**
 * What a sealed store asks for: what the role that verifies added to a snapshot's keys since its backup, by rewraps and in countersignatures. Whose manifest
 * they name is not compared: what they hold is held against the recipient in it.
 */
export function addedKeys(vault: Vault): (name: SnapshotName) => Promise<AddedKeys> {
  return async ({ cluster, id }) => {
    const rewraps = await readRewraps(vault, cluster, id);
    const verifications = (await readCountersignatures(vault, cluster, id)).good.get(id) ?? [];
    return {
      wrappings: [...rewraps.good, ...verifications].flatMap(({ wrappings = [] }) => wrappings),
      breakGlass: verifications.flatMap(({ breakGlass }) => (breakGlass === undefined ? [] : [breakGlass])),
    };
  };
}
