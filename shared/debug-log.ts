import { redact } from "./redact.ts";

/** What a line of the debug log is about. docs/debugging.md has a line of each. */
export const DEBUG_KINDS = ["aws", "store", "keys", "etcd", "program", "retry", "decision", "cause"] as const;
export type DebugKind = (typeof DEBUG_KINDS)[number];

/**
 * Where each request, retry and decision is logged, with `--verbose`. Undefined everywhere else: written `debug?.log(...)`, a line that nobody asked for is not even built.
 */
export interface DebugLog {
  /** Each line of `text` becomes one line of the log, without the secrets that are known by their form or were given to `hide`. */
  log(kind: DebugKind, text: string): void;
  /** A secret that this process has read, such as a password: it never stands in a later line, also where it has no form to be known by. */
  hide(secret: string): void;
}

/** Lines in which adapters watch the clients of an SDK. */
export type TraceClient = (client: { readonly middlewareStack: object }) => void;

/** Shorter ones stand in ordinary words, which would then show them. */
const SHORTEST_SECRET = 4;

export function openDebugLog(write: (kind: DebugKind, line: string) => void): DebugLog {
  const hidden = new Set<string>();
  return {
    log(kind, text) {
      let redacted = redact(text);
      for (const secret of hidden) redacted = redacted.replaceAll(secret, "***");
      for (const line of redacted.split("\n")) write(kind, line);
    },
    hide(secret) {
      if (secret.length >= SHORTEST_SECRET) hidden.add(secret);
    },
  };
}

/** An environment asks for the log by `LIFEBOAT_DEBUG=1`; empty and 0 do not. */
export function isDebugOn(value: string | undefined): boolean {
  return value !== undefined && value !== "" && value !== "0";
}

/** The error and all that caused it, the outermost first, each with its code and its stack. A loop of causes ends. */
export function causesOf(error: unknown): string {
  const lines: string[] = [];
  const seen = new Set<unknown>();
  const visit = (each: unknown, depth: number): void => {
    if (seen.has(each) || depth > DEEPEST) return;
    seen.add(each);
    const head = depth === 0 ? "" : `${"  ".repeat(depth)}caused by `;
    if (!(each instanceof Error)) {
      lines.push(`${head}${typeof each === "string" ? each : `a thrown ${typeof each}`}`);
      return;
    }
    const stack = each.stack?.split("\n").filter((line) => /^\s+at /.test(line)) ?? [];
    lines.push([`${head}${each.name}${codeOf(each)}: ${each.message}`, ...stack].join("\n"));
    for (const one of each instanceof AggregateError ? each.errors : []) visit(one, depth + 1);
    if (each.cause !== undefined) visit(each.cause, depth + 1);
  };
  visit(error, 0);
  return lines.join("\n");
}

const DEEPEST = 20;

/** An error of the SDK has the status in its metadata, one of gRPC a number. */
function codeOf(error: Error): string {
  const { code, $metadata } = error as Error & { readonly code?: unknown; readonly $metadata?: { readonly httpStatusCode?: unknown } };
  const codes = [code, $metadata?.httpStatusCode].filter((each) => typeof each === "string" || typeof each === "number");
  return codes.length === 0 ? "" : ` (${codes.join(", ")})`;
}
