import { z } from "zod";
import { settings } from "./settings.ts";

/** `trustedKeys`: a fingerprint, or `{ key, notAfter }` for a key that signs no more. */

const EXPECTED = "expected a fingerprint: sha256: and 64 hex digits (see lifeboat keys)";

const fingerprint = z.string(EXPECTED).regex(/^sha256:[0-9a-f]{64}$/, EXPECTED);

const retired = settings({
  key: fingerprint,
  notAfter: z.iso
    .datetime({ offset: true, error: "expected a time such as 2026-11-28T00:00:00Z" })
    .transform((text) => new Date(text).toISOString()),
});

const entries = z
  .array(
    z.unknown().transform((value, context) => {
      const parsed = (typeof value === "object" ? retired : fingerprint).safeParse(value);
      if (parsed.success) return typeof parsed.data === "string" ? { key: parsed.data, notAfter: undefined } : parsed.data;
      for (const { path, message } of parsed.error.issues) context.addIssue({ code: "custom", path, message });
      return z.NEVER;
    }),
  )
  .default([]);

export const trustedKeysSchema = settings({ snapshot: entries, audit: entries, bundle: entries }).transform((purposes) => {
  const keysOf = (purpose: keyof typeof purposes): readonly string[] => [...new Set(purposes[purpose].map(({ key }) => key))];
  const ends: Record<string, string> = {};
  for (const { key, notAfter } of Object.values(purposes).flat()) {
    const known = ends[key];
    // Where a key stands twice, the stricter holds.
    if (notAfter !== undefined && (known === undefined || notAfter < known)) ends[key] = notAfter;
  }
  return { snapshot: keysOf("snapshot"), audit: keysOf("audit"), bundle: keysOf("bundle"), ends };
});
