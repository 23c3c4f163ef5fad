import { listCountersignatureKeys } from "./keys-by-id.ts";
import { listIds } from "./catalog.ts";
import { IN_THE_FUTURE, readJudged } from "./judge.ts";
import type { Judged, JudgePorts } from "./judge.ts";
import { newestFirst } from "./newest-first.ts";
import { isAhead } from "../documents/slot.ts";

/** A snapshot that cannot be told to be good, and why: one sentence, lower case, no full stop. */
export interface PassedOver {
  readonly id: string;
  readonly reason: string;
}

export interface NewestGood {
  /** Undefined where none is good. */
  readonly good: Judged | undefined;
  /** Newer ones that something in `verified/` speaks for: whose manifest does not hold, or whose id is in the future as this machine's clock has it. */
  readonly passedOver: readonly PassedOver[];
}

/**
 * The newest good snapshot, or the newest whose data was taken at or before `until`. Of manifests only those are read that something in `verified/` stands for by its
 * name, from the newest on.
 */
export async function newestGood(ports: JudgePorts, cluster: string, until?: Date): Promise<NewestGood> {
  const [ids, countersigned] = await Promise.all([listIds(ports.blobs, cluster), listCountersignatureKeys(ports.blobs, cluster)]);
  const candidates = ids.filter((id) => countersigned.has(id));
  const now = ports.clock.now();
  const passedOver: PassedOver[] =
    until === undefined ? candidates.filter((id) => isAhead(id, now)).map((id) => ({ id, reason: IN_THE_FUTURE })) : [];
  for await (const each of newestFirst(ports, cluster, candidates, until)) {
    if ("error" in each) {
      passedOver.push({ id: each.id, reason: each.error.message });
      continue;
    }
    const judged = await readJudged(ports, each);
    if (judged.lacks.length === 0) return { good: judged, passedOver };
  }
  return { good: undefined, passedOver };
}
