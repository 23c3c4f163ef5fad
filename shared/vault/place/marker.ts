import { isLifeboatError } from "../../errors.ts";
import type { LifeboatError } from "../../errors.ts";
import type { KeyRing, Purpose } from "../../keys/key-ring.ts";
import { STORE_KEY } from "../../documents/layout.ts";
import { decodeEnvelope, parseJson } from "../../documents/envelope.ts";
import { putDocument } from "../put-document.ts";
import { FORMAT_VERSION } from "../../documents/parts.ts";
import { storeSchema } from "../../documents/store-marker.ts";
import { MAX_DOCUMENT_BYTES, openDocument, signAs } from "../../documents/signed-document.ts";
import type { StoredDocument, TrustedKeys } from "../../documents/signed-document.ts";
import { readSmall } from "../../store/blob-store.ts";
import type { BlobStore } from "../../store/blob-store.ts";
import { TOOL } from "../../version.ts";
import { FEW_TIMES } from "../../zod-pace.ts";

/** What says of a place that it is a store: docs/format.md, "The store's marker". */
export interface Marker {
  /** The store's id; undefined where not even that can be read. */
  readonly store: string | undefined;
  /** ISO 8601 in UTC. */
  readonly createdAt: string | undefined;
  /** Why it is not believed. */
  readonly doubt: LifeboatError | undefined;
}

/** The marker of the store; `absent`, or the `store/denied` that says why this role cannot tell. */
export async function readMarker(blobs: BlobStore, trusted: TrustedKeys, signal?: AbortSignal): Promise<Marker | "absent" | LifeboatError> {
  let bytes: Uint8Array;
  try {
    bytes = await readSmall(blobs, STORE_KEY, MAX_DOCUMENT_BYTES, signal);
  } catch (error) {
    if (isLifeboatError(error, "verify/missing")) return "absent";
    if (isLifeboatError(error, "store/denied")) return error;
    if (isLifeboatError(error, "verify/")) return { store: undefined, createdAt: undefined, doubt: error };
    throw error;
  }
  try {
    const { store, createdAt } = openDocument("store", bytes, trusted, `${STORE_KEY} in ${blobs.location}`);
    return { store, createdAt, doubt: undefined };
  } catch (error) {
    if (!isLifeboatError(error, "verify/")) throw error;
    return { ...claimOf(bytes), doubt: error };
  }
}

/** What a marker says that is not believed: it may be of a key that was retired. */
function claimOf(bytes: Uint8Array): Pick<Marker, "store" | "createdAt"> {
  try {
    const { store, createdAt } = storeSchema.parse(parseJson(decodeEnvelope(bytes, STORE_KEY).payload, STORE_KEY), FEW_TIMES);
    return { store, createdAt };
  } catch {
    return { store: undefined, createdAt: undefined };
  }
}

/** A marker for a new store with this id, signed by a key that is here and believed; undefined where there is none such. */
export async function newMarker(
  keys: KeyRing,
  trusted: TrustedKeys,
  { store, createdAt }: { readonly store: string; readonly createdAt: Date },
): Promise<StoredDocument | undefined> {
  const purpose = await markingPurpose(keys, trusted);
  if (purpose === undefined) return undefined;
  return signAs(keys, purpose, "store", {
    type: "store",
    formatVersion: FORMAT_VERSION,
    store,
    createdAt: createdAt.toISOString(),
    tool: TOOL,
  });
}

/** Marks a store, where it is not marked; whether it was not. */
export async function markPlace(blobs: BlobStore, marker: StoredDocument | undefined, signal?: AbortSignal): Promise<boolean> {
  if (marker === undefined) return false;
  try {
    await putDocument(blobs, STORE_KEY, marker, signal);
    return true;
  } catch (error) {
    if (isLifeboatError(error, "store/exists")) return false;
    throw error;
  }
}

async function markingPurpose(keys: KeyRing, trusted: TrustedKeys): Promise<Extract<Purpose, "snapshot" | "audit"> | undefined> {
  for (const purpose of ["snapshot", "audit"] as const) {
    try {
      if (trusted[purpose].includes((await keys.signingKey(purpose)).fingerprint)) return purpose;
    } catch (error) {
      if (!isLifeboatError(error, "keys/")) throw error;
    }
  }
  return undefined;
}
