import { z } from "zod";
import { compactRevision, crc32c, revision } from "./content-schema.ts";
import { hexId } from "./parts.ts";

/** Whose word a proof takes: see shared/etcd/agreement.ts. */
export const AGREEMENTS = ["quorum", "all", "one", "off"] as const;

const voter = { id: hexId, name: z.string() };
const said = { ...voter, revision, compactRevision, hash: crc32c };
const saidNothing = { ...voter, reason: z.string() };
const vote = z.discriminatedUnion("answer", [
  z.looseObject({ answer: z.literal("agrees"), ...said }),
  z.looseObject({ answer: z.literal("dissents"), ...said }),
  z.looseObject({ answer: z.literal("unavailable"), ...saidNothing }),
  /** It sent a snapshot that was not taken. */
  z.looseObject({ answer: z.literal("broken"), ...saidNothing }),
]);
const asked = {
  agreement: z.enum(AGREEMENTS),
  /** Voting members of the cluster, and how many of them had to agree. */
  voters: z.int().nonnegative(),
  needed: z.int().nonnegative(),
  /** Those that had something to say, or could not. */
  members: z.array(vote),
};

export const proofSchema = z.discriminatedUnion("status", [
  /** Bucket `key` up to `revision`. */
  z.looseObject({ status: z.literal("proven"), revision, ...asked }),
  z.looseObject({ status: z.literal("unproven"), reason: z.string(), ...asked }),
]);

export type Agreement = (typeof AGREEMENTS)[number];
export type Proof = z.infer<typeof proofSchema>;
/** A proof without its votes. */
export type ProofOutcome = { readonly status: "proven" } | { readonly status: "unproven"; readonly reason: string };
export type Vote = z.infer<typeof vote>;
