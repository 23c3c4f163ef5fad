import type { Manifest } from "./manifest.ts";
import { parseId, SKEW_MS } from "./slot.ts";

export interface SeenTimes {
  readonly now: Date;
  /** When the store has the manifest's object from, by its own clock. To the second in S3. */
  readonly modified: Date;
  /**
   * The object may have been copied to where it is, by `lifeboat copy` or with the whole store, and then be newer than what it says: asked is only that it is not older.
   */
  readonly isCopy: boolean;
}

/**
 * What a manifest says of its time that cannot be: its id, slot, start and creation are held against each other, against now, and against the store's own time. One sentence each,
 * lower case, no full stop; empty where all is well. Pure.
 */
export function implausibleTimes(manifest: Pick<Manifest, "id" | "slot" | "startedAt" | "createdAt">, seen: SeenTimes): readonly string[] {
  const { id, slot } = manifest;
  const [slotMs, startedMs, createdMs] = [slot.time, manifest.startedAt, manifest.createdAt].map((each) => Date.parse(each)) as [
    number,
    number,
    number,
  ];
  const found: string[] = [];
  if (parseId(id)?.slot.getTime() !== slotMs) found.push(`its id ${id} is not its slot, ${slot.time}`);
  const limitMs = seen.now.getTime() + SKEW_MS;
  for (const [what, ms] of [
    ["it stands for", slotMs],
    ["it was begun at", startedMs],
    ["it was made at", createdMs],
  ] as const)
    if (ms > limitMs) found.push(`${what} ${iso(ms)}, which is in the future`);
  if (slotMs > startedMs + SKEW_MS) found.push(`it was begun at ${iso(startedMs)}, before its slot, ${iso(slotMs)}`);
  if (createdMs < startedMs - SKEW_MS) found.push(`it was made at ${iso(createdMs)}, before it was begun, at ${iso(startedMs)}`);
  const modifiedMs = seen.modified.getTime();
  if (modifiedMs < createdMs - SKEW_MS)
    found.push(`the store has it since ${iso(modifiedMs)}, before the time at which its manifest says it was made, ${iso(createdMs)}`);
  if (!seen.isCopy && modifiedMs > createdMs + SKEW_MS)
    found.push(`the store has it since ${iso(modifiedMs)}, and its manifest says it was made long before, at ${iso(createdMs)}`);
  return found;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
