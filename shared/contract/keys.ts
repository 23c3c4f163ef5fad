import { z } from "zod";
import { cluster, digest, fault, object, receipt, ref, text, time } from "./parts.ts";

/** The documents of `lifeboat init`, `keys` and `rewrap`. */

const purpose = z.enum(["snapshot", "audit", "bundle"]).describe("what the key signs");

export const initDocument = object({
  config: text.describe("path of the configuration"),
  keys: text.describe("path of the folder with the keys"),
  store: text.describe("path of the store"),
  breakGlassIdentity: text.describe("path of the identity that opens every snapshot: move it offline"),
  breakGlassRecipient: text.describe("its age recipient"),
  fingerprints: object({
    snapshot: digest.describe("of the key that signs manifests"),
    audit: digest.describe("of the key that countersigns"),
    bundle: digest.describe("of the key that signs restore bundles"),
  }).describe("of the new signing keys"),
  warnings: z.array(text).describe("a sentence each"),
});

export const keysDocument = object({
  location: text.describe("where the keys are"),
  signing: z
    .array(
      object({
        purpose,
        fingerprint: digest.nullable().describe("null where that key is not here"),
        trusted: z.boolean().describe("whether `trustedKeys` has it"),
      }),
    )
    .describe("the key of each purpose"),
  alsoTrusted: z
    .array(object({ purpose, fingerprint: digest.describe("as `trustedKeys` has it") }))
    .describe("further keys of `trustedKeys`"),
  wrappingKey: text.nullable().describe("an age recipient or an ARN; null where it is not here"),
  unusable: z
    .array(object({ key: z.enum(["snapshot", "audit", "bundle", "wrapping"]).describe("its purpose"), ...fault.shape }))
    .describe("keys that are there and may not or cannot be used by this role"),
  breakGlass: z.array(text).describe("age recipients that can open every snapshot"),
  replicas: z
    .array(
      object({
        name: text.describe("of the replica"),
        kind: z.enum(["local", "kms"]).describe("where its key is"),
        recipient: text.nullable().describe("the age recipient; of kind `local`"),
        key: text.nullable().describe("its ARN or alias; of kind `kms`"),
        region: text.nullable().describe("of kind `kms`"),
        endpoint: text.nullable().describe("of kind `kms`; null for AWS's own"),
      }),
    )
    .describe("the wrapping keys of replicas as the configuration names them"),
}).meta({ title: "`keys`" });

export const canaryMakeDocument = object({
  folder: text.describe("absolute; `canary.json` in it is asked for by `confirm`"),
  files: z
    .array(object({ recipient: text.describe("whose identity opens it"), file: text.describe("its name in the folder") }))
    .describe("one for each break-glass recipient"),
}).meta({ title: "`keys canary make`" });

export const canaryConfirmDocument = object({
  recipient: text.describe("whose identity opened it"),
  madeAt: time.describe("when the canary was made"),
  records: z
    .array(
      object({
        cluster: cluster.describe("a cluster of the configuration"),
        custody: receipt.describe("the record `rehearsed` in its log"),
      }),
    )
    .describe("of every cluster of the configuration"),
}).meta({ title: "`keys canary confirm`" });

export const rewrapDocument = object({
  wrappingKey: text.describe("the current wrapping key: an age recipient or an ARN"),
  replicaKeys: z.array(text).describe("the wrapping keys of replicas"),
  dryRun: z.boolean().describe("whether nothing was opened and written"),
  repository: object({
    key: text.describe("of the document that holds it"),
    under: z.array(text).describe("the wrapping keys that open it"),
    breakGlass: z.array(text).describe("the recipients that open it"),
    outcome: z.enum(["already", "would-rewrap", "rewrapped"]).describe("as of a snapshot"),
  })
    .nullable()
    .describe("the password of the Kopia repository, which opens all snapshots; null in any other store"),
  snapshots: z
    .array(
      object({
        ref,
        under: z.array(text).describe("the keys that it was wrapped under"),
        outcome: z
          .enum(["already", "would-rewrap", "rewrapped", "failed", "not-sealed"])
          .describe("`already`: it is under all of them; `would-rewrap`: of `--dry-run`; `not-sealed`: it has no key to wrap"),
        key: text.nullable().describe("of the rewrap in the store; null where none is made"),
        error: text.nullable().describe("why it failed, or null"),
      }),
    )
    .describe("each stored snapshot"),
  unbelieved: z
    .array(object({ key: text.describe("of the object in the store"), reason: text.describe("a sentence") }))
    .describe("rewraps in the store that are not believed"),
});
