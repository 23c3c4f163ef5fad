import { z } from "zod";
import { LifeboatError } from "../shared/errors.ts";
import { isClusterName } from "../shared/documents/layout.ts";
import { parseId, parseUtc } from "../shared/documents/slot.ts";

/** What the functions are called with: BackupEvent and BackupOutcome of shared/service.ts, which may hold more than is read here. */

const cluster = z.string().refine(isClusterName, "is not a cluster's name");

export const backupEvent = z.object({
  cluster,
  slot: z
    .string()
    .transform((text, context) => {
      const slot = parseUtc(text);
      if (slot !== undefined) return slot;
      context.addIssue({ code: "custom", message: `"${text}" is not a UTC time such as 2026-11-21T10:00:00Z` });
      return z.NEVER;
    })
    .optional(),
  execution: z.string().min(1).max(2048).optional(),
});

export const checkEvent = z.object({ cluster });

export const verifyEvent = z.object({ cluster, id: z.string().refine((id) => parseId(id) !== undefined, "is not a snapshot's id") });

/** Whose event it is, also where the rest of it is wrong. */
export function clusterIn(event: unknown): string | undefined {
  return z.object({ cluster }).safeParse(event).data?.cluster;
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
