/** What a decision knows of one snapshot. What could not be learned is said, and keeps it. */
export interface SnapshotFacts {
  /** The slot's: `20261121T100000Z`, or with a suffix `20261121T100000Z-2`. */
  readonly id: string;
  /** The slot's time, in ms since 1970. */
  readonly time: number;
  /** Undefined: not known. */
  readonly lineage: number | undefined;
  /** Undefined: not known. */
  readonly good: boolean | undefined;
  /** Why it is not good: one sentence each, lower case, no full stop. */
  readonly lacks: readonly string[];
  /** What its removal would free; undefined: not known, which keeps nothing. */
  readonly bytes: number | undefined;
  readonly pinned: { readonly reason: string } | "unknown" | undefined;
  /** In ms since 1970; infinity where the lock has no end, as a legal hold. Undefined: not locked. */
  readonly lockedUntil: number | undefined;
  /** Facts that could not be learned: one sentence each, lower case, no full stop. */
  readonly unknown: readonly string[];
}

export interface LineageFacts {
  readonly number: number;
  /** Nothing of it may go: a later lineage waits for a person's word. */
  readonly frozen: boolean;
  /** Why it is frozen: one sentence, lower case, no full stop. */
  readonly reason?: string;
}
