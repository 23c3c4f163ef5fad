import { mapConcurrently, PARALLEL_READS } from "../../map-concurrently.ts";
import { readDocument } from "../read-document.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { acceptancesPrefix, lineagePrefix, numberInLineageKey, partsOfAcceptanceKey } from "../../documents/layout.ts";
import { accepts, FARTHEST_STEP, linkLineages } from "../../documents/lineages.ts";
import type { FoundLineage, KnownLineage, LineageFault } from "../../documents/lineages.ts";
import type { Acceptance } from "../../documents/acceptance.ts";
import type { DocumentOf } from "../../documents/signed-document.ts";
import { listIds, readIfHolds } from "../catalog.ts";
import type { Vault } from "../vault.ts";

export interface Lineages {
  /** Those that are believed, in order: the last is the current one. */
  readonly links: readonly KnownLineage[];
  /** What stands in the place of a lineage or an acceptance and is not believed. */
  readonly faults: readonly LineageFault[];
  /** Every number that something stands under, believed or not. */
  readonly taken: ReadonlySet<number>;
  /** All that opened: lineages, links or not, and acceptances of them. */
  readonly opened: readonly { readonly key: string; readonly digest: string }[];
}

/** 64 KiB: far above any lineage or acceptance (1.5 KiB). What is larger is not read. */
const LARGEST = 64 * 1024;

/** So many names are listed: a hundred pages of S3, and far above the lineages of any cluster. */
const MOST_NAMES = 100_000;

/** In the list of faults: enough for a person to see what it is about. */
const MOST_FAULTS = 20;

/**
 * The lineages of a cluster and what was said of them. What does not open, or is no link of the chain, is passed over and told. Reads documents up to
 * FARTHEST_STEP above the current lineage and no further. Throws `store/...`; `verify/format` where there are more names than MOST_NAMES.
 */
export async function readLineages(vault: Vault, cluster: string, signal?: AbortSignal): Promise<Lineages> {
  const listed = await listSmall(vault, lineagePrefix(cluster), (key) => numberInLineageKey(cluster, key), signal);
  const faults: LineageFault[] = [];
  const found: FoundLineage[] = [];
  for (let start = 0; start < listed.length; start += PARALLEL_READS) {
    const reach = (found.at(-1)?.lineage.number ?? 0) + FARTHEST_STEP;
    const batch = listed.slice(start, start + PARALLEL_READS);
    for (const { number, key } of batch.filter((each) => each.number > reach))
      faults.push({
        key,
        number,
        code: "verify/format",
        message: `${key} is more than ${FARTHEST_STEP} numbers above the lineages that are believed`,
      });
    const near = batch.filter((each) => each.number <= reach);
    if (near.length === 0) break;
    const read = await Promise.all(near.map((each) => readNumbered(vault, "lineage", cluster, each, signal)));
    for (const each of read) {
      if (each === undefined) continue;
      if ("message" in each) faults.push(each);
      else found.push({ key: each.key, lineage: each.document, digest: each.digest });
    }
  }
  const acceptances = await readAcceptances(vault, cluster, found, signal);
  const { links, strays } = linkLineages(
    found,
    acceptances.good.map(({ acceptance }) => acceptance),
  );
  const lost = strays.map(({ key, lineage }): LineageFault => {
    const after =
      lineage.previous === undefined
        ? "names no lineage before it"
        : `does not follow lineage ${lineage.previous.number} as it stands here`;
    return {
      key,
      number: lineage.number,
      code: "verify/format",
      message: `${key} is signed, and is not part of the chain of lineages: it ${after}`,
    };
  });
  return {
    links,
    faults: [...faults, ...lost, ...acceptances.faults].slice(0, MOST_FAULTS),
    taken: new Set(listed.map(({ number }) => number)),
    opened: [...found, ...acceptances.good].map(({ key, digest }) => ({ key, digest })),
  };
}

/** Those that a person has not settled by accepting a later lineage. */
export function openFaults({ links, faults }: Lineages): readonly LineageFault[] {
  const settled = links.findLast(({ acceptance }) => acceptance !== undefined)?.lineage.number ?? 0;
  return faults.filter(({ number, isOfLaterVersion }) => number > settled && isOfLaterVersion !== true);
}

interface Listed {
  readonly key: string;
  readonly number: number;
  readonly bytes: number;
}

/** The names that `numberIn` knows, by number. */
async function listSmall(
  { blobs }: Vault,
  prefix: string,
  numberIn: (key: string) => number | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly Listed[]> {
  const listed: Listed[] = [];
  let names = 0;
  for await (const { key, bytes } of blobs.list(prefix, { signal })) {
    if (++names > MOST_NAMES)
      throw new LifeboatError("verify/format", `there are more than ${MOST_NAMES} objects under ${prefix} in ${blobs.location}`, {
        hint: "somebody fills it: find out who, and remove what is not a lineage; lifeboat custody --verify says which are",
      });
    const number = numberIn(key);
    if (number !== undefined) listed.push({ key, number, bytes });
  }
  return listed.toSorted((a, b) => a.number - b.number);
}

interface FoundAcceptance {
  readonly key: string;
  readonly acceptance: Acceptance;
  readonly digest: string;
}

/** Acceptances of what was found. */
async function readAcceptances(
  vault: Vault,
  cluster: string,
  found: readonly FoundLineage[],
  signal: AbortSignal | undefined,
): Promise<{ readonly good: readonly FoundAcceptance[]; readonly faults: readonly LineageFault[] }> {
  const listed = await listSmall(vault, acceptancesPrefix(cluster), (key) => partsOfAcceptanceKey(cluster, key)?.number, signal);
  const good: FoundAcceptance[] = [];
  const faults: LineageFault[] = [];
  for (const each of listed) {
    const { key, number } = each;
    const of = found.find(({ lineage }) => lineage.number === number);
    if (of === undefined) {
      faults.push({ key, number, code: "verify/format", message: `${key} accepts nothing: no lineage ${number} is believed` });
      continue;
    }
    // One is enough; the rest is as it may be.
    if (good.some(({ acceptance }) => accepts(acceptance, of))) continue;
    const read = await readNumbered(vault, "acceptance", cluster, each, signal);
    if (read === undefined) continue;
    if ("message" in read) faults.push(read);
    else if (accepts(read.document, of)) good.push({ key, acceptance: read.document, digest: read.digest });
    else
      faults.push({
        key,
        number,
        code: "verify/digest",
        message: `${key} accepts nothing: it names another document than the one that is stored as ${of.key}`,
      });
  }
  return { good, faults: faults.filter(({ number }) => !good.some(({ acceptance }) => acceptance.number === number)) };
}

/** A document at the place of its number, or why it is not believed; undefined where it is gone meanwhile. */
async function readNumbered<K extends "lineage" | "acceptance">(
  vault: Vault,
  kind: K,
  cluster: string,
  { key, number, bytes: size }: Listed,
  signal: AbortSignal | undefined,
): Promise<{ readonly key: string; readonly document: DocumentOf<K>; readonly digest: string } | LineageFault | undefined> {
  const fault = (code: LineageFault["code"], message: string): LineageFault => ({ key, number, code, message });
  if (size > LARGEST) return fault("verify/size", `${key} is larger than any ${kind}`);
  try {
    const read = await readDocument(vault, kind, cluster, key, { maxBytes: LARGEST, signal });
    if (read === undefined) return undefined;
    if (read.state === "bad") return fault(read.error.code, read.error.message);
    if (read.state === "later")
      return { ...fault("verify/format", `${key} is of a kind that only a later version knows, and is skipped`), isOfLaterVersion: true };
    const { document, digest } = read;
    if (document.number !== number)
      return fault("verify/format", `${key} holds a document of lineage ${document.number}: it was moved or copied there`);
    return { key, document, digest };
  } catch (error) {
    // Whoever may not read acceptances sees none: that is told, and stops no backup.
    if (kind !== "acceptance" || !isLifeboatError(error, "store/denied")) throw error;
    return fault(error.code, error.message);
  }
}

/** The lineage that a snapshot says it is of; undefined where it is not believed. */
export function lineageOf({ links }: Lineages, number: number): KnownLineage | undefined {
  return links.find(({ lineage }) => lineage.number === number);
}

/** How many snapshots each lineage has, by its number. Manifests that do not hold count for none. */
export async function countSnapshots(vault: Vault, cluster: string, signal?: AbortSignal): Promise<ReadonlyMap<number, number>> {
  const counts = new Map<number, number>();
  const ids = await listIds(vault.blobs, cluster, signal);
  for await (const found of mapConcurrently(ids, PARALLEL_READS, (id) => readIfHolds(vault, cluster, id)))
    if (found !== undefined) counts.set(found.manifest.lineage, (counts.get(found.manifest.lineage) ?? 0) + 1);
  return counts;
}
