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

const kopia = z.looseObject({
  kind: z.literal("kopia"),
  /** What it would be called if it were an object of its own: by it the custody log and retention name the data. */
  key: z.string().min(1),
  /** Of the snapshot as etcd sent it, which is what Kopia keeps. */
  bytes,
  sha256: digest,
  /** The repository's unique id, in hex. */
  repository: z.string().min(1),
  /** Kopia's id of the snapshot when it was made. Pinning changes it: the tags `cluster`, `snapshot` and `run` stay. */
  snapshot: z.string().min(1),
  /** Kopia's object of the file, as `kopia show` takes it: `k.../snapshot.db`. Pinning leaves it as it is. */
  object: z.string().regex(/^k?[0-9a-f]+\/[A-Za-z0-9._-]+$/, "expected an object of Kopia such as k0123abcd/snapshot.db"),
});

/** Where the data of a snapshot is, and how it is kept there. */
export const storedSchema = orUnknown(z.discriminatedUnion("kind", [sealed, kopia]), z.looseObject({ kind: unknownValue(KINDS), bytes }));

export type Stored = z.infer<typeof storedSchema>;
export type SealedObject = z.infer<typeof sealed>;
export type KopiaObject = z.infer<typeof kopia>;

/** One object of a store that holds data of a snapshot, as its manifest describes it. */
export type StoredObject = Pick<SealedObject, "key" | "bytes" | "sha256" | "version"> & {
  /** Of every object of a sealed store; nobody vouches for one of what is in a Kopia repository. */
  readonly crc32?: string;
};

/** Whether a later version stored it in a way that this one does not know: where its data is, and what belongs to it, cannot be told. */
export function isStoredLater({ kind }: Stored): boolean {
  return !KINDS.some((each) => each === kind);
}

/** What holds the snapshot's data, beside the manifest or, by a name that stands for it, in a Kopia repository; none where a later version stored it. */
export function objectsOf(stored: Stored): readonly StoredObject[] {
  return stored.kind === "sealed" || stored.kind === "kopia" ? [stored] : [];
}

/** The same of what lies as an object in a store: a replica can have it, and a URL lead to it. */
export function sealedObjectsOf(stored: Stored): readonly SealedObject[] {
  return stored.kind === "sealed" ? [stored] : [];
}

/** The snapshot's identity under each wrapping key, as the manifest has it; undefined where the store wraps no keys. */
export function wrappingsOf(stored: Stored): readonly WrappingRecord[] | undefined {
  return stored.kind === "sealed" ? stored.encryption.wrappings : undefined;
}
