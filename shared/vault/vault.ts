import type { TrustedKeys } from "../documents/signed-document.ts";
import type { BlobStore } from "../store/blob-store.ts";

/** Where signed documents are read, and whose are believed. */
export interface Vault {
  readonly blobs: BlobStore;
  readonly trusted: TrustedKeys;
}
