import type { Clock } from "../shared/clock.ts";

/** What a command sees of the world: where it prints, what it was told, and when it must stop. */
export interface Console {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What relative paths are relative to: the folder where the person stands. */
  readonly cwd: string;
  readonly clock: Clock;
  /** Aborts with a LifeboatError `interrupted`. */
  readonly signal: AbortSignal;
}

/** One JSON document on standard output. */
export function printJson(console: Console, value: unknown): void {
  console.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

export function print(console: Console, text: string): void {
  console.stdout.write(`${text}\n`);
}

/** A line for the person on standard error, headed by the program's name. */
export function tell(console: Console, text: string): void {
  for (const line of text.split("\n")) console.stderr.write(`lifeboat: ${line}\n`);
}
