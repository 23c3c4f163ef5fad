import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { putDocument } from "../../vault/put-document.ts";
import { digestOf, MAX_DOCUMENT_BYTES } from "../../documents/signed-document.ts";
import { readSmall } from "../../store/blob-store.ts";
import type { BlobStore } from "../../store/blob-store.ts";

/** An object's place in the store that is copied from and in the one that is copied to. */
export interface Places {
  readonly from: BlobStore;
  readonly to: BlobStore;
  /** In `from`. */
  readonly key: string;
  /** In `to`, where it is another. */
  readonly toKey?: string;
  /** What was opened under `key`, where it was: nothing else is copied. */
  readonly digest?: string;
  readonly signal?: AbortSignal | undefined;
}

/** The digests of what stands in both places, undefined where nothing does; `conflict` where they differ, or the copy has lost what it was copied from. */
interface Comparison {
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** One sentence, lower case, no full stop. */
  readonly conflict: string | undefined;
}

export async function compareDocuments({ from, to, key, toKey = key, signal }: Places): Promise<Comparison> {
  const [one, other] = await Promise.all([digestAt(from, key, signal), digestAt(to, toKey, signal)]);
  if (other === undefined || one === other) return { from: one, to: other, conflict: undefined };
  const there = `${toKey} in ${to.location} is ${other}`;
  const conflict = one === undefined ? `${there}, and is not in ${from.location} any more` : `${there}, and ${one} in ${from.location}`;
  return { from: one, to: other, conflict };
}

/**
 * Copies a document as it is where it is not there, and reads it back: whether it did. What is there with other bytes stays, and is told as `conflict`. Throws
 * `verify/digest` where what arrived is not what was sent.
 */
export async function copyDocument(places: Places): Promise<{ readonly copied: boolean; readonly conflict: string | undefined }> {
  const { from, to, key, toKey = key, digest: opened, signal } = places;
  const before = await compareDocuments(places);
  if (opened !== undefined && before.from !== undefined && before.from !== opened)
    return { copied: false, conflict: `${key} in ${from.location} was ${opened} a moment ago, and is ${before.from}` };
  if (before.conflict !== undefined || before.to !== undefined || before.from === undefined)
    return { copied: false, conflict: before.conflict };
  if (before.from === TOO_LARGE)
    return { copied: false, conflict: `${key} in ${from.location} is ${TOO_LARGE}: somebody put it there, and it is not copied` };
  const bytes = await readSmall(from, key, MAX_DOCUMENT_BYTES, signal);
  const digest = digestOf(bytes);
  try {
    await putDocument(to, toKey, { bytes, digest }, signal);
  } catch (error) {
    // Another copies, too: what counts is what stands there then.
    if (!isLifeboatError(error, "store/exists")) throw error;
    return { copied: false, conflict: (await compareDocuments(places)).conflict };
  }
  const arrived = await digestAt(to, toKey, signal);
  if (arrived === digest) return { copied: true, conflict: undefined };
  throw new LifeboatError("verify/digest", `${toKey} was copied to ${to.location} as ${digest}, and ${arrived ?? "nothing"} is there`, {
    hint: "find out what is wrong with that store: it confirmed data that it did not keep",
  });
}

/** In place of a digest: it is none of ours, and must not keep a snapshot from being copied. */
const TOO_LARGE = "larger than any document";

async function digestAt(blobs: BlobStore, key: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  try {
    return digestOf(await readSmall(blobs, key, MAX_DOCUMENT_BYTES, signal));
  } catch (error) {
    if (isLifeboatError(error, "verify/missing")) return undefined;
    if (isLifeboatError(error, "verify/size")) return TOO_LARGE;
    throw error;
  }
}
