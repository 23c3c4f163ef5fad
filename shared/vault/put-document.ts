import { isLifeboatError } from "../errors.ts";
import { readSmall } from "../store/blob-store.ts";
import type { BlobStore } from "../store/blob-store.ts";
import { digestOf, MAX_DOCUMENT_BYTES } from "../documents/signed-document.ts";
import type { StoredDocument } from "../documents/signed-document.ts";

/**
 * Writes a signed document, once: `store/exists` where another is already there. Where the store fails or `signal` interrupts it, what is there decides:
 * signatures are random, so the very bytes can only be of this call, and only their acknowledgement was lost.
 */
export async function putDocument(blobs: BlobStore, key: string, document: StoredDocument, signal?: AbortSignal): Promise<void> {
  async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
    yield document.bytes;
  }
  try {
    await blobs.put(key, body(), { ifAbsent: true, signal });
  } catch (error) {
    if (!isLifeboatError(error, "store/", "interrupted") || !(await isThere(blobs, key, document))) throw error;
  }
}

/** Whether these very bytes stand under `key`. False also where it cannot be seen: the failure that led here is the one to tell. */
export async function isThere(
  blobs: BlobStore,
  key: string,
  document: Pick<StoredDocument, "digest"> & Partial<StoredDocument>,
): Promise<boolean> {
  try {
    return digestOf(await readSmall(blobs, key, Math.max(MAX_DOCUMENT_BYTES, document.bytes?.length ?? 0))) === document.digest;
  } catch {
    return false;
  }
}
