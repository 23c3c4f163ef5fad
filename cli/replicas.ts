import type { JsonDocument } from "../shared/contract/documents.ts";
import type { ReplicaOutcome } from "../shared/jobs/copy/to-replicas.ts";
import type { ReplicaListing, Standing } from "../shared/jobs/copy/standing.ts";
import { note } from "./console.ts";
import type { Console } from "./console.ts";
import { nameAll } from "./summary.ts";

/** How commands tell of replicas. */

/** What of the snapshots that are shown each replica has; a line for each. */
export function presenceFields(refs: readonly string[], listings: readonly ReplicaListing[]): [string, string][] {
  return listings.map(({ name, location, refs: there }) => [`replica ${name}`, `${describePresence(refs, there)} (${location})`]);
}

function describePresence(refs: readonly string[], there: ReadonlySet<string> | undefined): string {
  if (there === undefined) return "unknown";
  const missing = refs.filter((ref) => !there.has(ref));
  if (missing.length === 0) return refs.length === 1 ? "has it" : `has all ${refs.length}`;
  return missing.length === refs.length ? "has none of these" : `lacks ${nameAll(missing)}`;
}

/** `present` is null where the replica could not be asked. */
export function placesOf(ref: string, listings: readonly ReplicaListing[]): { readonly name: string; readonly present: boolean | null }[] {
  return listings.map(({ name, refs }) => ({ name, present: refs === undefined ? null : refs.has(ref) }));
}

/** What a replica has beside `refs`. */
export function alsoIn({ refs: there }: ReplicaListing, refs: ReadonlySet<string>): readonly string[] {
  return [...(there ?? [])].filter((ref) => !refs.has(ref));
}

/** A line of `show` for each replica. */
export function standingFields(standings: readonly Standing[]): [string, string][] {
  return standings.map(({ name, location, state, reason }) => [
    `replica ${name}`,
    `${state}${reason === undefined ? "" : `: ${reason}`} (${location})`,
  ]);
}

/** A line of a backup for each copy. */
export function outcomeFields(outcomes: readonly ReplicaOutcome[]): [string, string][] {
  const words = { copied: "copied", existing: "there already, and whole", failed: "NOT THERE" };
  const isOne = new Set(outcomes.map(({ id }) => id)).size === 1;
  return outcomes.map(({ replica, location, cluster, id, outcome }) => [
    `replica ${replica}`,
    `${isOne ? "" : `${cluster}/${id} `}${words[outcome]} (${location})`,
  ]);
}

export function outcomesToJson(outcomes: readonly ReplicaOutcome[]): JsonDocument<"backup">["replicas"] {
  return outcomes.map((each) => {
    const { replica, location, cluster, id, outcome, conflicts } = each;
    const error = each.outcome === "failed" ? { ...each.error, hint: each.error.hint ?? null } : null;
    return { name: replica, location, ref: `${cluster}/${id}`, outcome, conflicts, error };
  });
}

/** What a person should look at, and what to do. */
export function warnOf(console: Console, outcomes: readonly ReplicaOutcome[]): void {
  for (const each of outcomes) {
    const ref = `${each.cluster}/${each.id}`;
    for (const conflict of each.conflicts) note(console, `warning: replica ${each.replica}: ${conflict}`);
    if (each.outcome !== "failed") continue;
    note(console, `warning: ${ref} is stored, and is not in the replica ${each.replica}: ${each.error.message}`);
    const copy = `lifeboat copy ${ref} --to ${each.replica}`;
    const { hint } = each.error;
    note(console, `hint: ${hint === undefined ? copy : hint.includes(copy) ? hint : `${hint}; then ${copy}`}`);
  }
}
