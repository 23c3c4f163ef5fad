import { kopiaDataKey } from "../../documents/layout.ts";
import { LifeboatError } from "../../errors.ts";
import type { SnapshotName } from "../snapshot-store.ts";
import type { Kopia, KopiaSnapshot } from "./program/kopia.ts";

/** How snapshots of ours are named in a Kopia repository, and found again: by tags, since pinning changes Kopia's ids. */

/** The name of the one file in each. */
export const SNAPSHOT_FILE = "snapshot.db";

/** Set by `lifeboat pin`; whoever else pins a snapshot uses another name, and it is left alone. */
export const OWN_PIN = "lifeboat";

export interface Run extends SnapshotName {
  /** Eight random hex digits. */
  readonly run: string;
}

export function tagsOf({ cluster, id, run }: Run): Readonly<Record<string, string>> {
  return { cluster, snapshot: id, run };
}

/** What Kopia groups the snapshots of a cluster by. */
export function sourceOf(cluster: string): string {
  return `/etcd/${cluster}`;
}

/** The name that stands for a snapshot in Kopia among the keys of a store; undefined for one that is none of ours. */
export function keyOf({ tags }: KopiaSnapshot): string | undefined {
  const { cluster, snapshot, run } = tags;
  return cluster === undefined || snapshot === undefined || run === undefined ? undefined : kopiaDataKey(cluster, snapshot, run);
}

/** Names of pins that others set. */
export function foreignPins({ pins }: KopiaSnapshot): readonly string[] {
  return pins.filter((each) => each !== OWN_PIN);
}

/** Removes it, whatever its id is by now. `store/locked` where somebody pinned it in Kopia itself. */
export async function removeSnapshot(kopia: Kopia, snapshot: KopiaSnapshot): Promise<void> {
  const pins = foreignPins(snapshot);
  if (pins.length > 0)
    throw new LifeboatError(
      "store/locked",
      `${keyOf(snapshot) ?? snapshot.id} in ${kopia.location} is pinned in Kopia as ${pins.join(", ")}`,
      { hint: "take the pin away with kopia snapshot pin --remove, if it may go", lock: { until: undefined, legalHold: true } },
    );
  await kopia.delete(snapshot.id);
}
