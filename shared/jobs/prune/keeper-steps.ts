import type { Progress } from "../../progress.ts";

/** What the keeper may be in the middle of when it dies, in the order of a run. `manifest`, `bundle`, `sidecar`, `data`, `unfinished` and `lock` begin anew with each object. */
export const KEEPER_STEPS = ["plan", "manifest", "bundle", "sidecar", "data", "unfinished", "lock", "inventory"] as const;
export type KeeperStep = (typeof KEEPER_STEPS)[number];

export function beginStep(progress: Progress, step: KeeperStep): void {
  progress.phase(step);
}
