import type { S3Client } from "@aws-sdk/client-s3";
import type { Clock, RandomBytes } from "../../clock.ts";
import { QuickReads } from "./quick-reads.ts";
import { Retry } from "./retry.ts";
import type { S3Pace, S3Settings } from "./settings.ts";

/** What every call to one bucket needs. */
export interface Bucket {
  readonly client: S3Client;
  readonly quickReads: QuickReads;
  readonly settings: S3Settings;
  readonly pace: S3Pace;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly retry: Retry;
  readonly location: string;
  /** The parameters that every call takes. */
  readonly where: { readonly Bucket: string; readonly ExpectedBucketOwner?: string };
}

export function bucketOf(client: S3Client, settings: S3Settings, pace: S3Pace, clock: Clock, random: RandomBytes): Bucket {
  const location = `s3://${settings.bucket}/${settings.prefix}${settings.endpoint === undefined ? "" : ` at ${settings.endpoint}`}`;
  const owner = settings.expectedBucketOwner;
  const where = { Bucket: settings.bucket, ...(owner === undefined ? {} : { ExpectedBucketOwner: owner }) };
  return {
    client,
    quickReads: new QuickReads(client, where),
    settings,
    pace,
    clock,
    random,
    retry: new Retry(location, clock, random, pace),
    location,
    where,
  };
}

/** A CRC-32 as S3 writes it: base64 of its four bytes, highest first. */
export function crcToBase64(crc: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc);
  return bytes.toString("base64");
}

/** The other way; undefined where `text` is not the CRC of a whole object (S3 ends the composite ones with "-" and the number of parts). */
export function crcFromBase64(text: string | undefined): number | undefined {
  if (text === undefined || !/^[A-Za-z0-9+/]{6}==$/.test(text)) return undefined;
  return Buffer.from(text, "base64").readUInt32BE();
}

/** What S3 calls the version of an object from before there were versions, and of every object in a bucket without. */
export const NULL_VERSION = "null";

export function versionOf(answer: { readonly VersionId?: string | undefined }): { readonly version?: string } {
  return answer.VersionId === undefined || answer.VersionId === NULL_VERSION ? {} : { version: answer.VersionId };
}
