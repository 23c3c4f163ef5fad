import { LifeboatError } from "../../errors.ts";
import type { SnapshotInput } from "../../input/snapshot-input.ts";
import type { Progress } from "../../progress.ts";
import type { NewestMatches } from "../../snapshot/newest-matches.ts";
import type { EntryFilter } from "../../snapshot/match-table.ts";
import { readEntries } from "../../snapshot/read-page.ts";
import type { ReadEntry } from "../../snapshot/read-page.ts";
import { trailerState } from "../../snapshot/trailer.ts";
import { scanInput } from "../inspect/scan-input.ts";
import { changed } from "../inspect/status.ts";

/** What a command that looks into a snapshot works with. */
export interface LookPorts {
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** A snapshot that was read from end to end, and what of it was looked for. */
export interface Look {
  readonly input: SnapshotInput;
  readonly matches: NewestMatches;
  /** Tombstones of keys that were looked for and are gone, as far as etcd did not compact them away. */
  readonly deleted: NewestMatches;
}

/**
 * Reads `input` once, and keeps what `filter` matches. What comes of it is proven as far as a snapshot is: digest and trailer as they are recorded, and a whole page tree. Throws
 * `verify/trailer` and `verify/content` where they are not, and what the input throws.
 */
export async function lookThrough(input: SnapshotInput, filter: EntryFilter, { progress, signal }: LookPorts): Promise<Look> {
  const { digests, result: scan } = await scanInput(input, { filter }, progress, signal);
  const hint = `lifeboat status ${input.name} tells more; use another snapshot`;
  if (scan.tree !== "whole")
    throw new LifeboatError("verify/content", `the page tree of ${input.name} is not whole: ${scan.message}`, { hint });
  const trailer = trailerState(digests);
  if (trailer === "wrong")
    throw new LifeboatError("verify/trailer", `${input.name} does not match etcd's trailer: bytes were changed, cut or added`, { hint });
  if (trailer === "missing")
    progress.note(
      "warn",
      `${input.name} has no trailer, so that only its page tree proves it: it is a copied database rather than a snapshot`,
    );
  if (scan.matches === undefined || scan.deleted === undefined)
    throw new LifeboatError(
      "verify/content",
      `${input.name} has more entries than lifeboat keeps a record of, or keys that were made to collide`,
      {
        hint: "restore it with etcdutl into an empty folder, start etcd on that, and look with etcdctl",
      },
    );
  return { input, matches: scan.matches, deleted: scan.deleted };
}

export interface EntryRead extends ReadEntry {
  /** In the entry table. */
  readonly number: number;
}

/**
 * The live entries of `look` once more, or those that `isWanted` takes by number, in the order of the snapshot and with all of their values. Each is valid until the next is asked for. Throws
 * `input/changed` where they are other ones.
 */
export async function* readAgain(
  { input, matches }: Pick<Look, "input" | "matches">,
  { progress, signal }: LookPorts,
  isWanted?: (entry: number) => boolean,
): AsyncGenerator<EntryRead, void, undefined> {
  const spans = [...matches.spans(isWanted)];
  if (spans.length === 0) return;
  progress.phase(
    "read again",
    spans.reduce((sum, { length }) => sum + length, 0),
  );
  let index = 0;
  for await (const bytes of input.readSpans(spans, signal)) {
    progress.advance(bytes.length);
    for (const { offset, length, crc, indexes, entries } of spans[index++]?.pages ?? []) {
      const found = readEntries(bytes.subarray(offset, offset + length), crc, indexes);
      if (found === undefined) throw changed(input);
      for (const [place, entry] of found.entries()) yield { ...entry, number: entries[place] ?? 0 };
    }
  }
}
