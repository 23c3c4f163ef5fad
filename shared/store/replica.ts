import type { BlobStore } from "./blob-store.ts";

/** Another store that keeps the same snapshots, under the same keys and with the same bytes. */
export interface Replica {
  /** As the configuration calls it. */
  readonly name: string;
  readonly blobs: BlobStore;
}
