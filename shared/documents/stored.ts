import { z } from "zod";
import { bytes, digest, MAX_WRAPPINGS, wrappingSchema } from "./parts.ts";

const sealed = z.looseObject({
  kind: z.literal("sealed"),
  key: z.string().min(1),
  bytes,
  sha256: digest,
  /** CRC-32 (ISO-HDLC) of the stored object, eight hex digits. */
  crc32: z.string().regex(/^[0-9a-f]{8}$/),
  /** The object's version id where the store has versions. */
  version: z.string().optional(),
  compression: z.literal("zstd"),
  encryption: z.looseObject({
    format: z.literal("age-encryption.org/v1"),
    recipient: z.string().startsWith("age1"),
    wrappings: z.array(wrappingSchema).min(1).max(MAX_WRAPPINGS),
    breakGlass: z.array(z.string().startsWith("age1")),
  }),
});

const kopia = z.looseObject({ kind: z.literal("kopia"), repository: z.string(), snapshot: z.string(), object: z.string(), bytes });

/** Where the data of a snapshot is, and how it is kept there. */
export const storedSchema = z.discriminatedUnion("kind", [sealed, kopia]);

export type Stored = z.infer<typeof storedSchema>;
export type SealedObject = z.infer<typeof sealed>;
