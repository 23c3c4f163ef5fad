import { z } from "zod";

const SIZES = { MB: 1e6, GB: 1e9, MiB: 2 ** 20, GiB: 2 ** 30 } as const;

/** `500MB`, `2GiB`: bytes. */
export const size = z.string().transform((text, context) => {
  const match = /^(\d{1,6})(MB|GB|MiB|GiB)$/.exec(text);
  const bytes = match === null ? 0 : Number(match[1]) * SIZES[match[2] as keyof typeof SIZES];
  if (bytes > 0) return bytes;
  context.addIssue({ code: "custom", message: `"${text}" is not a size such as 500MB or 2GiB` });
  return z.NEVER;
});
