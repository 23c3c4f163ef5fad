import type { DebugLog } from "./debug-log.ts";

/** Where a job tells how far it is. Implementations must return at once and never throw. */
export interface Progress {
  /** Where decisions are explained; undefined where nobody asked. */
  readonly debug?: DebugLog | undefined;
  /** A phase begins; `totalBytes` where its size is known, which may prove an estimate. */
  phase(name: string, totalBytes?: number): void;
  /** So many more bytes of the phase are done. */
  advance(bytes: number): void;
  /** A sentence for the person or the log. */
  note(level: "info" | "warn", message: string): void;
}
