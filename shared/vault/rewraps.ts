import { isLifeboatError, LifeboatError } from "../errors.ts";
import { readSmall } from "../store/blob-store.ts";
import type { BlobStore } from "../store/blob-store.ts";
import { partsOfRewrapKey, rewrapsPrefix } from "../documents/layout.ts";
import type { Rewrap } from "../documents/rewrap.ts";
import { MAX_DOCUMENT_BYTES, openDocument, openLaterKind } from "../documents/signed-document.ts";
import type { TrustedKeys } from "../documents/signed-document.ts";

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

/** The lowest numbers are read: who plants thousands behind them hides none. A snapshot gets one where keys change. */
const MAX_REWRAPS = 64;

export async function readRewraps({ blobs, trusted }: Vault, cluster: string, id: string): Promise<Rewraps> {
  const found: { readonly key: string; readonly number: number }[] = [];
  for await (const { key } of blobs.list(rewrapsPrefix(cluster, id))) {
    const parts = partsOfRewrapKey(cluster, key);
    if (parts?.id === id) found.push({ key, number: parts.number });
  }
  found.sort((a, b) => a.number - b.number);
  const good: Rewrap[] = [];
  const bad: { key: string; error: LifeboatError }[] = [];
  for (const { key } of found.slice(0, MAX_REWRAPS)) {
    try {
      const bytes = await readSmall(blobs, key, MAX_DOCUMENT_BYTES);
      if (openLaterKind(bytes, trusted, key) !== undefined) continue;
      const rewrap = openDocument("rewrap", bytes, trusted, key);
      // Another's wrapping would not open this one's data; it is only never tried.
      if (rewrap.cluster === cluster && rewrap.id === id) good.push(rewrap);
    } catch (error) {
      if (!isLifeboatError(error, "verify/")) throw error;
      bad.push({ key, error });
    }
  }
  const [unread] = found.slice(MAX_REWRAPS);
  if (unread !== undefined) bad.push({ key: unread.key, error: tooMany(found.length, `${cluster}/${id}`) });
  return { good, bad, last: found.at(-1)?.number ?? 0 };
}

function tooMany(count: number, snapshot: string): LifeboatError {
  return new LifeboatError("verify/size", `there are ${count} rewraps of ${snapshot}, and no more than ${MAX_REWRAPS} are read`, {
    hint: "find out who wrote so many, and remove those that are not believed",
  });
}
