import { GetObjectCommand } from "@aws-sdk/client-s3";
import type { PresignedUrl, PresignOptions } from "../blob-store.ts";
import type { Bucket } from "./bucket.ts";
import { requestOf } from "./made-request.ts";
import { presignedQuery } from "./signature.ts";

/** Seven days: S3 refuses an address that says more. */
const MOST_SECONDS = 7 * 86_400;

/** An address that gives one version of an object: the SDK says where, and the query is signed here. docs/decisions/0025-urls-signed-here.md */
export async function presignRead(
  { client, settings, where, retry }: Bucket,
  key: string,
  { version, until, signal }: PresignOptions,
): Promise<PresignedUrl | undefined> {
  // The account of the bucket would have to be sent as a header.
  const input = { Bucket: where.Bucket, Key: settings.prefix + key, ...(version === undefined ? {} : { VersionId: version }) };
  const made = await retry.call(`sign an address for ${key}`, () => requestOf(client, new PresignCommand(input)), { signal });
  const host = made?.request.headers["host"];
  if (made === undefined || host === undefined) return undefined;
  const credentials = await client.config.credentials();
  // oxlint-disable-next-line no-restricted-properties -- the SDK's own time, by which its other requests are signed: a server refuses any but the real one
  const now = new Date(Math.floor((Date.now() + client.config.systemClockOffset) / 1000) * 1000);
  const wanted = Math.min(until.getTime(), credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY);
  const seconds = Math.min(Math.floor((wanted - now.getTime()) / 1000), MOST_SECONDS);
  if (seconds < 1) return undefined;
  const { path } = made.request;
  const query = made.query.filter(([name]) => name !== "x-id");
  return {
    url: `${made.request.protocol}//${host}${path}?${presignedQuery({ host, path, query, region: made.region, seconds }, credentials, now)}`,
    until: new Date(now.getTime() + seconds * 1000),
    mayEndSooner: credentials.sessionToken !== undefined && credentials.expiration === undefined,
  };
}

/** Of its own, since the SDK keeps what it has put together for each class. */
class PresignCommand extends GetObjectCommand {}
