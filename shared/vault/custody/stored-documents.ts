import {
  acceptancesPrefix,
  catalogPrefix,
  drillsPrefix,
  intakesPrefix,
  isIndexKey,
  lineagePrefix,
  nodeFilesPrefix,
  partsOfNodeFilesKey,
  pinsPrefix,
  rewrapsPrefix,
  snapshotsPrefix,
  verdictsPrefix,
  verifiedPrefix,
} from "../../documents/layout.ts";
import type { AnnouncedKind, DocumentOf } from "../../documents/signed-document.ts";
import { objectsOf } from "../../documents/stored.ts";
import { mapConcurrently, PARALLEL_READS } from "../../map-concurrently.ts";
import { readDocument } from "../read-document.ts";
import type { Vault } from "../vault.ts";
import type { Stored } from "./announcements.ts";
import type { CustodyFinding } from "./finding.ts";

/** What a log has to account for. */
export interface StoredDocuments {
  /** By key, those that are believed. */
  readonly documents: ReadonlyMap<string, Stored>;
  /** Looks again at a place where nothing was believed: what came meanwhile is among `documents` then. */
  readonly lookAgain: (key: string) => Promise<void>;
  /** Those that are not. */
  readonly findings: readonly CustodyFinding[];
}

/** Where each kind of document that the log announces is found. */
const PLACES: readonly { readonly kind: AnnouncedKind; readonly prefix: (cluster: string) => string }[] = [
  { kind: "snapshot", prefix: snapshotsPrefix },
  { kind: "verification", prefix: verifiedPrefix },
  { kind: "rewrap", prefix: rewrapsPrefix },
  { kind: "lineage", prefix: lineagePrefix },
  { kind: "acceptance", prefix: acceptancesPrefix },
  { kind: "pin", prefix: pinsPrefix },
  // Written by later versions, and specified.
  { kind: "drill", prefix: drillsPrefix },
  { kind: "catalog", prefix: catalogPrefix },
  { kind: "verdict", prefix: verdictsPrefix },
  { kind: "intake", prefix: intakesPrefix },
  { kind: "node-files", prefix: nodeFilesPrefix },
];

/** The manifests, countersignatures, rewraps, lineages, acceptances, pins, drills, catalog segments, verdicts, intakes and node files of a cluster. Holds what the log is held against, not the documents. */
export async function readStoredDocuments(vault: Vault, cluster: string): Promise<StoredDocuments> {
  const documents = new Map<string, Stored>();
  const findings: CustodyFinding[] = [];
  for (const { kind, prefix } of PLACES) {
    const listed = vault.blobs.list(prefix(cluster));
    for await (const { key, stored } of mapConcurrently(listed, PARALLEL_READS, async ({ key: at }) => ({
      key: at,
      // An index is no document, nor is a node's data: the document that names it speaks for it.
      stored: isIndexKey(at) || partsOfNodeFilesKey(cluster, at)?.holds === "data" ? undefined : await readStored(vault, kind, cluster, at),
    }))) {
      if (stored === undefined) continue;
      if ("code" in stored) findings.push(stored);
      else documents.set(key, stored);
    }
  }
  const lookAgain = async (key: string): Promise<void> => {
    const kind = PLACES.find(({ prefix }) => key.startsWith(prefix(cluster)))?.kind;
    const stored = kind === undefined ? undefined : await readStored(vault, kind, cluster, key);
    if (stored !== undefined && !("code" in stored)) documents.set(key, stored);
  };
  return { documents, findings, lookAgain };
}

const NONE: readonly never[] = [];

/** What stands at `key`, or that it is not believed; undefined where nothing stands there. */
async function readStored(vault: Vault, kind: AnnouncedKind, cluster: string, key: string): Promise<Stored | CustodyFinding | undefined> {
  const read = await readDocument(vault, kind, cluster, key);
  if (read === undefined) return undefined;
  if (read.state === "bad") {
    const { message, hint } = read.error;
    return { code: "custody/unbelieved", subject: key, message, fix: hint ?? "find out who changed the store" };
  }
  if (read.state === "later") return { custody: read.custody, data: NONE, digest: read.digest, isOfLaterKind: true };
  const { document, digest } = read;
  return { custody: document.custody, data: dataOf(document), digest };
}

/** The objects that a document names as its data. Of each no more than that: the rest of a manifest would stay in memory with it. */
function dataOf(document: DocumentOf<AnnouncedKind>): Stored["data"] {
  if (document.type === "node-files") return [{ key: document.data.key, sha256: document.data.digest, version: document.data.version }];
  if (document.type !== "snapshot") return NONE;
  return objectsOf(document.stored).map(({ key, sha256, version }) => ({ key, sha256, version }));
}
