import { z } from "zod";
import { settings } from "./settings.ts";

/** Who may get a restore bundle: `recipients` and `desk` in lifeboat.yaml. */

/** It becomes the name of a file, and of a node or a person on the phone. */
export const RECIPIENT_NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;

const NAME = "a recipient's name has lower-case letters, digits, '.', '_' and '-', at most 63, and begins with a letter or digit";
/** What one that is not enrolled is called: `unenrolled-` and digits of its key. */
export const UNENROLLED = "unenrolled-";

export const recipientsSchema = z
  .record(
    z
      .string()
      .refine((name) => RECIPIENT_NAME.test(name), NAME)
      .refine(
        (name) => !name.startsWith(UNENROLLED),
        `${UNENROLLED}... is what recipients are called that are not listed here; give it another name`,
      ),
    z.string().startsWith("age1", "expected an age recipient: age1..."),
  )
  .default({});

export const UNENROLLED_POLICIES = ["allow", "refuse"] as const;

export const deskSchema = settings({
  /** Whether a bundle may be made for somebody who is not under `recipients`, with a reason. */
  unenrolled: z.enum(UNENROLLED_POLICIES, { error: `expected one of ${UNENROLLED_POLICIES.join(", ")}` }).default("allow"),
}).prefault({});
