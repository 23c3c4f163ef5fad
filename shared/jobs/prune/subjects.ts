import { digestOf, MAX_DOCUMENT_BYTES } from "../../documents/signed-document.ts";
import { readSmall } from "../../store/blob-store.ts";
import type { BlobStore, BlobVersion } from "../../store/blob-store.ts";
import { digestOfBlob } from "../../store/digest-of-blob.ts";
import type { OrderSubject } from "../../vault/custody/orders.ts";
import type { Evidence } from "./facts.ts";
import { objectsInTurn } from "./inventory.ts";
import type { Holding } from "./inventory.ts";

/**
 * What an order names of one snapshot: every version and delete marker of its manifest, of the documents beside it and of its data, in the order in which they go. Each by its digest where that is known
 * without reading the data; else its version names it.
 */
export async function subjectsOf(
  blobs: BlobStore,
  holding: Holding,
  evidence: Evidence | undefined,
  reason: string,
  signal?: AbortSignal,
): Promise<readonly OrderSubject[]> {
  const subjects: OrderSubject[] = [];
  for (const object of objectsInTurn(holding)) {
    const digest = await digestOfObject(blobs, holding, object, evidence, signal);
    subjects.push({
      key: object.key,
      ...(digest === undefined ? {} : { digest }),
      ...(object.version === undefined ? {} : { version: object.version }),
      bytes: object.bytes,
      reason,
    });
  }
  return subjects;
}

async function digestOfObject(
  blobs: BlobStore,
  { data, indexes, bundles }: Holding,
  object: BlobVersion,
  evidence: Evidence | undefined,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const { key, version, isLatest, isDeleteMarker, bytes } = object;
  if (isDeleteMarker) return undefined;
  if (data.includes(object)) {
    // Of these very bytes the signed manifest speaks; another version of the key is none of its.
    const stored = evidence?.objects.find((each) => each.key === key && (each.version === undefined ? isLatest : each.version === version));
    // Where neither a manifest nor a version says what it is, it is read: nobody can say later what it was.
    if (stored === undefined && version === undefined) return (await digestOfBlob(blobs, key, { signal })).digest;
    return stored?.sha256;
  }
  // A version names a control tar of 45 MB well enough, and the role that orders need not read any.
  if (bundles.includes(object)) return version === undefined ? (await digestOfBlob(blobs, key, { signal })).digest : undefined;
  const known = isLatest ? evidence?.digests.get(key) : undefined;
  if (known !== undefined) return known;
  if (indexes.includes(object)) return version === undefined ? (await digestOfBlob(blobs, key, { signal })).digest : undefined;
  return bytes > MAX_DOCUMENT_BYTES ? undefined : digestOf(await readSmall(blobs, key, MAX_DOCUMENT_BYTES, signal, version));
}
