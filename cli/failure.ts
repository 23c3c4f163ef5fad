import { causesOf } from "../shared/debug-log.ts";
import { isLifeboatError, LifeboatError, messageOf } from "../shared/errors.ts";
import { redact } from "../shared/redact.ts";
import { note } from "./console.ts";
import type { Console } from "./console.ts";
import { exitCodeOf } from "./exit-codes.ts";
import type { ExitCode } from "./exit-codes.ts";
import { printable } from "./format.ts";

/** What a failed command prints with `--json`, below `error`. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  readonly exitCode: ExitCode;
}

/** Tells the person what failed, headed by `about`, and gives the same for `--json`. */
export function noteFailure(console: Console, error: unknown, about = ""): Failure {
  // Whatever an interruption cut off has words of its own; the person is told of the signal.
  const reason: unknown = console.signal.aborted && isLifeboatError(error, "interrupted") ? console.signal.reason : error;
  const thrown = reason instanceof Error ? reason : new Error(messageOf(reason));
  const isOurs = thrown instanceof LifeboatError;
  const hint = isOurs ? (thrown.hint ?? null) : "this is a bug in lifeboat: run it again with --verbose, and report what it prints";
  note(console, printable(`${about}${thrown.message}`));
  if (hint !== null) note(console, `hint: ${printable(hint)}`);
  if (console.debug !== undefined) console.debug.log("cause", causesOf(error));
  else if (!isOurs && thrown.stack !== undefined) note(console, redact(thrown.stack));
  return { code: isOurs ? thrown.code : "unexpected", message: thrown.message, hint, exitCode: exitCodeOf(thrown) };
}
