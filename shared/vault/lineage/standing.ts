import { isLifeboatError } from "../../errors.ts";
import { manifestKey } from "../../documents/layout.ts";
import { attentionOfLineage, needsAcceptance } from "../../documents/lineages.ts";
import type { KnownLineage, LineageAttention } from "../../documents/lineages.ts";
import { readUntil } from "../../store/read-until.ts";
import type { Vault } from "../vault.ts";
import { lineageOf, readLineages } from "./lineages.ts";
import type { Lineages } from "./lineages.ts";

/** What a person should know of a snapshot's lineage before using it. */
export interface LineageStanding {
  /** Undefined where the lineages could not be read. */
  readonly accepted: boolean | undefined;
  /** Why to look twice, one sentence, no full stop; undefined where there is no reason. */
  readonly warning: string | undefined;
  readonly attention: LineageAttention | undefined;
  /** The newest snapshot of the last lineage before that a person accepted (or that is the first): id; undefined where it is not known. */
  readonly instead: { readonly lineage: number; readonly id: string | undefined } | undefined;
}

/** Where lineage `number` of a cluster stands. A store that does not tell is no reason not to use a snapshot: then the warning says so. */
export async function standingOf(vault: Vault, cluster: string, number: number, signal?: AbortSignal): Promise<LineageStanding> {
  const { blobs, trusted } = vault;
  const reader = { blobs: readUntil(blobs, signal), trusted };
  try {
    const lineages = await readLineages(reader, cluster, signal);
    const known = lineageOf(lineages, number);
    if (known !== undefined && !needsAcceptance(known))
      return { accepted: true, warning: undefined, attention: undefined, instead: undefined };
    const attention = attentionOfLineage(cluster, known);
    const instead = await acceptedBefore(reader, cluster, lineages, known);
    const why = attention?.message ?? `lineage ${number} of ${cluster} is not believed: no signed document in the store says why it began`;
    return { accepted: false, warning: `${why}${describe(cluster, instead)}`, attention, instead };
  } catch (error) {
    if (!isLifeboatError(error, "store/", "verify/")) throw error;
    const warning = `whether lineage ${number} of ${cluster} was accepted is not known: ${error.message}`;
    return { accepted: undefined, warning, attention: undefined, instead: undefined };
  }
}

function describe(cluster: string, instead: LineageStanding["instead"]): string {
  if (instead === undefined) return "";
  return instead.id === undefined
    ? `; the last accepted lineage is ${instead.lineage}`
    : `; the newest snapshot of the last accepted lineage, ${instead.lineage}, is ${cluster}/${instead.id}`;
}

async function acceptedBefore(
  { blobs }: Vault,
  cluster: string,
  { links }: Lineages,
  known: KnownLineage | undefined,
): Promise<LineageStanding["instead"]> {
  const before = known === undefined ? links : links.slice(0, links.indexOf(known));
  const accepted = before.findLast((each) => !needsAcceptance(each));
  if (accepted === undefined) return undefined;
  // The lineage that was opened next names the newest snapshot of the one before it.
  const id = links[links.indexOf(accepted) + 1]?.lineage.previous?.snapshot;
  const isThere = id !== undefined && (await blobs.head(manifestKey(cluster, id))) !== undefined;
  return { lineage: accepted.lineage.number, id: isThere ? id : undefined };
}
