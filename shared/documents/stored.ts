import { z } from "zod";
import { unknownValue, orUnknown, knownOrUnknown } from "../unknown-values.ts";
import { bytes, digest, MAX_WRAPPINGS, wrappingSchema } from "./parts.ts";
import type { WrappingRecord } from "./parts.ts";

export const COMPRESSIONS = ["zstd"] as const;
const KINDS = ["sealed", "kopia"] as const;

const sealed = z.looseObject({
  kind: z.literal("sealed"),
  key: z.string().min(1),
  bytes,
  sha256: digest,
  /** CRC-32 (ISO-HDLC) of the stored object, eight hex digits. */
  crc32: z.string().regex(/^[0-9a-f]{8}$/),
  /** The object's version id where the store has versions. */
  version: z.string().optional(),
  compression: knownOrUnknown(COMPRESSIONS),
  encryption: z.looseObject({
    format: z.literal("age-encryption.org/v1"),
    recipient: z.string().startsWith("age1"),
    wrappings: z.array(wrappingSchema).min(1).max(MAX_WRAPPINGS),
    breakGlass: z.array(z.string().startsWith("age1")),
  }),
});

const kopia = z.looseObject({ kind: z.literal("kopia"), repository: z.string(), snapshot: z.string(), object: z.string(), bytes });

/** Where the data of a snapshot is, and how it is kept there. */
export const storedSchema = orUnknown(z.discriminatedUnion("kind", [sealed, kopia]), z.looseObject({ kind: unknownValue(KINDS), bytes }));

export type Stored = z.infer<typeof storedSchema>;
export type SealedObject = z.infer<typeof sealed>;

/** One object of a store that holds data of a snapshot, as its manifest describes it. */
export type StoredObject = Pick<SealedObject, "key" | "bytes" | "sha256" | "crc32" | "version">;

/** Whether a later version stored it in a way that this one does not know: where its data is, and what belongs to it, cannot be told. */
export function isStoredLater({ kind }: Stored): boolean {
  return !KINDS.some((each) => each === kind);
}

/** The objects beside the manifest that hold the snapshot's data; none where another repository keeps it, or a later version stored it. */
export function objectsOf(stored: Stored): readonly StoredObject[] {
  return stored.kind === "sealed" ? [stored] : [];
}

/** The snapshot's identity under each wrapping key, as the manifest has it; undefined where the store wraps no keys. */
export function wrappingsOf(stored: Stored): readonly WrappingRecord[] | undefined {
  return stored.kind === "sealed" ? stored.encryption.wrappings : undefined;
}
