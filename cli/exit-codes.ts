import { LifeboatError } from "../shared/errors.ts";

/** The contract with scripts: docs/cli.md and `lifeboat --help` print this table. */
export const EXIT_CODES = {
  0: "done",
  1: "unexpected: internal error (a bug), or another process was in the way",
  2: "usage or configuration is wrong, or names something that is not there",
  3: "etcd could not be reached, or refused",
  4: "verification failed: content is not what was signed",
  5: "the store, the keys or the deployed service failed",
  6: "findings: done, but something needs a person",
  130: "interrupted",
} as const;

export type ExitCode = keyof typeof EXIT_CODES;

/**
 * Of several things that were done, what the whole ends with: the first of these that there is. A failure comes before findings, and what most likely concerns
 * every cluster (the store, the keys) before one cluster's own.
 */
const WORST_FIRST: readonly ExitCode[] = [130, 1, 5, 4, 3, 2, 6, 0];

export function worstOf(codes: readonly ExitCode[]): ExitCode {
  return WORST_FIRST.find((code) => codes.includes(code)) ?? 0;
}

/** Of all codes with that beginning, or of one. */
const BY_FAMILY: Readonly<Record<string, ExitCode>> = {
  usage: 2,
  config: 2,
  ref: 2,
  input: 2,
  output: 2,
  etcd: 3,
  verify: 4,
  store: 5,
  keys: 5,
  service: 5,
  decoder: 1,
  "decoder/missing": 2,
  busy: 1,
  interrupted: 130,
};

export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof LifeboatError)) return 1;
  return BY_FAMILY[error.code] ?? BY_FAMILY[error.code.split("/", 1)[0] ?? ""] ?? 1;
}
