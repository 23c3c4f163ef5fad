import { isLifeboatError, LifeboatError } from "../errors.ts";
import type { CustodyReceipt } from "../documents/parts.ts";
import { digestOf, MAX_DOCUMENT_BYTES, openDocumentAside, openLaterKind } from "../documents/signed-document.ts";
import type { AnnouncedKind, DocumentOf } from "../documents/signed-document.ts";
import { readSmall } from "../store/blob-store.ts";
import { requireWitness } from "./custody/witness.ts";
import type { Vault } from "./vault.ts";

/** What stands at a key. */
export type FoundDocument<K extends AnnouncedKind> =
  | { readonly state: "opened"; readonly key: string; readonly document: DocumentOf<K>; readonly digest: string }
  /** Of a kind that later versions of lifeboat put beside those that this one knows. */
  | { readonly state: "later"; readonly key: string; readonly custody: CustodyReceipt | undefined; readonly digest: string }
  /** It is not believed. */
  | { readonly state: "bad"; readonly key: string; readonly error: LifeboatError };

interface ReadDocumentOptions {
  readonly maxBytes?: number;
  readonly signal?: AbortSignal | undefined;
  /** Of the object, where it is not the one that stands there now. */
  readonly version?: string | undefined;
}

/**
 * The document at `key`: signature, trust, witness and cluster checked; the rest of its place is for the caller to hold it against. Undefined where nothing stands there, such as what was removed since the
 * listing. Throws `store/...`.
 */
export async function readDocument<K extends AnnouncedKind>(
  vault: Vault,
  kind: K,
  cluster: string,
  key: string,
  { maxBytes = MAX_DOCUMENT_BYTES, signal, version }: ReadDocumentOptions = {},
): Promise<FoundDocument<K> | undefined> {
  let bytes: Uint8Array | undefined;
  try {
    bytes = await readSmall(vault.blobs, key, maxBytes, signal, version);
    return { state: "opened", key, document: await openAt(kind, vault, key, cluster, bytes), digest: digestOf(bytes) };
  } catch (error) {
    if (isLifeboatError(error, "verify/missing")) return undefined;
    if (!isLifeboatError(error, "verify/")) throw error;
    // A manifest's place is for manifests: nothing of a later kind is put there.
    const later = kind === "snapshot" || bytes === undefined ? undefined : openLaterKind(bytes, vault.trusted, key);
    return later === undefined || bytes === undefined
      ? { state: "bad", key, error }
      : { state: "later", key, custody: later.custody, digest: digestOf(bytes) };
  }
}

/**
 * A document that was read from `key`, its signature, trust and cluster checked, and of a key with an end, that the custody log witnesses it; the rest of its place is the caller's to hold it against.
 */
export async function openAt<K extends AnnouncedKind>(
  kind: K,
  vault: Vault,
  key: string,
  cluster: string,
  bytes: Uint8Array,
): Promise<DocumentOf<K>> {
  const document = await openDocumentAside(kind, bytes, vault.trusted, key);
  if (document.cluster !== cluster) throw misplaced(key, `cluster ${document.cluster}`);
  await requireWitness(vault, cluster, key, document);
  return document;
}

/** For what is whole and signed, and stands where it does not belong. */
export function misplaced(key: string, whose: string): LifeboatError {
  return new LifeboatError("verify/format", `${key} holds a document of ${whose}: it was moved or copied there`, {
    hint: "find out who changed the store",
  });
}
