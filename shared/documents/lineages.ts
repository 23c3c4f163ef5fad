import type { ErrorCode } from "../errors.ts";
import type { Acceptance } from "./acceptance.ts";
import { LINEAGE_REASONS } from "./lineage.ts";
import type { Lineage } from "./lineage.ts";

/** Which lineage of a cluster is the current one, from the documents that stand in its store. Pure: docs/format.md, "The lineage". */

/** A lineage whose signature and place hold. */
export interface FoundLineage {
  readonly key: string;
  readonly lineage: Lineage;
  readonly digest: string;
}

export interface KnownLineage extends FoundLineage {
  readonly acceptance: Acceptance | undefined;
}

/** Something in the place of a lineage or an acceptance that is not believed, and was passed over. */
export interface LineageFault {
  readonly key: string;
  /** The lineage's, by the name of the object. */
  readonly number: number;
  readonly code: ErrorCode;
  /** One sentence, lower case, no full stop. */
  readonly message: string;
  /** It is signed, and of a kind that this version does not know: no sign of tampering. */
  readonly isOfLaterVersion?: boolean;
}

export interface Chain {
  /** The believed lineages in order, each following the one before; the last is the current one. Empty before the first backup. */
  readonly links: readonly KnownLineage[];
  /** Lineages that are signed and no links of the chain. */
  readonly strays: readonly FoundLineage[];
}

/**
 * So far above the one before may the number of a lineage be. Numbers that something else stands under are passed over when one is opened, and what lies
 * further up is not read: so a planted object neither stops the counting nor makes a run read without end.
 */
export const FARTHEST_STEP = 1000;

/**
 * Links what was found. The chain begins at the highest accepted lineage, since a person looked at that very document, or where none is accepted at the
 * lowest that is a cluster's first. From there each lineage follows that names the one before and bears its reason out.
 */
export function linkLineages(found: readonly FoundLineage[], acceptances: readonly Acceptance[]): Chain {
  const known = found
    .toSorted((a, b) => a.lineage.number - b.lineage.number)
    .map((each) => ({ ...each, acceptance: acceptances.find((one) => accepts(one, each)) }));
  const start =
    known.findLastIndex(({ acceptance }) => acceptance !== undefined) === -1
      ? known.findIndex(({ lineage }) => isFirst(lineage))
      : known.findLastIndex(({ acceptance }) => acceptance !== undefined);
  const first = known[start];
  if (first === undefined) return { links: [], strays: known };
  const links = [first];
  for (const each of known.slice(0, start).toReversed()) {
    const [lowest] = links;
    if (lowest !== undefined && follows(lowest.lineage, each.lineage)) links.unshift(each);
  }
  for (const each of known.slice(start + 1)) {
    const head = links.at(-1);
    if (head !== undefined && follows(each.lineage, head.lineage)) links.push(each);
  }
  return { links, strays: known.filter((each) => !links.includes(each)) };
}

/** Whether an acceptance is of this very document. */
export function accepts({ number, lineageDigest, clusterId }: Acceptance, { lineage, digest }: FoundLineage): boolean {
  return number === lineage.number && lineageDigest === digest && clusterId === lineage.clusterId;
}

function isFirst({ reason, previous }: Lineage): boolean {
  return reason === "first-backup" && previous === undefined;
}

function follows(lineage: Lineage, before: Lineage): boolean {
  const { number, previous } = lineage;
  return (
    previous?.number === before.number &&
    previous.clusterId === before.clusterId &&
    number > before.number &&
    number - before.number <= FARTHEST_STEP &&
    isBorneOut(lineage, previous)
  );
}

/** A lineage whose own figures contradict its reason was not opened by a backup. */
function isBorneOut({ reason, clusterId, revision, liveKeys }: Lineage, previous: NonNullable<Lineage["previous"]>): boolean {
  if (reason === "cluster-id-changed") return clusterId !== previous.clusterId;
  if (reason === "first-backup") return false;
  // One of a later version has no figures here to be held against: it is the next lineage, and waits for a person as any does.
  if (!LINEAGE_REASONS.some((each) => each === reason)) return true;
  if (clusterId !== previous.clusterId) return false;
  if (reason === "revision-went-backwards") return previous.revision !== undefined && revision < previous.revision;
  const keysBefore = previous.most?.liveKeys ?? previous.liveKeys;
  return liveKeys !== undefined && keysBefore !== undefined && liveKeys < keysBefore;
}

/** The lowest number that a lineage after `head` (0 where there is none) can have; undefined where all within reach are taken. */
export function nextNumber(head: number, taken: ReadonlySet<number>): number | undefined {
  for (let number = head + 1; number <= head + FARTHEST_STEP; number++) if (!taken.has(number)) return number;
  return undefined;
}

/** A cluster's first lineage speaks for itself; any other, and one that was begun anew past something in its place, takes a person's word. */
export function needsAcceptance({ lineage, acceptance }: Pick<KnownLineage, "lineage" | "acceptance">): boolean {
  return acceptance === undefined && !(lineage.number === 1 && isFirst(lineage));
}

/** Why a person should look at the lineage that a cluster is in. */
export interface LineageAttention {
  readonly number: number;
  readonly reason: Lineage["reason"];
  /** One sentence, no full stop. */
  readonly message: string;
  /** ISO 8601 in UTC. */
  readonly since: string;
}

/** Why a lineage was opened, for people: lower case, no full stop. */
export function whyOpened(
  cluster: string,
  { reason, clusterId, liveKeys, revision, previous }: Pick<Lineage, "reason" | "clusterId" | "liveKeys" | "revision" | "previous">,
): string {
  if (reason === "first-backup") return `it is the first lineage of ${cluster} that is believed here`;
  if (reason === "cluster-id-changed")
    return `the endpoints of ${cluster} now answer as etcd cluster ${clusterId}, before it was ${previous?.clusterId}`;
  if (reason === "revision-went-backwards") return `the revision of ${cluster} went back from ${previous?.revision} to ${revision}`;
  if (reason !== "key-count-collapsed") return `a later version of lifeboat opened it for a reason that this one does not know: ${reason}`;
  return previous?.most === undefined
    ? `${cluster} has ${liveKeys} keys, and the last snapshot had ${previous?.liveKeys}`
    : `${cluster} has ${liveKeys} keys, and ${cluster}/${previous.most.snapshot}, within 7 days before, had ${previous.most.liveKeys}`;
}

/** Undefined where the lineage is accepted, or needs no acceptance. */
export function attentionOfLineage(
  cluster: string,
  known: Pick<KnownLineage, "lineage" | "acceptance"> | undefined,
): LineageAttention | undefined {
  if (known === undefined || !needsAcceptance(known)) return undefined;
  const { number, reason, openedAt } = known.lineage;
  const message = `lineage ${number} of ${cluster} is not accepted: ${whyOpened(cluster, known.lineage)}`;
  return { number, reason, message, since: openedAt };
}

/** What a person does about it. */
export function howToAccept(cluster: string, number: number): string {
  return `check whether the endpoints are the right cluster's, and who restored or emptied it; if it is right: lifeboat lineage accept ${cluster} ${number} --reason TEXT`;
}
