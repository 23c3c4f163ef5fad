import { z } from "zod";
import { isAddress } from "./address.ts";
import { settings } from "./settings.ts";

/** The keys that sign and wrap: `keys` in lifeboat.yaml, and a replica's wrapping key. */

const localKeys = settings({ kind: z.literal("local"), path: z.string().min(1) });

const kmsKey = z
  .string()
  .regex(
    /^(alias\/[A-Za-z0-9/_-]+|arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key|alias)\/[A-Za-z0-9/_-]+|(mrk-)?[0-9a-f-]{32,36})$/,
    "expected a KMS key: alias/NAME, the ARN of a key or alias, or a key's id",
  );
const REGION = "expected a region such as eu-central-1";
const kmsPlace = {
  region: z.string({ error: REGION }).regex(/^[a-z]{2}(-[a-z]+)+-\d$/, REGION),
  endpoint: z
    .string()
    .refine(
      (text) => URL.canParse(text) && isAddress(new URL(text)),
      "expected an address such as https://kms.example:4566, without credentials",
    )
    .optional(),
};
const kmsKeys = settings({
  kind: z.literal("kms"),
  wrap: kmsKey,
  /** An alias would say where it leads only when it is asked, and a retired key has no business with one. */
  retired: z
    .array(
      z
        .string()
        .regex(/^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/, "expected the ARN of a key: arn:aws:kms:REGION:ACCOUNT:key/ID"),
    )
    .max(15, "at most 15: run lifeboat rewrap, and take out those that nothing is wrapped under any more")
    .default([]),
  sign: settings({ snapshot: kmsKey, audit: kmsKey, bundle: kmsKey }).refine(
    (sign) => new Set(Object.values(sign)).size === 3,
    "each purpose needs a key of its own, so that no role can sign in another's name",
  ),
  ...kmsPlace,
});

export const keysSchema = z.discriminatedUnion("kind", [localKeys, kmsKeys], {
  error:
    "expected { kind: local, path: ./keys } or { kind: kms, wrap: alias/..., sign: { snapshot: alias/..., audit: ..., bundle: ... }, region: ... }",
});

const localWrappingKey = settings({
  kind: z.literal("local"),
  recipient: z
    .string()
    .regex(/^age1[02-9ac-hj-np-z]{58}$/, "expected an X25519 age recipient (age1...): the line in wrapping.pub of the replica's keys"),
});

/** A key that only wraps: whoever can use the other half of it is elsewhere. */
export const wrappingKeySchema = z.discriminatedUnion(
  "kind",
  [localWrappingKey, settings({ kind: z.literal("kms"), key: kmsKey, ...kmsPlace })],
  { error: "expected { kind: local, recipient: age1... } or { kind: kms, key: alias/..., region: ... }" },
);
