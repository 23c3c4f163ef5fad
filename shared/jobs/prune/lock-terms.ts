import type { Progress } from "../../progress.ts";
import type { BlobStore } from "../../store/blob-store.ts";

export interface LockExtension {
  /** Objects that are locked for longer now. */
  readonly extended: number;
  /** Objects whose lock could not be renewed, and why. */
  readonly failed: readonly { readonly key: string; readonly message: string }[];
}

export interface LockPorts {
  readonly blobs: BlobStore;
  readonly progress: Progress;
}

export interface LockTerms {
  /** In ms since 1970. */
  readonly now: number;
  /** How long what is kept is to be locked. */
  readonly keptMs: number;
  /** How long the store locks what is put; 0 where it does not. */
  readonly putMs: number;
}

/** After so many failures and no success the rest is not tried: the role may not, or the bucket has no locks. */
const MOST_FAILED = 20;

export function isHopeless({ extended, failed }: LockExtension): boolean {
  return extended === 0 && failed.length >= MOST_FAILED;
}
