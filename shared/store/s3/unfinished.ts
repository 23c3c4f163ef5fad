import { AbortMultipartUploadCommand, ListMultipartUploadsCommand, ListPartsCommand } from "@aws-sdk/client-s3";
import { LifeboatError } from "../../errors.ts";
import type { UnfinishedPut } from "../blob-store.ts";
import { isKey } from "../blob-key.ts";
import type { Bucket } from "./bucket.ts";
import { isMissing, isNoSuchUpload } from "./errors.ts";

const isGone = (error: unknown): boolean => isNoSuchUpload(error) || isMissing(error);

/** Every multipart upload below the prefix that was neither completed nor thrown away: `<key>?uploadId=<S3's id>`. */
export async function* listUploads(bucket: Bucket, signal?: AbortSignal): AsyncGenerator<UnfinishedPut, void, undefined> {
  const { client, retry, where, settings } = bucket;
  let markers: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {};
  while (markers !== undefined) {
    const command: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({ ...where, Prefix: settings.prefix, ...markers });
    const page = await retry.call("list unfinished uploads", (abortSignal) => client.send(command, { abortSignal }), { signal });
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      const key = Key?.slice(settings.prefix.length);
      if (key === undefined || !isKey(key) || UploadId === undefined) continue;
      const parts = await partsOf(bucket, key, UploadId, signal);
      // Completed or thrown away since it was listed.
      if (parts === undefined) continue;
      yield { id: `${key}?uploadId=${UploadId}`, bytes: parts.bytes, modified: parts.newest ?? Initiated ?? new Date(0) };
    }
    markers = page.IsTruncated === true ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker } : undefined;
  }
}

/** How much an upload has brought, and when its last part came: an upload that goes on is not left behind, however long ago it began. */
async function partsOf(
  { client, retry, where, settings }: Bucket,
  key: string,
  UploadId: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly bytes: number; readonly newest: Date | undefined } | undefined> {
  let bytes = 0;
  let newest: Date | undefined;
  let marker: string | undefined;
  try {
    do {
      const command: ListPartsCommand = new ListPartsCommand({
        ...where,
        Key: settings.prefix + key,
        UploadId,
        ...(marker === undefined ? {} : { PartNumberMarker: marker }),
      });
      const page = await retry.call(`look at the upload of ${key}`, (abortSignal) => client.send(command, { abortSignal }), {
        signal,
        except: isGone,
      });
      for (const { Size, LastModified } of page.Parts ?? []) {
        bytes += Size ?? 0;
        if (LastModified !== undefined && (newest === undefined || LastModified > newest)) newest = LastModified;
      }
      // Not by the marker alone, as the SDK's paginator does: versitygw sends one with the last page too.
      marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
    } while (marker !== undefined);
    return { bytes, newest };
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Throws an upload away by the id that `listUploads` gave it. */
export async function abortUpload({ client, retry, where, settings, location }: Bucket, id: string): Promise<void> {
  const [, key, UploadId] = /^([^?]*)\?uploadId=(.+)$/.exec(id) ?? [];
  if (key === undefined || UploadId === undefined || !isKey(key))
    throw new LifeboatError("store/failed", `${JSON.stringify(id)} is not an unfinished put of ${location}`);
  const command = new AbortMultipartUploadCommand({ ...where, Key: settings.prefix + key, UploadId });
  try {
    await retry.call(`throw away the upload of ${key}`, (abortSignal) => client.send(command, { abortSignal }), { except: isGone });
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}
