import type { Stored } from "./announcements.ts";
import type { CustodyFinding } from "./finding.ts";
import { isLifeboatError } from "../../errors.ts";
import { acceptancesPrefix, lineagePrefix, rewrapsPrefix, snapshotsPrefix, verifiedPrefix } from "../../documents/layout.ts";
import { digestOf, MAX_DOCUMENT_BYTES, openLaterKind } from "../../documents/signed-document.ts";
import { readSmall } from "../../store/blob-store.ts";
import { openAt } from "../catalog.ts";
import type { Vault } from "../catalog.ts";

/** What a log has to account for. */
export interface StoredDocuments {
  /** By key, those that are believed. */
  readonly documents: ReadonlyMap<string, Stored>;
  /** Looks again at a place where nothing was believed: what came meanwhile is among `documents` then. */
  readonly lookAgain: (key: string) => Promise<void>;
  /** Those that are not. */
  readonly findings: readonly CustodyFinding[];
}

/** How each kind of document is found, and what of it concerns the log. */
interface Sort {
  readonly prefix: (cluster: string) => string;
  readonly open: (vault: Vault, key: string, cluster: string, bytes: Uint8Array) => Promise<Omit<Stored, "digest">>;
  /** Whether nothing else may stand there, not even of later versions. */
  readonly isAlone?: boolean;
}

const SORTS: readonly Sort[] = [
  {
    prefix: snapshotsPrefix,
    isAlone: true,
    open: async (...at) => {
      const { custody, stored } = await openAt("snapshot", ...at);
      const data = stored.kind === "sealed" ? { key: stored.key, sha256: stored.sha256 } : undefined;
      return { custody, data };
    },
  },
  {
    prefix: verifiedPrefix,
    open: async (...at) => ({ custody: (await openAt("verification", ...at)).custody, data: undefined }),
  },
  {
    prefix: rewrapsPrefix,
    open: async (...at) => ({ custody: (await openAt("rewrap", ...at)).custody, data: undefined }),
  },
  {
    prefix: lineagePrefix,
    open: async (...at) => ({ custody: (await openAt("lineage", ...at)).custody, data: undefined }),
  },
  {
    prefix: acceptancesPrefix,
    open: async (...at) => ({ custody: (await openAt("acceptance", ...at)).custody, data: undefined }),
  },
];

/** 16 at a time: enough to hide the latency of an object store. */
const PARALLEL_READS = 16;

/** The manifests, countersignatures, rewraps, lineages and acceptances of a cluster. Holds what the log is held against, not the documents. */
export async function readStoredDocuments(vault: Vault, cluster: string): Promise<StoredDocuments> {
  const documents = new Map<string, Stored>();
  const findings: CustodyFinding[] = [];
  const read = async (sort: Sort, key: string): Promise<void> => {
    const stored = await readStored(vault, cluster, sort, key);
    if (stored === undefined) return;
    if ("code" in stored) findings.push(stored);
    else documents.set(key, stored);
  };
  for (const sort of SORTS) {
    let keys: string[] = [];
    for await (const { key } of vault.blobs.list(sort.prefix(cluster))) {
      keys.push(key);
      if (keys.length < PARALLEL_READS) continue;
      await Promise.all(keys.map((each) => read(sort, each)));
      keys = [];
    }
    await Promise.all(keys.map((each) => read(sort, each)));
  }
  const lookAgain = async (key: string): Promise<void> => {
    const sort = SORTS.find(({ prefix }) => key.startsWith(prefix(cluster)));
    const stored = await readStored(vault, cluster, sort, key);
    if (stored !== undefined && !("code" in stored)) documents.set(key, stored);
  };
  return { documents, findings, lookAgain };
}

/** What stands at `key`, or that it is not believed; undefined where nothing stands there. */
async function readStored(
  vault: Vault,
  cluster: string,
  sort: Sort | undefined,
  key: string,
): Promise<Stored | CustodyFinding | undefined> {
  try {
    const bytes = await readSmall(vault.blobs, key, MAX_DOCUMENT_BYTES);
    const later = sort?.isAlone === true ? undefined : openLaterKind(bytes, vault.trusted, key);
    if (later !== undefined) return { custody: later.custody, data: undefined, digest: digestOf(bytes), isOfLaterKind: true };
    // Where only later versions put anything nothing else is taken.
    return sort === undefined ? undefined : { ...(await sort.open(vault, key, cluster, bytes)), digest: digestOf(bytes) };
  } catch (error) {
    if (isLifeboatError(error, "verify/missing")) return undefined;
    if (!isLifeboatError(error, "verify/")) throw error;
    return { code: "custody/unbelieved", subject: key, message: error.message, fix: error.hint ?? "find out who changed the store" };
  }
}
