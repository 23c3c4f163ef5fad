import type { SnapshotInput } from "../../input/snapshot-input.ts";
import type { KeyTest } from "../../snapshot/key-tests.ts";
import { lookThrough, readAgain } from "./look-through.ts";
import type { Look, LookPorts } from "./look-through.ts";

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
  yield* valuesOf(await lookForValues(input, isWanted, ports, keptBytes), ports);
}

/** The snapshot once it was read to its end, with its values as far as they can be kept. */
export function lookForValues(input: SnapshotInput, isWanted: KeyTest, ports: LookPorts, keptBytes?: number): Promise<Look> {
  return lookThrough(input, { matches: isWanted, valueBytes: Infinity, ...(keptBytes !== undefined && { keptBytes }) }, ports);
}

/** Those of such a look, one after the other. */
export async function* valuesOf(look: Look, ports: LookPorts): AsyncGenerator<FoundValue, void, undefined> {
  if (!look.matches.isCut) {
    yield* look.matches.inOrder();
    return;
  }
  ports.progress.note("info", `what is looked for is too large to keep: reading ${look.input.name} a second time`);
  yield* readAgain(look, ports);
}
