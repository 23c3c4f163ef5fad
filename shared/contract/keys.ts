import { z } from "zod";
import { digest, fault, object, ref, text } from "./parts.ts";

/** The documents of `lifeboat init`, `keys` and `rewrap`. */

const purpose = z.enum(["snapshot", "audit", "bundle"]);

export const initDocument = object({
  config: text.describe("path, as those that follow"),
  keys: text,
  store: text,
  breakGlassIdentity: text,
  breakGlassRecipient: text.describe("an age recipient"),
  fingerprints: object({ snapshot: digest, audit: digest, bundle: digest }),
  warnings: z.array(text),
});

export const keysDocument = object({
  location: text,
  signing: z.array(object({ purpose, fingerprint: digest.nullable().describe("null where that key is not here"), trusted: z.boolean() })),
  alsoTrusted: z.array(object({ purpose, fingerprint: digest })),
  wrappingKey: text.nullable().describe("an age recipient or an ARN; null where it is not here"),
  unusable: z
    .array(object({ key: z.enum(["snapshot", "audit", "bundle", "wrapping"]), ...fault.shape }))
    .describe("keys that are there and may not or cannot be used by this role"),
  breakGlass: z.array(text).describe("age recipients"),
  replicas: z
    .array(
      object({
        name: text,
        kind: z.enum(["local", "kms"]),
        recipient: text.nullable().describe("of kind `local`"),
        key: text.nullable().describe("of kind `kms`"),
        region: text.nullable().describe("of kind `kms`"),
        endpoint: text.nullable().describe("of kind `kms`, where it is not AWS's own"),
      }),
    )
    .describe("the wrapping keys of replicas as the configuration names them"),
});

export const rewrapDocument = object({
  wrappingKey: text,
  replicaKeys: z.array(text).describe("the wrapping keys of replicas"),
  dryRun: z.boolean(),
  snapshots: z.array(
    object({
      ref,
      under: z.array(text).describe("the keys that it was wrapped under"),
      outcome: z.enum(["already", "would-rewrap", "rewrapped", "failed", "not-sealed"]),
      key: text.nullable().describe("of the rewrap in the store; null where none is made"),
      error: text.nullable(),
    }),
  ),
  unbelieved: z.array(object({ key: text, reason: text })).describe("rewraps in the store"),
});
