import type { StoredDocument } from "../manifest/signed-document.ts";
import type { BlobStore } from "../store/blob-store.ts";

/** Writes a signed document, once: `store/exists` where something is already there. */
export async function putDocument(blobs: BlobStore, key: string, document: StoredDocument): Promise<void> {
  async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
    yield document.bytes;
  }
  await blobs.put(key, body(), { ifAbsent: true });
}
