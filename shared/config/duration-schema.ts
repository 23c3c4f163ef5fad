import { z } from "zod";
import { parseDuration } from "./durations.ts";

const NO_DURATION = "is not a duration such as 30s, 5m, 2h or 1d";

/** `30s`, `5m`, `2h`, `1d`, in milliseconds; not zero. */
export const duration = z
  .string({ error: ({ input }) => `${input === null || input === undefined ? "nothing" : JSON.stringify(input)} ${NO_DURATION}` })
  .transform((text, context) => {
    const ms = parseDuration(text);
    if (ms === undefined || ms === 0) {
      context.addIssue({ code: "custom", message: `"${text}" ${NO_DURATION}` });
      return z.NEVER;
    }
    return ms;
  });
