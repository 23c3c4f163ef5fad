import { z } from "zod";
import { parseDuration } from "./durations.ts";

/** `30s`, `5m`, `2h`, `1d`, in milliseconds; not zero. */
export const duration = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms === undefined || ms === 0) {
    context.addIssue({ code: "custom", message: `"${text}" is not a duration such as 30s, 5m, 2h or 1d` });
    return z.NEVER;
  }
  return ms;
});
