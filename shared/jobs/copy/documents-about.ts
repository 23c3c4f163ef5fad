import { isLifeboatError } from "../../errors.ts";
import { partsOfRewrapKey, partsOfVerifiedKey, rewrapsPrefix, verifiedPrefix } from "../../documents/layout.ts";
import type { Manifest } from "../../documents/manifest.ts";
import { digestOf, MAX_DOCUMENT_BYTES, openLaterKind } from "../../documents/signed-document.ts";
import { readSmall } from "../../store/blob-store.ts";
import { openAt } from "../../vault/catalog.ts";
import type { Vault } from "../../vault/catalog.ts";
import { readLineages } from "../../vault/lineage/lineages.ts";

/** Documents that a copy of a snapshot takes along. */
interface About {
  readonly documents: readonly { readonly key: string; readonly digest: string }[];
  /** What stands beside them and is not believed, one sentence each, lower case, no full stop. */
  readonly unbelieved: readonly string[];
}

/**
 * The lineages of a snapshot's cluster with their acceptances, and what was said of the snapshot since: those that open, each by the digest that it opened with. What somebody planted beside them is
 * told and does not come along; nor does a kind of document that this version does not know, which a later one brings.
 */
export async function documentsAbout(vault: Vault, { cluster, id }: Manifest): Promise<About> {
  const { opened, faults } = await readLineages(vault, cluster);
  const documents = [...opened];
  const unbelieved = faults.map(({ message }) => notCopied(message));
  const sorts = [
    { kind: "rewrap", prefix: rewrapsPrefix(cluster, id), idIn: (key: string) => partsOfRewrapKey(cluster, key)?.id },
    { kind: "verification", prefix: verifiedPrefix(cluster, id), idIn: (key: string) => partsOfVerifiedKey(cluster, key)?.id },
  ] as const;
  for (const { kind, prefix, idIn } of sorts) {
    for await (const { key } of vault.blobs.list(prefix)) {
      if (idIn(key) !== id) continue;
      try {
        const bytes = await readSmall(vault.blobs, key, MAX_DOCUMENT_BYTES);
        if (openLaterKind(bytes, vault.trusted, key) !== undefined) continue;
        const document = await openAt(kind, vault, key, cluster, bytes);
        if (document.id === id) documents.push({ key, digest: digestOf(bytes) });
        else unbelieved.push(notCopied(`${key} holds a document of snapshot ${document.id}`));
      } catch (error) {
        if (!isLifeboatError(error, "verify/")) throw error;
        const { location } = vault.blobs;
        unbelieved.push(notCopied(error.code === "verify/size" ? `${key} in ${location} is larger than any document` : error.message));
      }
    }
  }
  return { documents, unbelieved };
}

function notCopied(message: string): string {
  return `${message}; it is not copied`;
}
