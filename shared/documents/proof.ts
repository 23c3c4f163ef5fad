import { z } from "zod";
import { compactRevision, crc32c, revision } from "./content-schema.ts";
import { unknownValue, orUnknown, knownOrUnknown } from "../unknown-values.ts";
import { hexId } from "./parts.ts";

/** Whose word a proof takes: see shared/etcd/agreement.ts. */
export const AGREEMENTS = ["quorum", "all", "one", "off"] as const;

const voter = { id: hexId, name: z.string() };
const said = { ...voter, revision, compactRevision, hash: crc32c };
const saidNothing = { ...voter, reason: z.string() };
const ANSWERS = ["agrees", "dissents", "unavailable", "broken"] as const;
const knownVote = z.discriminatedUnion("answer", [
  z.looseObject({ answer: z.literal("agrees"), ...said }),
  z.looseObject({ answer: z.literal("dissents"), ...said }),
  z.looseObject({ answer: z.literal("unavailable"), ...saidNothing }),
  /** It sent a snapshot that was not taken. */
  z.looseObject({ answer: z.literal("broken"), ...saidNothing }),
]);
/** An answer of a later version agrees with nothing. */
export const voteSchema = orUnknown(knownVote, z.looseObject({ answer: unknownValue(ANSWERS), ...voter }));
const asked = {
  agreement: knownOrUnknown(AGREEMENTS),
  /** Voting members of the cluster, and how many of them had to agree. */
  voters: z.int().nonnegative(),
  needed: z.int().nonnegative(),
  /** Those that had something to say, or could not. */
  members: z.array(voteSchema),
};

export const proofSchema = orUnknown(
  z.discriminatedUnion("status", [
    /** Bucket `key` up to `revision`. */
    z.looseObject({ status: z.literal("proven"), revision, ...asked }),
    z.looseObject({ status: z.literal("unproven"), reason: z.string(), ...asked }),
  ]),
  z.looseObject({ status: unknownValue(["proven", "unproven"]), ...asked }),
);

/** The outcome of a proof, and whose word it took: what a listing needs of it. */
export const proofWordsSchema = orUnknown(
  z.discriminatedUnion("status", [
    z.looseObject({ status: z.literal("proven"), agreement: asked.agreement }),
    z.looseObject({ status: z.literal("unproven"), reason: z.string(), agreement: asked.agreement }),
  ]),
  z.looseObject({ status: unknownValue(["proven", "unproven"]), agreement: asked.agreement }),
);

export type Agreement = (typeof AGREEMENTS)[number];
export type Proof = z.infer<typeof proofSchema>;
export type ProofWords = z.infer<typeof proofWordsSchema>;
/** A proof without its votes. */
export type ProofOutcome = { readonly status: "proven" } | { readonly status: "unproven"; readonly reason: string };
export type Vote = z.infer<typeof voteSchema>;

/** What a proof comes to here. One whose status or agreement this version does not know proves nothing to it. */
export function outcomeOf(proof: ProofWords): ProofOutcome {
  const { status, agreement } = proof;
  if (!isAgreement(agreement))
    return { status: "unproven", reason: `a later version asked for an agreement that this one does not know: ${agreement}` };
  if (proof.status === "proven") return { status: "proven" };
  if (proof.status === "unproven") return { status: "unproven", reason: proof.reason };
  return { status: "unproven", reason: `its proof is one of a later version: ${status}` };
}

export function isAgreement(word: string): word is Agreement {
  return AGREEMENTS.some((each) => each === word);
}
