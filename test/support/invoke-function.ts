import { vi } from "vitest";
import { z } from "zod";
import type { LambdaContext } from "../../functions/log.ts";

/** What became of an invocation, and what the function wrote to its log. */
export interface Invoked {
  readonly outcome: unknown;
  /** What was thrown, as Lambda passes it on. */
  readonly failure: Error | undefined;
  /** Lines of the log that are no metrics. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  /** Documents in Embedded Metric Format. */
  readonly metrics: readonly Readonly<Record<string, unknown>>[];
  /** All that was written, as it was. */
  readonly text: string;
}

export const CONTEXT: Omit<LambdaContext, "getRemainingTimeInMillis"> = {
  functionName: "lifeboat-prod-backup",
  functionVersion: "$LATEST",
  invokedFunctionArn: "arn:aws:lambda:eu-central-1:111122223333:function:lifeboat-prod-backup",
  memoryLimitInMB: "512",
  awsRequestId: "11111111-2222-3333-4444-555555555555",
};

const lineSchema = z.record(z.string(), z.unknown());

type Handler = (event: unknown, context: LambdaContext) => Promise<unknown>;

/** Calls a handler in this process, as Lambda does. `remainingMs`: what it has left until it would be killed. */
export async function invoke(handler: Handler, event: unknown, remainingMs = 900_000): Promise<Invoked> {
  const { value, text } = await captured(() => settle(handler, event, remainingMs));
  return { ...value, text, ...sorted(text) };
}

/** The same for all of `events` at once. */
export async function invokeAll<E>(
  handler: Handler,
  events: readonly E[],
): Promise<Pick<Invoked, "lines" | "metrics"> & { readonly settled: readonly (Settled & { readonly event: E })[] }> {
  const { value, text } = await captured(() =>
    Promise.all(events.map(async (event) => ({ event, ...(await settle(handler, event, 900_000)) }))),
  );
  return { settled: value, ...sorted(text) };
}

type Settled = Pick<Invoked, "outcome" | "failure">;

async function settle(handler: Handler, event: unknown, remainingMs: number): Promise<Settled> {
  const end = performance.now() + remainingMs;
  try {
    return { outcome: await handler(event, { ...CONTEXT, getRemainingTimeInMillis: () => end - performance.now() }), failure: undefined };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { outcome: undefined, failure: error };
  }
}

async function captured<T>(action: () => Promise<T>): Promise<{ readonly value: T; readonly text: string }> {
  let text = "";
  const spies = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, "write").mockImplementation((chunk) => {
      text += chunk.toString();
      return true;
    }),
  );
  try {
    const value = await action();
    return { value, text };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** The lines of a function's log, each of which must be JSON. */
export function sorted(text: string): Pick<Invoked, "lines" | "metrics"> {
  const all = text
    .trim()
    .split("\n")
    // Node's own warnings are none of the function's lines.
    .filter((line) => line !== "" && !line.startsWith("("))
    .map((line) => lineSchema.parse(JSON.parse(line)));
  return { lines: all.filter((each) => !("_aws" in each)), metrics: all.filter((each) => "_aws" in each) };
}
