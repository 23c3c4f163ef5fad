import {
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  type DeleteMarkerEntry,
  type DeleteObjectCommandOutput,
  type ListObjectVersionsCommandOutput,
  type ObjectVersion,
} from "@aws-sdk/client-s3";
import { LifeboatError } from "../../errors.ts";
import { isKey } from "../blob-key.ts";
import type { BlobVersion } from "../blob-store.ts";
import type { Bucket } from "./bucket.ts";
import { faultOf, isMissing, isMissingVersion } from "./errors.ts";
import { listObjects, orderIn } from "./list.ts";
import { lockedOrDenied } from "./locks.ts";

/** Every version and delete marker below the store's prefix. Of a store that knows none, what it lists. */
export async function* listVersions(bucket: Bucket, prefix: string, signal?: AbortSignal): AsyncGenerator<BlobVersion, void, undefined> {
  const inOrder = orderIn(bucket.location);
  let from: PageStart = {};
  for (;;) {
    const page = await pageOf(bucket, prefix, from, signal);
    if (page === "unsupported") {
      for await (const info of listObjects(bucket, prefix, signal)) yield { ...info, isLatest: true, isDeleteMarker: false };
      return;
    }
    for (const version of versionsOn(withoutMarker(page, from), bucket.settings.prefix)) {
      inOrder(version.key);
      yield version;
    }
    if (page.IsTruncated !== true) return;
    from = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
  }
}

interface PageStart {
  readonly KeyMarker?: string | undefined;
  readonly VersionIdMarker?: string | undefined;
}

/** In a bucket without versions versitygw 1.8 begins a page with what ended the one before: it would be listed twice. */
function withoutMarker({ Versions = [], DeleteMarkers = [] }: Page, { KeyMarker, VersionIdMarker }: PageStart): Page {
  if (KeyMarker === undefined) return { Versions, DeleteMarkers };
  const isLater = ({ Key, VersionId }: ObjectVersion | DeleteMarkerEntry): boolean => Key !== KeyMarker || VersionId !== VersionIdMarker;
  return { Versions: Versions.filter(isLater), DeleteMarkers: DeleteMarkers.filter(isLater) };
}

type Page = Pick<ListObjectVersionsCommandOutput, "Versions" | "DeleteMarkers">;

async function pageOf(
  { client, retry, where, settings }: Bucket,
  prefix: string,
  from: PageStart,
  signal: AbortSignal | undefined,
): Promise<ListObjectVersionsCommandOutput | "unsupported"> {
  const command = new ListObjectVersionsCommand({ ...where, Prefix: settings.prefix + prefix, ...from });
  const doing = `list the versions of ${prefix === "" ? "everything" : prefix}`;
  try {
    return await retry.call(doing, (abortSignal) => client.send(command, { abortSignal }), { signal, except: isUnsupported });
  } catch (error) {
    if (isUnsupported(error)) return "unsupported";
    throw error;
  }
}

function isUnsupported(error: unknown): boolean {
  const { name, status } = faultOf(error);
  return status === 501 || status === 405 || name === "NotImplemented";
}

/** Objects and delete markers come in two lists: put together by key, and of one key by time, the latest first. */
function versionsOn({ Versions = [], DeleteMarkers = [] }: Page, prefix: string): readonly BlobVersion[] {
  return [
    ...Versions.flatMap((each) => versionIn(each, prefix, each.Size ?? 0, false)),
    ...DeleteMarkers.flatMap((each) => versionIn(each, prefix, 0, true)),
  ].toSorted((one, other) => {
    if (one.key !== other.key) return one.key < other.key ? -1 : 1;
    if (one.isLatest !== other.isLatest) return one.isLatest ? -1 : 1;
    return other.modified.getTime() - one.modified.getTime();
  });
}

function versionIn(
  { Key, VersionId, IsLatest, LastModified }: ObjectVersion | DeleteMarkerEntry,
  prefix: string,
  bytes: number,
  isDeleteMarker: boolean,
): readonly BlobVersion[] {
  const key = Key?.slice(prefix.length);
  if (key === undefined || !isKey(key)) return [];
  const version = VersionId === undefined ? {} : { version: VersionId };
  return [{ key, bytes, modified: LastModified ?? new Date(0), ...version, isLatest: IsLatest === true, isDeleteMarker }];
}

/** Every version of one key, the oldest first, so that what stands under the key changes with the last one only. */
export async function removeAll(bucket: Bucket, key: string, signal?: AbortSignal): Promise<void> {
  const versions: BlobVersion[] = [];
  // The key itself comes before every other that begins with it.
  for await (const each of listVersions(bucket, key, signal)) {
    if (each.key !== key) break;
    versions.push(each);
  }
  for (const { version } of versions.toReversed()) await removeVersion(bucket, key, version, signal);
}

/** One version; undefined only where the store knows none. Throws `store/locked` where a lock keeps it. */
export async function removeVersion(bucket: Bucket, key: string, version: string | undefined, signal?: AbortSignal): Promise<void> {
  const { client, retry, where, settings, location } = bucket;
  const command = new DeleteObjectCommand({
    ...where,
    Key: settings.prefix + key,
    ...(version === undefined ? {} : { VersionId: version }),
  });
  const isNone = version === undefined ? isMissing : isMissingVersion;
  let answer: DeleteObjectCommandOutput;
  try {
    answer = await retry.call(`remove ${nameOf(key, version)}`, (abortSignal) => client.send(command, { abortSignal }), {
      signal,
      except: isNone,
    });
  } catch (error) {
    if (isNone(error)) return;
    throw await lockedOrDenied(bucket, key, version, error, signal);
  }
  // Asked for a version that is a marker, S3 says so as well.
  const isHidden = answer.DeleteMarker === true && answer.VersionId !== version;
  if (!isHidden && (version === undefined || answer.VersionId === undefined || answer.VersionId === version)) return;
  throw new LifeboatError("store/failed", `${location} did not remove ${nameOf(key, version)}: it made a delete marker in its place`, {
    hint: "use a store that removes versions by their names, as S3 does; see what it keeps, and remove it by its own means",
  });
}

function nameOf(key: string, version: string | undefined): string {
  return version === undefined ? key : `${key} in version ${version}`;
}
