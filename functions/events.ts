import type { z } from "zod";
import { anyEvent } from "../shared/contract/events.ts";
import { LifeboatError } from "../shared/errors.ts";

/** Whose event it is, also where the rest of it is wrong. */
export function clusterIn(event: unknown): string | undefined {
  return anyEvent.safeParse(event).data?.cluster;
}

/** Throws `usage`, naming what is wrong with the event. */
export function parseEvent<T extends z.ZodType>(schema: T, event: unknown): z.output<T> {
  const parsed = schema.safeParse(event);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join(".")}: ${message}`));
  throw new LifeboatError("usage", `the event is not one of this function's: ${faults.join("; ")}`, {
    hint: 'an example is {"cluster": "prod", "slot": "2026-11-21T10:00:00Z"}; the verify function takes what the backup function returned',
  });
}
