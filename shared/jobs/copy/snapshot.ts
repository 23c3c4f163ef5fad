import { appendRecord } from "../../vault/custody/append.ts";
import type { CustodyPorts } from "../../vault/custody/append.ts";
import { LifeboatError, messageOf } from "../../errors.ts";
import { manifestKey } from "../../documents/layout.ts";
import type { Manifest } from "../../documents/manifest.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import { isStoredLater } from "../../documents/stored.ts";
import type { Progress } from "../../progress.ts";
import { throwIfAborted } from "../../store/body-reader.ts";
import { readUntil } from "../../store/read-until.ts";
import type { Replica } from "../../store/replica.ts";
import type { FoundManifest } from "../../vault/catalog.ts";
import { requireTrustedKey } from "../../vault/require-trusted-key.ts";
import { compareDocuments, copyDocument } from "./documents.ts";
import { documentsAbout } from "./documents-about.ts";
import { copyLog } from "./log.ts";
import { copyObjects } from "./objects.ts";
import type { SentData } from "./objects.ts";
import { copyRepository } from "./repository.ts";

export interface CopyPorts extends CustodyPorts {
  readonly progress: Progress;
}

export interface CopyRequest {
  /** Whose key tells the custody log: the role that copies. */
  readonly purpose: "snapshot" | "audit";
  readonly signal?: AbortSignal | undefined;
}

export interface Copied {
  /** `existing`: it was there, whole, and this run brought at most documents about it. */
  readonly outcome: "copied" | "existing";
  /** Documents about the snapshot that this run brought: countersignatures, rewraps, pins, drills, lineages, acceptances and records of the log. */
  readonly documents: number;
  /** What a person should look at, though the snapshot is there. One sentence each, lower case, no full stop. */
  readonly conflicts: readonly string[];
  /** The record that tells of it; undefined where there was nothing to tell. */
  readonly custody: CustodyReceipt | undefined;
}

/**
 * Copies a snapshot to a replica as it is: data (of a Kopia repository all that is not there yet), then the documents about it, and its manifest last, which makes it visible there. Each arrival is checked: the data by size and CRC-32 as the replica's store
 * vouches for them (and by SHA-256 as it leaves the primary), documents by SHA-256 of what is read back. A run that ended early is taken up by the next one. Throws what
 * stands in the way, and then nothing of the snapshot is visible in the replica that was not before: `verify/...` where the primary's data is damaged or another snapshot stands in its
 * place, `store/denied` where this role may not read the data.
 */
export async function copySnapshot(ports: CopyPorts, found: FoundManifest, replica: Replica, request: CopyRequest): Promise<Copied> {
  const { manifest } = found;
  const { purpose, signal } = request;
  requireSameKind(manifest, replica);
  const key = manifestKey(manifest.cluster, manifest.id);
  const [from, to] = [ports.blobs, replica.blobs];
  const step = (): void => throwIfAborted(`the copy of ${manifest.cluster}/${manifest.id}`, signal);
  step();
  await requireTrustedKey(ports.keys, ports.trusted, purpose);
  const isVisible = await lookAt(found, replica, { from, to, key, signal });
  const data =
    replica.mirror === undefined
      ? await copyObjects(ports, found, replica, signal)
      : await copyRepository(ports, found, replica, replica.mirror, signal);
  step();
  // Listed before the log is copied: the record that each of them names is in it.
  const { documents: about, unbelieved } = await documentsAbout({ blobs: readUntil(from, signal), trusted: ports.trusted }, manifest);
  const log = await copyLog(ports, to, { cluster: manifest.cluster, purpose, signal });
  const conflicts = [...data.conflicts, ...log.conflicts, ...unbelieved];
  let documents = data.documents + log.records;
  for (const each of about) {
    step();
    const { copied, conflict } = await copyDocument({ from, to, ...each, signal });
    if (copied) documents += 1;
    if (conflict !== undefined) conflicts.push(conflict);
  }
  step();
  if (!isVisible) {
    const { conflict } = await copyDocument({ from, to, key, signal });
    if (conflict !== undefined) throw anotherThere(found, replica, conflict);
  }
  if (isVisible && !data.wasSent) return { outcome: "existing", documents, conflicts, custody: undefined };
  const custody = await record(ports, found, data, replica, request).catch((error: unknown) => {
    conflicts.push(`cannot record the copy in the custody log: ${messageOf(error)}`);
    return undefined;
  });
  return { outcome: "copied", documents, conflicts, custody };
}

/** Where its data is told by the manifest, which is not rewritten: so the replica must keep it in the same way. */
function requireSameKind({ cluster, id, stored }: Manifest, { name, mirror }: Replica): void {
  if (isStoredLater(stored))
    throw new LifeboatError(
      "ref/later",
      `${cluster}/${id} is stored as ${stored.kind}: only a later version knows which objects belong to it`,
      {
        hint: "copy it with the version that wrote it, or a newer one",
      },
    );
  if ((stored.kind === "kopia") === (mirror !== undefined)) return;
  const [has, keeps] = stored.kind === "kopia" ? ["in a Kopia repository", "objects"] : ["an object", "what is in a Kopia repository"];
  throw new LifeboatError("config/invalid", `${cluster}/${id} is ${has}, and the replica ${name} keeps ${keeps}`, {
    hint: "use the configuration of the store that it was made with",
  });
}

/** Whether the very manifest is in the replica already. Asked before gigabytes are moved. */
async function lookAt(found: FoundManifest, replica: Replica, places: Parameters<typeof compareDocuments>[0]): Promise<boolean> {
  const { from, to, conflict } = await compareDocuments(places);
  if (from !== found.digest)
    throw new LifeboatError(
      "verify/digest",
      `${places.key} in ${places.from.location} was ${found.digest} a moment ago, and is ${from ?? "gone"}`,
      {
        hint: "find out who writes to the store",
      },
    );
  if (conflict !== undefined) throw anotherThere(found, replica, conflict);
  return to !== undefined;
}

function anotherThere({ manifest }: FoundManifest, { name }: Replica, conflict: string): LifeboatError {
  return new LifeboatError("verify/digest", `the replica ${name} has another ${manifest.cluster}/${manifest.id}: ${conflict}`, {
    hint: "nothing was changed there; find out which of the two is right, and whether something else writes to that store",
  });
}

function record(
  ports: CopyPorts,
  { manifest: { cluster, id }, digest }: FoundManifest,
  { subjects, reason }: SentData,
  { name, blobs }: Replica,
  { purpose, signal }: CopyRequest,
): Promise<CustodyReceipt> {
  const all = [{ key: manifestKey(cluster, id), digest }, ...subjects];
  const details = { to: { name, location: blobs.location }, ...(reason === undefined ? {} : { reason }) };
  return appendRecord(ports, cluster, purpose, { event: "copied", subjects: all, details }, { signal });
}
