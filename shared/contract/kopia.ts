import { z } from "zod";
import { bytes, object, text, time } from "./parts.ts";

export const kopiaInitDocument = object({
  outcome: z.enum(["created", "existing"]).describe("`existing`: it was there and opens; policy and owner were set again"),
  location: text.describe("of the repository"),
  repository: text.describe("the repository's unique id, as manifests have it"),
  splitter: text.describe("how files are cut into what is deduplicated, in Kopia's word"),
  encryption: text.describe("in Kopia's word"),
  password: text.describe("the key of the document that holds the repository's password, wrapped"),
  breakGlass: z.array(text).describe("the recipients that open the password without the keys"),
});

const status = {
  location: text.describe("of the repository"),
  repository: text.describe("the repository's unique id, as manifests have it"),
  splitter: text.describe("how files are cut into what is deduplicated, in Kopia's word"),
  encryption: text.describe("in Kopia's word"),
  snapshots: z.int().describe("whole snapshots of lifeboat in it"),
  blobs: z.int().describe("objects or files in the storage"),
  bytes: bytes.describe("of everything in the storage"),
  availableBytes: bytes.nullable().describe("free in the file system; null in S3"),
  lock: object({
    mode: text.describe("governance or compliance"),
    days: z.number().describe("for which blobs are locked"),
    isExtended: z.boolean().describe("whether a full maintenance extends the locks of what is still in use"),
  })
    .nullable()
    .describe("Object Lock that the repository was made with"),
  owner: text.describe("whose maintenance runs, `user@host`"),
  nextQuick: time.nullable().describe("when a quick maintenance is due; null where none was run yet"),
  nextFull: time.nullable().describe("when a full maintenance is due; null where none was run yet"),
  waitingBytes: bytes
    .nullable()
    .describe("removed and not given back yet, as the last full maintenance saw it; null where none has looked"),
  waitingUntil: time.nullable().describe("not before which they are given back: the next full maintenance"),
  failed: z
    .array(object({ task: text.describe("in Kopia's word"), at: time.describe("when it ended"), error: text.nullable().describe("why") }))
    .describe("steps of the maintenance whose last run failed"),
};

export const kopiaStatusDocument = object(status);

export const kopiaMaintainDocument = object({
  mode: z.enum(["quick", "full"]).describe("what was run"),
  freedBytes: z.int().describe("of the storage, given back by this run; below zero where it grew"),
  locksExtended: z.int().nullable().describe("blobs whose locks this run extended; null where it had none to extend"),
  ...status,
});
