import { unknown } from "../../../audit/facts.ts";
import type { GoodSnapshot, NewestGoodFact } from "../../../audit/facts.ts";
import { encryptionOf, liveKeysOf } from "../../../documents/content.ts";
import { sealedObjectsOf } from "../../../documents/stored.ts";
import { isLifeboatError } from "../../../errors.ts";
import type { BlobStore } from "../../../store/blob-store.ts";
import { checkData } from "../../../store/stored-object.ts";
import { readCountersignatures } from "../../../vault/catalog.ts";
import type { FoundManifest } from "../../../vault/catalog.ts";
import type { Witness } from "../../../vault/custody/chain.ts";
import { readRewraps } from "../../../vault/rewraps.ts";
import type { Vault } from "../../../vault/vault.ts";
import { learn } from "./learn.ts";

/** The newest good snapshot, and the records of the custody log that its documents name. */
export interface ReadNewestGood {
  readonly fact: NewestGoodFact;
  readonly witnesses: readonly Witness[];
}

/**
 * What a row does not say of the newest good snapshot: its countersignatures and rewraps are read. `before`: the good one before it. `comparesChecksum`: the store's own checksum is asked for, which a
 * folder reads the whole object for.
 */
export async function newestGoodFact(
  vault: Vault,
  found: FoundManifest,
  {
    before,
    comparesChecksum,
    signal,
  }: {
    readonly before: Pick<GoodSnapshot, "id" | "createdAt" | "revision"> | undefined;
    readonly comparesChecksum: boolean;
    readonly signal: AbortSignal | undefined;
  },
): Promise<ReadNewestGood> {
  const { manifest, digest } = found;
  const { cluster, id } = manifest;
  const { good } = await readCountersignatures(vault, cluster, id);
  const own = (good.get(id) ?? []).filter(({ manifestDigest }) => manifestDigest === digest);
  const rewraps = (await readRewraps(vault, cluster, id)).good;
  const sealed = sealedObjectsOf(manifest.stored).flatMap(({ encryption }) => encryption);
  const wrappings = [...sealed, ...own, ...rewraps].flatMap(({ wrappings: of = [] }) => of.map(({ key }) => key));
  const copies = own.flatMap(({ breakGlass }) => breakGlass?.recipients ?? []);
  const witnesses = [manifest, ...own].flatMap(({ custody }) =>
    custody === undefined ? [] : [{ ...custody, name: `what is stored of ${cluster}/${id}` }],
  );
  const fact = {
    id,
    liveKeys: liveKeysOf(manifest),
    members: manifest.etcd.members.filter(({ isLearner }) => !isLearner).map(({ name, id: memberId }) => (name === "" ? memberId : name)),
    encryption: encryptionOf(manifest),
    etcdVersion: manifest.etcd.source.version,
    checksum: comparesChecksum ? await learn(() => isAsSummed(vault.blobs, found, signal)) : unknown("it was not asked for"),
    wrappedUnder: [...new Set(wrappings)],
    opened: own.flatMap(({ opened = [], wrappings: of = [], verifiedAt }) =>
      // What the verifier wrapped itself it had opened by another key, and knows.
      [...opened, ...of.map(({ key }) => key)].map((key) => ({ key, at: Date.parse(verifiedAt) })),
    ),
    breakGlass: [...new Set([...sealed.flatMap(({ breakGlass }) => breakGlass), ...copies])],
    before: before === undefined ? undefined : { id: before.id, createdAt: before.createdAt, revision: before.revision },
  };
  return { fact, witnesses };
}

/** Presence and size are known by the listing: here they are no answer. */
async function isAsSummed(blobs: BlobStore, { manifest }: FoundManifest, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    await checkData(blobs, manifest.stored, signal);
    return true;
  } catch (error) {
    if (isLifeboatError(error, "verify/checksum")) return false;
    throw error;
  }
}
