import { isLifeboatError } from "../shared/errors.ts";
import type { LifeboatError } from "../shared/errors.ts";
import { FAILURES } from "../shared/contract/service.ts";

/** What a function throws: Lambda gives `name` and `message` to the state machine and to the log, so that neither holds anything else. */
export class FunctionFailure extends Error {
  constructor(name: string, sentence: string, hint: string | undefined) {
    super(hint === undefined ? sentence : `${sentence}\nhint: ${hint}`);
    this.name = name;
    // Lambda logs the stack, which was made with another name.
    this.stack = `${name}: ${this.message}`;
  }
}

/** `error` as the state machine is to see it, and what the log may know of it. `signal` is the deadline's. */
export function failureOf(
  error: unknown,
  signal: AbortSignal | undefined,
): { readonly failure: FunctionFailure; readonly logged: Readonly<Record<string, unknown>> } {
  if (isLifeboatError(error)) {
    const stopped: unknown = signal?.reason;
    if (isLifeboatError(error, "interrupted") && isLifeboatError(stopped)) return notice(FAILURES.deadline, stopped);
    return notice(error.code, error);
  }
  const failure = new FunctionFailure(FAILURES.unexpected, "internal error (a bug)", "see the function's log, and report it");
  // The message of an error that nobody foresaw may hold anything: where it was thrown is enough to find it.
  const kind = error instanceof Error ? error.constructor.name : typeof error;
  return { failure, logged: { code: FAILURES.unexpected, kind, frames: error instanceof Error ? framesOf(error) : [] } };
}

/** The lines of the stack behind the message, which may have lines that look like them. */
function framesOf({ stack = "", message }: Error): readonly string[] {
  const start = stack.indexOf(message);
  return start < 0
    ? []
    : stack
        .slice(start + message.length)
        .split("\n")
        .filter((line) => line.startsWith("    at "));
}

function notice(
  code: string,
  { message, hint, retryable }: LifeboatError,
): { readonly failure: FunctionFailure; readonly logged: Readonly<Record<string, unknown>> } {
  return {
    failure: new FunctionFailure(code, message, hint),
    logged: { code, reason: message, hint, retryable: retryable && code !== FAILURES.deadline },
  };
}
