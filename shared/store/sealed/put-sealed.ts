import { sealPieces } from "../../seal/seal-pieces.ts";
import type { BlobStore } from "../blob-store.ts";
import type { Pieces, PutBeside } from "../snapshot-store.ts";
import { ObjectDigest } from "../stored-object.ts";

/** Puts `pieces`, sealed to `recipients`, under `key`, where nothing is. Throws as a put does, and what `pieces` throws. */
export async function putSealed(
  blobs: BlobStore,
  key: string,
  recipients: readonly string[],
  { pieces, last: content }: Pieces,
  signal?: AbortSignal,
): Promise<PutBeside> {
  let last = "";
  const onDigest = (digest: Uint8Array): void => {
    last = `sha256:${Buffer.from(digest).toString("hex")}`;
  };
  const digest = new ObjectDigest("no crc");
  const body = digest.through(sealPieces(pieces, { content, onDigest }, recipients));
  const { version } = await blobs.put(key, body, { ifAbsent: true, signal });
  const { bytes, sha256 } = digest.finish();
  return { key, bytes, sha256, last, ...(version === undefined ? {} : { version }) };
}
