import type { LifeboatError } from "../../errors.ts";
import { mapConcurrently, PARALLEL_READS } from "../../map-concurrently.ts";
import { readDocument } from "../../vault/read-document.ts";
import {
  drillsPrefix,
  partsOfDrillKey,
  partsOfPinKey,
  partsOfRewrapKey,
  partsOfVerifiedKey,
  pinsPrefix,
  rewrapsPrefix,
  verifiedPrefix,
} from "../../documents/layout.ts";
import type { Drill } from "../../documents/drill.ts";
import type { Pin } from "../../documents/pin.ts";
import type { Rewrap } from "../../documents/rewrap.ts";
import type { Verification } from "../../documents/verification.ts";
import type { Manifest } from "../../documents/manifest.ts";
import type { Vault } from "../../vault/vault.ts";
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
    { kind: "pin", prefix: pinsPrefix(cluster, id), idIn: (key: string) => partsOfPinKey(cluster, key)?.id },
    { kind: "drill", prefix: drillsPrefix(cluster, id), idIn: (key: string) => partsOfDrillKey(cluster, key)?.id },
  ] as const;
  for (const { kind, prefix, idIn } of sorts) {
    const listed = mapConcurrently(vault.blobs.list(prefix), PARALLEL_READS, async ({ key }) =>
      idIn(key) === id ? readDocument(vault, kind, cluster, key) : undefined,
    );
    for await (const read of listed) {
      if (read === undefined || read.state === "later") continue;
      if (read.state === "bad") unbelieved.push(notCopied(whyBad(vault, read)));
      else if (isInPlace(cluster, read.key, read.document, id)) documents.push({ key: read.key, digest: read.digest });
      else unbelieved.push(notCopied(`${read.key} holds a document of ${nameOf(read.document)}`));
    }
  }
  return { documents, unbelieved };
}

type Beside = Rewrap | Verification | Pin | Drill;

function isInPlace(cluster: string, key: string, document: Beside, id: string): boolean {
  return document.id === id && (document.type !== "pin" || partsOfPinKey(cluster, key)?.number === document.number);
}

function nameOf(document: Beside): string {
  return `snapshot ${document.id}${document.type === "pin" ? `, its pin ${document.number}` : ""}`;
}

function whyBad({ blobs }: Vault, { key, error }: { readonly key: string; readonly error: LifeboatError }): string {
  return error.code === "verify/size" ? `${key} in ${blobs.location} is larger than any document` : error.message;
}

function notCopied(message: string): string {
  return `${message}; it is not copied`;
}
