import { z } from "zod";
import { CONFIRMED, confirmationSchema } from "./confirmation.ts";
import { knownOrUnknown } from "../unknown-values.ts";
import {
  breakGlassCopy,
  bytes,
  custodyReceiptSchema,
  digest,
  head,
  instant,
  MAX_WRAPPINGS,
  signerSchema,
  snapshotId,
  tool,
  wrappingSchema,
} from "./parts.ts";

/** An index of the keys of a snapshot: an object of its own, of which a part can be read. */
const indexSchema = z.looseObject({
  key: z.string().min(1),
  bytes,
  sha256: digest,
  version: z.string().optional(),
  /** Of its last piece, compressed, which has the digests of all others. */
  last: digest,
});

export const verificationSchema = z.looseObject({
  type: z.literal("verification"),
  ...head,
  id: snapshotId,
  /** SHA-256 of the manifest object's bytes, the envelope as stored. */
  manifestDigest: digest,
  verifiedAt: instant,
  /** Any other speaks for nothing here. */
  level: knownOrUnknown(["deep"]),
  /** What was read back, and equal to what the manifest says. */
  snapshot: z.looseObject({ bytes, sha256: digest }),
  /** The keys of those wrappings in the manifest that were opened, and hold the snapshot's identity. */
  opened: z.array(z.string().min(1)).max(MAX_WRAPPINGS).optional(),
  /** The identity, wrapped by the verifier under keys whose wrappings it could not open: the manifest's are only the writer's word. */
  wrappings: z.array(wrappingSchema).max(MAX_WRAPPINGS).optional(),
  /** An age file of the identity for the break-glass recipients that the verifier was configured with. */
  breakGlass: breakGlassCopy.optional(),
  /** What the members of the cluster said of it when the verifier asked them; absent where an older version wrote it, which did not ask. */
  confirmed: knownOrUnknown(CONFIRMED).optional(),
  confirmation: confirmationSchema.optional(),
  /** Where the verifier left one. */
  index: indexSchema.optional(),
  tool,
  custody: custodyReceiptSchema.optional(),
  signer: signerSchema,
});

export type Verification = z.infer<typeof verificationSchema>;
export type IndexObject = z.infer<typeof indexSchema>;
/** The identity for break-glass recipients: `ciphertext` is an age file in base64. */
export type BreakGlassCopy = z.infer<typeof breakGlassCopy>;
