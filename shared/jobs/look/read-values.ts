import type { SnapshotInput } from "../../input/snapshot-input.ts";
import type { KeyTest } from "../../snapshot/key-tests.ts";
import { lookThrough, readAgain } from "./look-through.ts";
import type { LookPorts } from "./look-through.ts";

/** A live entry with all of its value, which stays as it is for as long as it is held. */
export interface FoundValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** Its mod_revision. */
  readonly revision: number;
}

/** Of a snapshot's live entries those that are looked for, one after the other. The snapshot is read to its end, and proven, before the first. */
export async function* readValues(
  input: SnapshotInput,
  isWanted: KeyTest,
  ports: LookPorts,
  keptBytes?: number,
): AsyncGenerator<FoundValue, void, undefined> {
  const look = await lookThrough(input, { matches: isWanted, valueBytes: Infinity, ...(keptBytes !== undefined && { keptBytes }) }, ports);
  if (!look.matches.isCut) {
    yield* look.matches.inOrder();
    return;
  }
  ports.progress.note("info", `what is looked for is too large to keep: reading ${input.name} a second time`);
  yield* readAgain(look, ports);
}
