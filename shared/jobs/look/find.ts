import type { SnapshotInput } from "../../input/snapshot-input.ts";
import type { KeyTest } from "../../snapshot/key-tests.ts";
import type { FoundEntry } from "../../snapshot/newest-matches.ts";
import { lookThrough, readAgain } from "./look-through.ts";
import type { Look, LookPorts } from "./look-through.ts";

/** The first bytes of a value name its kind. */
const HEAD_BYTES = 96;
/** Some half a million keys: past it they are read a second time. */
const KEPT_BYTES = 96 << 20;

export interface FindRequest {
  readonly isWanted: KeyTest;
  /** Whether the tombstones of keys that are gone are wanted, in place of what is there. */
  readonly deleted?: boolean;
  /** No more are handed out. */
  readonly limit?: number;
  /** What they may take of memory: 96 MiB unless it is given. */
  readonly keptBytes?: number;
}

export interface Found {
  /** All that there are, handed out or not. */
  readonly total: number;
  /** In the order of keys; false where they are too many to be kept, so that they come as they lie in the snapshot. */
  readonly isInOrder: boolean;
  /** One after the other, valid until the next is asked for. Of each value the first bytes. */
  readonly entries: AsyncIterable<FoundEntry>;
}

type Looked = Pick<Look, "input" | "matches">;

/** The live entries of a snapshot that are looked for, or those that deleted a key. It is read to its end, and proven, before the first is handed out. */
export async function find(
  input: SnapshotInput,
  { isWanted, deleted = false, limit = Infinity, keptBytes = KEPT_BYTES }: FindRequest,
  ports: LookPorts,
): Promise<Found> {
  const whole = await lookThrough(input, { matches: isWanted, valueBytes: HEAD_BYTES, keptBytes }, ports);
  const look = { input, matches: deleted ? whole.deleted : whole.matches };
  const { entries, isCut } = look.matches;
  return { total: entries.length, isInOrder: !isCut, entries: isCut ? again(look, ports, limit) : kept(look, limit) };
}

async function* kept({ matches }: Looked, limit: number): AsyncGenerator<FoundEntry, void, undefined> {
  let left = limit;
  for (const entry of matches.inOrder()) {
    if (left-- <= 0) return;
    yield entry;
  }
}

async function* again(look: Looked, ports: LookPorts, limit: number): AsyncGenerator<FoundEntry, void, undefined> {
  const { entries } = look.matches;
  ports.progress.note("info", `${entries.length} keys are too many to keep: reading ${look.input.name} a second time, in its own order`);
  const first = limit < entries.length ? new Set(entries.slice(0, limit)) : undefined;
  for await (const { key, value, revision } of readAgain(look, ports, first && ((entry) => first.has(entry))))
    yield { key, value: value.subarray(0, HEAD_BYTES), valueBytes: value.length, revision };
}
