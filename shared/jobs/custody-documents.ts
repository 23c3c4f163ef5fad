import type { Stored } from "../custody/announcements.ts";
import type { CustodyFinding } from "../custody/finding.ts";
import { isLifeboatError } from "../errors.ts";
import { acceptancesPrefix, lineagePrefix, rewrapsPrefix, snapshotsPrefix, verifiedPrefix } from "../manifest/layout.ts";
import { digestOf, MAX_DOCUMENT_BYTES, saysUnknownKind } from "../manifest/signed-document.ts";
import { readSmall } from "../store/blob-store.ts";
import { openAt } from "./catalog.ts";
import type { Vault } from "./catalog.ts";

/** What a log has to account for. */
export interface StoredDocuments {
  /** By key, those that are believed. */
  readonly documents: ReadonlyMap<string, Stored>;
  /** Those that are not. */
  readonly findings: readonly CustodyFinding[];
}

/** How each kind of document is found, and what of it concerns the log. */
const SORTS: readonly {
  readonly prefix: (cluster: string) => string;
  readonly open: (vault: Vault, key: string, cluster: string, bytes: Uint8Array) => Omit<Stored, "digest">;
}[] = [
  {
    prefix: snapshotsPrefix,
    open: (...at) => {
      const { custody, stored } = openAt("snapshot", ...at);
      const data = stored.kind === "sealed" ? { key: stored.key, sha256: stored.sha256 } : undefined;
      return { custody, data };
    },
  },
  {
    prefix: verifiedPrefix,
    open: (...at) => ({ custody: openAt("verification", ...at).custody, data: undefined }),
  },
  {
    prefix: rewrapsPrefix,
    open: (...at) => ({ custody: openAt("rewrap", ...at).custody, data: undefined }),
  },
  {
    prefix: lineagePrefix,
    open: (...at) => ({ custody: openAt("lineage", ...at).custody, data: undefined }),
  },
  {
    prefix: acceptancesPrefix,
    open: (...at) => ({ custody: openAt("acceptance", ...at).custody, data: undefined }),
  },
];

/** 16 at a time: enough to hide the latency of an object store. */
const PARALLEL_READS = 16;

/** The manifests, countersignatures, rewraps, lineages and acceptances of a cluster. Holds what the log is held against, not the documents. */
export async function readStoredDocuments(vault: Vault, cluster: string): Promise<StoredDocuments> {
  const documents = new Map<string, Stored>();
  const findings: CustodyFinding[] = [];
  for (const { prefix, open } of SORTS) {
    const read = async (key: string): Promise<void> => {
      try {
        const bytes = await readSmall(vault.blobs, key, MAX_DOCUMENT_BYTES);
        if (saysUnknownKind(bytes)) return;
        documents.set(key, { ...open(vault, key, cluster, bytes), digest: digestOf(bytes) });
      } catch (error) {
        if (isLifeboatError(error, "verify/missing")) return;
        if (!isLifeboatError(error, "verify/")) throw error;
        findings.push({
          code: "custody/unbelieved",
          subject: key,
          message: error.message,
          fix: error.hint ?? "find out who changed the store",
        });
      }
    };
    let keys: string[] = [];
    for await (const { key } of vault.blobs.list(prefix(cluster))) {
      keys.push(key);
      if (keys.length < PARALLEL_READS) continue;
      await Promise.all(keys.map(read));
      keys = [];
    }
    await Promise.all(keys.map(read));
  }
  return { documents, findings };
}
