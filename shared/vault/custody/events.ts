import type { Purpose } from "../../keys/key-ring.ts";
import { CUSTODY_EVENTS } from "../../documents/custody-record.ts";
import type { CustodyEvent, CustodyRecord } from "../../documents/custody-record.ts";

interface Rule {
  /** The purposes whose keys may tell of it: a stolen key of the writer must not explain a removal. */
  readonly signedBy: readonly Purpose[];
  /** Whether its subjects without a digest are objects that are to be written next, and that name the record. */
  readonly announces: boolean;
}

const SNAPSHOT: readonly Purpose[] = ["snapshot"];
const AUDIT: readonly Purpose[] = ["audit"];

const RULES: Readonly<Record<CustodyEvent, Rule>> = {
  backup: { signedBy: SNAPSHOT, announces: true },
  skipped: { signedBy: ["snapshot", "audit"], announces: false },
  failed: { signedBy: ["snapshot", "audit", "bundle"], announces: false },
  verified: { signedBy: AUDIT, announces: true },
  removed: { signedBy: AUDIT, announces: false },
  "lineage-opened": { signedBy: SNAPSHOT, announces: true },
  "lineage-accepted": { signedBy: AUDIT, announces: true },
  rewrapped: { signedBy: AUDIT, announces: true },
  copied: { signedBy: ["snapshot", "audit"], announces: false },
  pinned: { signedBy: AUDIT, announces: true },
  bundle: { signedBy: ["bundle"], announces: false },
  drill: { signedBy: AUDIT, announces: true },
  catalogued: { signedBy: AUDIT, announces: true },
  rehearsed: { signedBy: AUDIT, announces: false },
  judged: { signedBy: AUDIT, announces: true },
  intake: { signedBy: AUDIT, announces: true },
  "node-files": { signedBy: AUDIT, announces: true },
  // It excuses nothing, so whoever runs with another configuration than the run before tells of it.
  "configuration-changed": { signedBy: ["snapshot", "audit", "bundle"], announces: false },
};

/** Whether a key of `purpose` may sign a record of `event`. An event that this version does not know may come from any role. */
export function mayRecord(purpose: Purpose, event: string): boolean {
  return ruleOf(event)?.signedBy.includes(purpose) ?? true;
}

/** The keys of the objects that a record announces: each is written after it, and names it. */
export function announcedBy({ event, subjects }: CustodyRecord): readonly string[] {
  if (ruleOf(event)?.announces !== true) return [];
  return subjects.flatMap(({ key, digest }) => (digest === undefined ? [key] : []));
}

function ruleOf(event: string): Rule | undefined {
  const known = CUSTODY_EVENTS.find((each) => each === event);
  return known === undefined ? undefined : RULES[known];
}
