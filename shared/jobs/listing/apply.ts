import type { Clock } from "../../clock.ts";
import { MAX_FLEET_BYTES } from "../../documents/fleet.ts";
import { fleetKey } from "../../documents/layout.ts";
import { FORMAT_VERSION } from "../../documents/parts.ts";
import { signDocument } from "../../documents/signed-document.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { formatBytes } from "../../format.ts";
import type { KeyRing } from "../../keys/key-ring.ts";
import type { Actor } from "../../vault/custody/append.ts";
import { readFleetLists } from "../../vault/fleet-list.ts";
import type { FleetLists } from "../../vault/fleet-list.ts";
import { putDocument } from "../../vault/put-document.ts";
import { requireTrustedKey } from "../../vault/require-trusted-key.ts";
import type { Vault } from "../../vault/vault.ts";
import { TOOL } from "../../version.ts";
import { changesBetween } from "./changes.ts";
import type { ClusterChange, ClusterList } from "./changes.ts";

export interface FleetPlan extends FleetLists {
  readonly wanted: ClusterList;
  readonly changes: readonly ClusterChange[];
}

const NOTHING: ClusterList = { names: [], written: () => undefined, cluster: () => undefined };

/** What `wanted` would change of the list in force. Changes nothing. Throws `store/...`. */
export async function planFleet(vault: Vault, wanted: ClusterList, signal?: AbortSignal): Promise<FleetPlan> {
  const lists = await readFleetLists(vault, signal);
  return { ...lists, wanted, changes: changesBetween(lists.inForce ?? NOTHING, wanted) };
}

export interface ApplyPorts extends Vault {
  readonly keys: KeyRing;
  readonly clock: Clock;
  readonly actor: Actor;
}

export interface ApplyOptions {
  /** Whether clusters may go from the list. */
  readonly removes: boolean;
  /** The number of the list that a person has seen the changes of: another one in force is an error. */
  readonly on?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface AppliedFleet extends FleetPlan {
  /** Undefined where nothing was to change. */
  readonly applied: { readonly number: number; readonly key: string; readonly digest: string; readonly bytes: number } | undefined;
}

/**
 * Puts `wanted` in force: signs it with the bundle key and puts it, once, under the next number. Of two at once one fails with `store/exists`. Throws `usage` for clusters that would go without `removes`, for another list
 * than `on`, and for a list that is too large; else as requireTrustedKey does, `keys/...`, `store/...`.
 */
export async function applyFleet(ports: ApplyPorts, wanted: ClusterList, { removes, on, signal }: ApplyOptions): Promise<AppliedFleet> {
  const plan = await planFleet(ports, wanted, signal);
  const { inForce, changes, next } = plan;
  const number = inForce?.number ?? 0;
  if (on !== undefined && on !== number)
    throw new LifeboatError("usage", `list ${number} is in force, and not ${on}: somebody applied another one`, {
      hint: "lifeboat fleet plan shows what would change now",
    });
  const gone = changes.filter(({ change }) => change === "removed").map(({ cluster }) => cluster);
  if (gone.length > 0 && !removes)
    throw new LifeboatError("usage", `${named(gone)} would no longer be backed up`, {
      hint: "name every file of the fleet (fleet: in lifeboat.yaml, or --config more than once), or give --remove if that is what you want",
    });
  if (changes.length === 0) return { ...plan, applied: undefined };
  await requireTrustedKey(ports.keys, ports.trusted, "bundle");
  const document = await signDocument(ports.keys, "fleet", {
    type: "fleet",
    formatVersion: FORMAT_VERSION,
    number: next,
    createdAt: ports.clock.now().toISOString(),
    by: await ports.actor(),
    ...(inForce === undefined ? {} : { previous: { number: inForce.number, digest: inForce.digest } }),
    clusters: Object.fromEntries(wanted.names.map((name) => [name, { settings: { ...wanted.written(name) } }])),
    tool: TOOL,
  });
  const bytes = document.bytes.length;
  if (bytes > MAX_FLEET_BYTES)
    throw new LifeboatError("usage", `the list would have ${formatBytes(bytes)}, and readers take ${formatBytes(MAX_FLEET_BYTES)}`, {
      hint: "make a second fleet of some of the clusters: another bucket, or another prefix of the store",
    });
  const key = fleetKey(next);
  try {
    await putDocument(ports.blobs, key, document, signal);
  } catch (error) {
    if (!isLifeboatError(error, "store/exists")) throw error;
    throw new LifeboatError("store/exists", `somebody else applied ${key} at the same time: yours changed nothing`, {
      hint: "lifeboat fleet plan shows what that leaves to change; then apply again",
      cause: error,
    });
  }
  return { ...plan, applied: { number: next, key, digest: document.digest, bytes } };
}

const SHOWN = 5;

function named(clusters: readonly string[]): string {
  const more = clusters.length - SHOWN;
  return more > 0 ? `${clusters.slice(0, SHOWN).join(", ")} and ${more} more clusters` : clusters.join(", ");
}
