import { LifeboatError } from "../../errors.ts";
import type { SnapshotInput } from "../../input/snapshot-input.ts";
import type { Progress } from "../../progress.ts";
import { groupByResource } from "../../snapshot/resources.ts";
import type { ResourceTally } from "../../snapshot/resources.ts";
import type { ScanResult } from "../../snapshot/scan-result.ts";
import { readEntry } from "../../snapshot/survey.ts";
import type { EntryPlace, NamedEntry, PrefixTally, Survey } from "../../snapshot/survey.ts";
import { trailerState } from "../../snapshot/trailer.ts";
import type { TrailerState } from "../../snapshot/trailer.ts";
import { scanInput } from "./scan-input.ts";

/** A live object: the newest entry of a user key. */
export interface LargeObject extends NamedEntry {
  /** Of its entry, as in a Tally. */
  readonly bytes: number;
}

/** A user key by its newest entry. */
export interface HotKey extends NamedEntry {
  readonly revisions: number;
}

export interface Contents {
  /** Most bytes first, as the others are. */
  readonly resources: readonly ResourceTally[];
  readonly prefixes: readonly PrefixTally[];
  readonly largestObjects: readonly LargeObject[];
  readonly hotKeys: readonly HotKey[];
  /** False where so many prefixes were met that some were shortened. */
  readonly isComplete: boolean;
}

/** What can be said of a snapshot without a restore. */
export interface SnapshotStatus {
  readonly name: string;
  readonly trailer: TrailerState;
  readonly scan: ScanResult;
  /** Undefined where the tree is not whole, or has more entries than are kept a record of. */
  readonly contents: Contents | undefined;
}

/** Of each list; the whole of what was counted would be the database's index. */
const TOP = 10;
const TOP_PREFIXES = 15;

/** Reads `input` once from end to end, and a few of its pages a second time for the names of what stands out. Throws what the input throws. */
export async function snapshotStatus(input: SnapshotInput, progress: Progress, signal: AbortSignal): Promise<SnapshotStatus> {
  const { digests, result: scan } = await scanInput(input, { surveyTop: TOP }, progress, signal);
  const survey = scan.tree === "whole" ? scan.survey : undefined;
  return {
    name: input.name,
    trailer: trailerState(digests),
    scan,
    contents: survey === undefined ? undefined : await contentsOf(input, survey, signal),
  };
}

async function contentsOf(input: SnapshotInput, survey: Survey, signal: AbortSignal): Promise<Contents> {
  const named = await readPlaces(
    input,
    [...survey.largest, ...survey.hottest].map(({ place }) => place),
    signal,
  );
  return {
    resources: groupByResource(survey.prefixes),
    prefixes: survey.prefixes.toSorted((a, b) => b.bytes - a.bytes).slice(0, TOP_PREFIXES),
    largestObjects: survey.largest.map(({ place, figure }) => ({ ...entryAt(named, place), bytes: figure })),
    hotKeys: survey.hottest.map(({ place, figure }) => ({ ...entryAt(named, place), revisions: figure })),
    isComplete: survey.isComplete,
  };
}

type Named = ReadonlyMap<string, NamedEntry>;

/** Reads each page once, whatever number of entries is asked of it. */
async function readPlaces(input: SnapshotInput, places: readonly EntryPlace[], signal: AbortSignal): Promise<Named> {
  const named = new Map<string, NamedEntry>();
  const byPage = Map.groupBy(places, ({ at }) => at);
  const pages = [...byPage.values()].toSorted(([a], [b]) => (a?.at ?? 0) - (b?.at ?? 0));
  const spans = pages.flatMap(([first]) => (first === undefined ? [] : [{ at: first.at, length: first.length }]));
  if (spans.length === 0) return named;
  let index = 0;
  for await (const bytes of input.readSpans(spans, signal)) {
    for (const place of pages[index++] ?? []) {
      const entry = readEntry(bytes, place);
      if (entry === undefined) throw changed(input);
      named.set(nameOf(place), entry);
    }
  }
  return named;
}

/** What was read a second time is something else. */
export function changed({ name }: SnapshotInput): LifeboatError {
  return new LifeboatError("input/changed", `${name} changed while it was read`, {
    hint: "run the command again when nothing writes to it",
  });
}

function entryAt(named: Named, place: EntryPlace): NamedEntry {
  const entry = named.get(nameOf(place));
  if (entry === undefined) throw new Error("an entry was not read again");
  return entry;
}

function nameOf({ at, index }: EntryPlace): string {
  return `${at}/${index}`;
}
