import type { Rule } from "./policy.ts";

/** Why a snapshot is kept: by a rule of the policy, or by one that no policy changes. */
export type KeepCode = Rule | "newest-good" | "pinned" | "locked" | "frozen" | "unknown" | "min-age" | "unverified";
/** Why it goes: each rule of the policy has a newer one in its place; or it is not good, and was kept for as long as such are. */
export type RemoveCode = "superseded" | "unverified-expired";

export interface Reason<Code extends KeepCode | RemoveCode = KeepCode | RemoveCode> {
  readonly code: Code;
  /** One sentence, lower case, no full stop. */
  readonly text: string;
  /** Of `superseded`, the id of the kept snapshot that stands in its place; of `unverified-expired`, of the newest good one. */
  readonly by?: string;
}

interface Decided {
  readonly id: string;
  /** As in its facts. */
  readonly lineage: number | undefined;
}

/** What happens to one snapshot. There is always a reason, and every reason that holds is given. */
export type Decision =
  | (Decided & { readonly verdict: "keep"; readonly reasons: readonly Reason<KeepCode>[] })
  | (Decided & { readonly verdict: "remove"; readonly reasons: readonly Reason<RemoveCode>[] });
