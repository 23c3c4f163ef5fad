import { isLifeboatError } from "../errors.ts";
import type { LifeboatError } from "../errors.ts";
import { readSmall } from "../store/blob-store.ts";
import type { BlobStore } from "../store/blob-store.ts";
import type { SnapshotName } from "../store/snapshot-store.ts";
import { partsOfRewrapKey, rewrapsPrefix } from "./layout.ts";
import type { Rewrap, WrappingRecord } from "./schema.ts";
import { MAX_DOCUMENT_BYTES, openDocument, saysUnknownKind } from "./signed-document.ts";
import type { TrustedKeys } from "./signed-document.ts";

/** The rewraps of one snapshot. */
export interface Rewraps {
  /** In the order of their numbers. Whose manifest they name is not compared: what they wrap is held against the recipient in it. */
  readonly good: readonly Rewrap[];
  /** Those that are not believed, with the reason. */
  readonly bad: readonly { readonly key: string; readonly error: LifeboatError }[];
  /** The highest number in use, 0 where there is none. */
  readonly last: number;
}

interface Vault {
  readonly blobs: BlobStore;
  readonly trusted: TrustedKeys;
}

/** What a sealed store asks for: the wrappings that believed rewraps add to a snapshot. */
export function addedWrappings(vault: Vault): (name: SnapshotName) => Promise<readonly WrappingRecord[]> {
  return async ({ cluster, id }) => (await readRewraps(vault, cluster, id)).good.flatMap((each) => each.wrappings);
}

export async function readRewraps({ blobs, trusted }: Vault, cluster: string, id: string): Promise<Rewraps> {
  const found: { readonly key: string; readonly number: number }[] = [];
  for await (const { key } of blobs.list(rewrapsPrefix(cluster, id))) {
    const parts = partsOfRewrapKey(cluster, key);
    if (parts?.id === id) found.push({ key, number: parts.number });
  }
  found.sort((a, b) => a.number - b.number);
  const good: Rewrap[] = [];
  const bad: { key: string; error: LifeboatError }[] = [];
  for (const { key } of found) {
    try {
      const bytes = await readSmall(blobs, key, MAX_DOCUMENT_BYTES);
      if (saysUnknownKind(bytes)) continue;
      const rewrap = openDocument("rewrap", bytes, trusted, key);
      // Another's wrapping would not open this one's data; it is only never tried.
      if (rewrap.cluster === cluster && rewrap.id === id) good.push(rewrap);
    } catch (error) {
      if (!isLifeboatError(error, "verify/")) throw error;
      bad.push({ key, error });
    }
  }
  return { good, bad, last: found.at(-1)?.number ?? 0 };
}
