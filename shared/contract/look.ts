import { z } from "zod";
import { bytes, object, revision, text } from "./parts.ts";

/** The documents of commands that look inside a snapshot. */

export const keyFields = {
  key: text.describe("the user key as text; where it is no UTF-8, bytes past ASCII are `\\xNN`"),
  keyHex: text.describe("the same, byte by byte in hexadecimal"),
  resource: text
    .nullable()
    .describe(
      "as kubectl names it, with the group where the key has one (`pods`, `certificates.cert-manager.io`); null for a key that is none of Kubernetes'",
    ),
  namespace: text.nullable().describe("of the object; null where it has none"),
  name: text.nullable().describe("of the object; null for a key that is none of Kubernetes'"),
};

export const getDocument = object({
  snapshot: text.describe("the file as it was typed, or `CLUSTER/ID`"),
  ...keyFields,
  modRevision: revision.describe("when it was last written"),
  value: text.describe("byte by byte as it is stored, in Base64"),
});

export const findDocument = z.array(
  object({
    ...keyFields,
    modRevision: revision.describe("when it was last written"),
    valueBytes: bytes.describe("of the value as it is stored"),
  }),
);
