/** What a verification of a custody log can find. Those of the chain say that the log itself is not what was written. */
const CHAIN_CODES = [
  "custody/missing",
  "custody/misplaced",
  "custody/altered",
  "custody/forged",
  "custody/broken-chain",
  "custody/truncated",
  "custody/rewritten",
] as const;

export type CustodyCode =
  | (typeof CHAIN_CODES)[number]
  /** Stored, and not logged. */
  | "custody/unlogged"
  /** Logged, seen since, and gone without a record of its removal. */
  | "custody/gone"
  /** Announced, and neither there nor explained. */
  | "custody/announced-absence"
  /** Stored under an id that is in the future. */
  | "custody/future"
  /** Stored, and not believed. */
  | "custody/unbelieved";

export interface CustodyFinding {
  /** Stable. */
  readonly code: CustodyCode;
  /** A key of the store, or `head`. */
  readonly subject: string;
  /** One sentence, lower case, no full stop. */
  readonly message: string;
  /** What to do about it. */
  readonly fix: string;
}

/** Whether it says that the chain itself does not hold. */
export function isOfChain({ code }: CustodyFinding): boolean {
  return CHAIN_CODES.some((each) => each === code);
}
