import type { Clock } from "../shared/clock.ts";
import type { DebugLog } from "../shared/debug-log.ts";
import type { DocumentName, JsonDocument } from "../shared/contract/documents.ts";
import { wrapText } from "./format.ts";
import { jsonPieces } from "./json-pieces.ts";

/** A terminal has a width, a pipe or file has none. */
export type Output = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

/** What a command sees of the world: where it prints, what it was told, and when it must stop. */
export interface Console {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What relative paths are relative to: the folder where the person stands. */
  readonly cwd: string;
  readonly clock: Clock;
  /** Whether commands that do something, rather than answer a question, say nothing where all is well: no progress, and no report. */
  readonly quiet?: boolean;
  /** The debug log that --verbose or LIFEBOAT_DEBUG asked for. */
  readonly debug?: DebugLog | undefined;
  /** Aborts with a LifeboatError `interrupted`. */
  readonly signal: AbortSignal;
}

/** The columns of a terminal; undefined for a pipe or file, where lines are as long as they are. */
export function widthOf({ isTTY, columns }: Output): number | undefined {
  // A terminal that was never told its size says 0.
  return isTTY === true && columns !== undefined && columns > 0 ? columns : undefined;
}

/** The JSON document of a command, or of an error, on standard output: shared/contract describes each. */
export function printJson<Name extends DocumentName>(console: Console, _name: Name, document: JsonDocument<NoInfer<Name>>): void {
  for (const piece of jsonPieces(document)) console.stdout.write(piece);
}

/** A document whose lists may be made item by item. */
export type LazyDocument<Name extends DocumentName> = {
  readonly [Field in keyof JsonDocument<Name>]: JsonDocument<Name>[Field] extends readonly (infer Item)[]
    ? Iterable<Item>
    : JsonDocument<Name>[Field];
};

/**
 * The same for documents of ten thousand rows, no faster than they are read there: what a stream is given before it wrote the last it holds, and copies. Throws the signal's reason.
 */
export async function printLongJson<Name extends DocumentName>(
  { stdout, signal }: Console,
  _name: Name,
  document: LazyDocument<NoInfer<Name>>,
): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => aborted.resolve(), { once: true });
  for (const piece of jsonPieces(document)) {
    signal.throwIfAborted();
    // A reader that left is heard of by start.ts, which ends the process or aborts.
    const written = new Promise<void>((resolve) => void stdout.write(piece, () => resolve()));
    await Promise.race([written, aborted.promise]);
  }
  signal.throwIfAborted();
}

/** Text on standard output, broken at spaces where a terminal is too narrow for it. */
export function print({ stdout }: Console, text: string): void {
  stdout.write(`${wrapText(text, widthOf(stdout))}\n`);
}

/** What was done, for a person: nothing where that is not wanted. */
export function printDone(console: Console, text: string): void {
  if (console.quiet !== true) print(console, text);
}

const HEAD = "lifeboat: ";

/** A line for the person on standard error, headed by the program's name. */
export function note({ stderr }: Console, text: string): void {
  const width = widthOf(stderr);
  const wrapped = wrapText(text, width === undefined ? undefined : width - HEAD.length);
  for (const line of wrapped.split("\n")) stderr.write(`${HEAD}${line}\n`);
}
