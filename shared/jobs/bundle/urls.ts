import { payloadFile } from "../../bundle/plan.ts";
import type { StoredObject } from "../../documents/stored.ts";
import type { BlobStore } from "../../store/blob-store.ts";
import type { PublishedFile } from "./publish.ts";

/** The addresses of a published bundle and its payload, which are secrets as long as they last. */
export interface BundleUrls {
  /** By the name of the file. */
  readonly of: ReadonlyMap<string, string>;
  /** When the first of them ends. */
  readonly until: Date;
  /** A session signed them that does not say when it ends. */
  readonly mayEndSooner: boolean;
}

export interface UrlRequest {
  readonly files: readonly PublishedFile[];
  readonly payload: StoredObject;
  readonly until: Date;
  readonly signal: AbortSignal;
}

/** Addresses of these very versions. Undefined where the store gives none. Writes nothing. */
export async function signUrls(blobs: BlobStore, { files, payload, until, signal }: UrlRequest): Promise<BundleUrls | undefined> {
  const of = new Map<string, string>();
  let [first, mayEndSooner] = [until, false];
  for (const { name, key, version } of [...files, { ...payload, name: payloadFile(payload), version: payload.version }]) {
    const signed = await blobs.presign(key, { version, until, signal });
    if (signed === undefined) return undefined;
    of.set(name, signed.url);
    if (signed.until < first) first = signed.until;
    mayEndSooner ||= signed.mayEndSooner;
  }
  return { of, until: first, mayEndSooner };
}
