import type { Clock } from "../../clock.ts";
import type { Segment, SegmentRow } from "../../documents/catalog.ts";
import { catalogKey } from "../../documents/layout.ts";
import { isAhead } from "../../documents/slot.ts";
import type { TrustedKeys } from "../../documents/signed-document.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { mapConcurrently } from "../../map-concurrently.ts";
import { misplaced, readDocument } from "../read-document.ts";
import type { Vault } from "../vault.ts";
import type { KnownRecord } from "../custody/tail.ts";
import type { Witness } from "../custody/chain.ts";
import { knownIn } from "./log.ts";
import type { ListedObject, Names } from "./names.ts";

/** A segment that is read, and how many of its rows are believed and still stand for what is stored. */
export interface ReadSegment {
  readonly id: string;
  readonly digest: string;
  readonly rows: readonly SegmentRow[];
  /** Whose documents the rows are of. */
  readonly signers: Segment["signers"];
  /** The numbers of the records that it tells of and the segments before it in the list do not. */
  readonly logged: readonly number[];
}

export interface Segments {
  /** By snapshot id. */
  readonly rows: ReadonlyMap<string, SegmentRow>;
  /** The newest first. No row stands in two of them. */
  readonly segments: readonly ReadSegment[];
  /** What they say of records of the custody log, by number; nothing where nobody wants it. It is for the reader to hold it against what the store lists. */
  readonly log: ReadonlyMap<number, KnownRecord>;
  /** The record that announced the newest one: the log must have it. */
  readonly witness: Witness | undefined;
  /** Those that are not believed, with the reason. What they would have told is read one by one. */
  readonly bad: readonly { readonly key: string; readonly error: LifeboatError }[];
}

/** Each may be of 1 MiB, and takes some ten times that while it is parsed. */
const PARALLEL_SEGMENTS = 2;

/** So many of the newest names are tried for one that is believed: whoever plants more makes every document be read, and is told of. */
const MOST_TRIED = 8;

/**
 * What segments say of the snapshots that `names` lists: the newest one that is believed, and those that it names. Of a row nothing counts unless its manifest and its countersignatures are listed as it has them, and all
 * are of keys that are trusted as they were then. A segment speeds up listings: nothing is restored, removed or countersigned by it.
 */
export async function readSegments(
  vault: Vault & { readonly clock: Clock },
  cluster: string,
  names: Names,
  { wantsLog = false, signal }: { readonly wantsLog?: boolean | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<Segments> {
  const rows = new Map<string, SegmentRow>();
  const segments: ReadSegment[] = [];
  const log = new Map<number, KnownRecord>();
  let witness: Witness | undefined;
  const bad: { key: string; error: LifeboatError }[] = [];
  const take = ({ segment, digest }: FoundSegment): void => {
    const { id, signers } = segment;
    const standing = segment.rows.filter((row) => !rows.has(row.id) && isStanding(row, segment, names, vault.trusted));
    for (const row of standing) rows.set(row.id, row);
    const said = wantsLog ? knownIn(segment, (by) => isTrusted(signers[by], vault.trusted)) : [];
    const logged = said.filter(({ sequence }) => !log.has(sequence));
    for (const each of logged) log.set(each.sequence, each);
    segments.push({ id, digest, rows: standing, signers, logged: logged.map(({ sequence }) => sequence) });
  };
  const now = vault.clock.now();
  for (const time of names.segments.filter((each) => !isAhead(each, now)).slice(0, MOST_TRIED)) {
    const newest = await readSegment(vault, cluster, time, signal);
    if (newest === undefined) continue;
    if ("error" in newest) {
      bad.push(newest);
      continue;
    }
    take(newest);
    const { id: newestId, custody } = newest.segment;
    if (custody !== undefined) witness = { ...custody, name: `segment ${newestId} of the catalog` };
    const others = mapConcurrently(newest.segment.others, PARALLEL_SEGMENTS, async ({ id, digest }) => {
      const other = await readSegment(vault, cluster, id, signal);
      return other === undefined || "error" in other || other.digest === digest ? other : replaced(catalogKey(cluster, id));
    });
    for await (const other of others) {
      if (other === undefined) continue;
      if ("error" in other) bad.push(other);
      else take(other);
    }
    break;
  }
  return { rows, segments, log, witness, bad };
}

interface FoundSegment {
  readonly segment: Segment;
  readonly digest: string;
}

/** Undefined where nothing stands there that may be read, or what only a later version reads, or one by a key that signs no more: others are written in its place. */
async function readSegment(
  vault: Vault,
  cluster: string,
  time: string,
  signal: AbortSignal | undefined,
): Promise<FoundSegment | { readonly key: string; readonly error: LifeboatError } | undefined> {
  const key = catalogKey(cluster, time);
  const read = await readDocument(vault, "catalog", cluster, key, { signal }).catch((error: unknown) => {
    // A role of before there were segments reads what they would tell.
    if (!isLifeboatError(error, "store/denied")) throw error;
    return undefined;
  });
  if (read === undefined || read.state === "later") return undefined;
  if (read.state === "bad") return read;
  const { document: segment, digest } = read;
  if (segment.id !== time) return { key, error: misplaced(key, `segment ${segment.id}`) };
  return vault.trusted.ends?.[segment.signer.fingerprint] === undefined ? { segment, digest } : undefined;
}

function replaced(key: string): { readonly key: string; readonly error: LifeboatError } {
  const error = new LifeboatError("verify/digest", `${key} is another segment than the newest one names: it was replaced`, {
    hint: "find out who changed the store",
  });
  return { key, error };
}

/** Whether what a row is about is still there as it was, and still believed. */
function isStanding(row: SegmentRow, { signers }: Segment, { manifests, verified }: Names, trusted: TrustedKeys): boolean {
  const manifest = manifests.get(row.id);
  if (manifest === undefined || !isSame(row, manifest)) return false;
  // Only a later version knows what it comes to.
  if (row.proof.status !== "proven" && row.proof.status !== "unproven") return false;
  const listed = verified.get(row.id) ?? [];
  if (listed.length !== row.verified.length) return false;
  const isBy = (by: number, purpose: "snapshot" | "audit"): boolean => signers[by]?.purpose === purpose && isTrusted(signers[by], trusted);
  return (
    isBy(row.by, "snapshot") &&
    row.verified.every((each) => {
      const there = listed.find(({ time }) => time === each.time);
      return there !== undefined && isSame(each, there) && isBy(each.by, "audit");
    })
  );
}

/** Whether a key is trusted for its purpose now, and as it was then. */
function isTrusted(signer: Segment["signers"][number] | undefined, trusted: TrustedKeys): boolean {
  if (signer === undefined) return false;
  const { purpose, fingerprint, notAfter } = signer;
  return trusted[purpose].includes(fingerprint) && trusted.ends?.[fingerprint] === notAfter;
}

function isSame(said: { readonly bytes: number; readonly modified: string }, { bytes, modifiedMs }: ListedObject): boolean {
  return said.bytes === bytes && Date.parse(said.modified) === modifiedMs;
}
