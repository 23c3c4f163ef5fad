import { z } from "zod";
import { revision } from "./content-schema.ts";
import { knownOrUnknown } from "../unknown-values.ts";
import { instant } from "./parts.ts";
import { AGREEMENTS, voteSchema } from "./proof.ts";

/** How much of a confirmation by members the configuration asks for before a snapshot is good. */
export const CONFIRM = ["required", "wanted", "off"] as const;

/**
 * What the verifier was told, when it asked the members of the cluster itself: `members` where as many confirmed the snapshot as the agreement of its configuration asks for, `too late` where
 * these no longer have the snapshot's revision, `not asked` where nobody was asked or too few could say.
 */
export const CONFIRMED = ["members", "too late", "not asked"] as const;

export const confirmationSchema = z.looseObject({
  /** Why it is not confirmed; absent where it is. */
  reason: z.string().optional(),
  /** Absent where nobody was asked. */
  asked: z
    .looseObject({
      /** When the questions began. */
      at: instant,
      /** Bucket `key` up to this revision. */
      revision,
      /** Of the verifier's own configuration. */
      agreement: knownOrUnknown(AGREEMENTS),
      /** Voting members, as they list themselves, and how many of them had to agree; 0 where that was not known. */
      voters: z.int().nonnegative(),
      needed: z.int().nonnegative(),
      members: z.array(voteSchema),
    })
    .optional(),
});

export type Confirm = (typeof CONFIRM)[number];
export type Confirmed = (typeof CONFIRMED)[number];
export type Confirmation = z.infer<typeof confirmationSchema>;
