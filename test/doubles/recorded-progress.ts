import type { Progress } from "../../shared/progress.ts";

/** A Progress that keeps what it is told, and can act as a phase begins. */
export class RecordedProgress implements Progress {
  /** In order; one that begins again while it runs stands once. */
  readonly phases: string[] = [];
  readonly warnings: string[] = [];
  readonly infos: string[] = [];
  /** Of the present phase. */
  bytes = 0;
  totalBytes: number | undefined;
  readonly #onPhase: (name: string) => void;

  constructor(onPhase: (name: string) => void = () => undefined) {
    this.#onPhase = onPhase;
  }

  phase(name: string, totalBytes?: number): void {
    if (this.phases.at(-1) !== name) this.phases.push(name);
    this.bytes = 0;
    this.totalBytes = totalBytes;
    this.#onPhase(name);
  }

  advance(bytes: number): void {
    this.bytes += bytes;
  }

  note(level: "info" | "warn", message: string): void {
    (level === "warn" ? this.warnings : this.infos).push(message);
  }
}
