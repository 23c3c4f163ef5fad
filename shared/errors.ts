import { redact } from "./redact.ts";

/**
 * Every way in which lifeboat fails, by a stable code. The part before the slash says whose fault it is; the command
 * line maps it to an exit code, the service to an alarm. `true` where the same call may go through later.
 */
const RETRYABLE = {
  usage: false,
  "config/invalid": false,
  "config/not-found": false,
  "config/secret": false,
  "ref/not-found": false,
  "ref/not-good": false,
  "ref/later": false,
  "ref/removed": false,
  "input/not-found": false,
  "input/unusable": false,
  "input/no-entry": false,
  "input/changed": true,
  "output/exists": false,
  "output/failed": false,
  "etcd/unreachable": true,
  "etcd/tls": false,
  "etcd/auth": false,
  "etcd/denied": false,
  "etcd/timeout": true,
  "etcd/stalled": true,
  "etcd/stream": true,
  "etcd/trailer": true,
  "etcd/cluster-mismatch": false,
  "etcd/no-member": true,
  "etcd/compacted": false,
  "etcd/future-revision": true,
  "etcd/refused": false,
  "verify/missing": false,
  "verify/size": false,
  "verify/checksum": false,
  "verify/format": false,
  "verify/signature": false,
  "verify/untrusted": false,
  "verify/sealed": false,
  "verify/digest": false,
  "verify/trailer": false,
  "verify/content": false,
  "verify/times": false,
  "verify/replayed": false,
  "verify/stale": false,
  "verify/not-confirmed": false,
  "store/exists": false,
  "store/missing": false,
  "store/other": false,
  "store/denied": false,
  "store/full": false,
  "store/locked": false,
  "store/no-locks": false,
  "store/failed": true,
  "keys/missing": false,
  "keys/denied": false,
  "keys/invalid": false,
  "keys/no-match": false,
  "keys/disabled": false,
  "keys/deleting": false,
  "keys/throttled": true,
  "keys/failed": true,
  "decoder/missing": false,
  "decoder/failed": false,
  "service/denied": false,
  "service/failed": true,
  busy: true,
  interrupted: true,
} as const;

export type ErrorCode = keyof typeof RETRYABLE;

/** Codes after which the same call may go through later. */
export const RETRYABLE_CODES: readonly string[] = Object.entries(RETRYABLE).flatMap(([code, isRetryable]) => (isRetryable ? [code] : []));

export interface ErrorDetails {
  /** What the person does next: one sentence, lower case, no full stop. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** Of `store/locked`. */
  readonly lock?: LockFacts;
}

/** Until when something is locked; undefined where nobody knows, or no time ends it. */
interface LockFacts {
  readonly until: Date | undefined;
  readonly legalHold: boolean;
}

/** The one error of lifeboat. Its message names the thing at hand and never holds a secret. */
export class LifeboatError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly hint: string | undefined;
  /** Of `store/locked` alone. */
  readonly lock: LockFacts | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(redact(message), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "LifeboatError";
    this.code = code;
    this.retryable = RETRYABLE[code];
    this.hint = details.hint === undefined ? undefined : redact(details.hint);
    this.lock = details.lock;
  }
}

/** Whether `error` is a LifeboatError, of one of `codes` if any are given; a code ending in a slash stands for its family. */
export function isLifeboatError(error: unknown, ...codes: readonly (ErrorCode | `${string}/`)[]): error is LifeboatError {
  if (!(error instanceof LifeboatError)) return false;
  return codes.length === 0 || codes.some((code) => (code.endsWith("/") ? error.code.startsWith(code) : error.code === code));
}

/** The short text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return redact(error instanceof Error ? error.message : String(error));
}

/** The code that `name` is, where it is one. */
export function errorCodeOf(name: string): ErrorCode | undefined {
  return isErrorCode(name) ? name : undefined;
}

function isErrorCode(name: string): name is ErrorCode {
  return Object.hasOwn(RETRYABLE, name);
}
