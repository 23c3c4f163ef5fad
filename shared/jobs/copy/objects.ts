import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { Manifest } from "../../documents/manifest.ts";
import { sealedObjectsOf } from "../../documents/stored.ts";
import type { StoredObject } from "../../documents/stored.ts";
import type { Progress } from "../../progress.ts";
import type { BlobStore } from "../../store/blob-store.ts";
import type { Replica } from "../../store/replica.ts";
import { checkObject, readObject, requireOwnData } from "../../store/stored-object.ts";
import type { FoundManifest } from "../../vault/catalog.ts";

/** What was done about the data of a snapshot. It is in the replica, and was checked there. */
export interface SentData {
  /** Whether anything of it had to be sent. */
  readonly wasSent: boolean;
  /** What the log says of it: a signature says no more than what was read. */
  readonly subjects: readonly { readonly key: string; readonly digest?: string }[];
  readonly reason: string | undefined;
  /** Documents that came along, and what a person should look at. */
  readonly documents: number;
  readonly conflicts: readonly string[];
}

interface DataPorts {
  readonly blobs: BlobStore;
  readonly progress: Progress;
}

/** Of data that stood there size and CRC-32 were compared, which who put it can choose. */
const CRC_ONLY = "crc only: the data stood there already, with the size and CRC-32 of the manifest, and was not read";

/** Each object of the snapshot, where it is not there. */
export async function copyObjects(
  ports: DataPorts,
  found: FoundManifest,
  replica: Replica,
  signal: AbortSignal | undefined,
): Promise<SentData> {
  const { cluster, id, stored } = found.manifest;
  const objects = sealedObjectsOf(stored);
  for (const { key } of objects) requireOwnData({ cluster, id }, key);
  const subjects: { key: string; digest?: string }[] = [];
  for (const object of objects) {
    const wasSent = await copyObject(ports, found, object, replica, signal);
    subjects.push(wasSent ? { key: object.key, digest: object.sha256 } : { key: object.key });
  }
  const sent = subjects.filter(({ digest }) => digest !== undefined).length;
  return { wasSent: sent > 0, subjects, reason: sent === subjects.length ? undefined : CRC_ONLY, documents: 0, conflicts: [] };
}

/** Whether it had to be sent. What is there is checked either way. */
async function copyObject(
  { blobs, progress }: DataPorts,
  { manifest }: FoundManifest,
  object: StoredObject,
  { name, blobs: to }: Replica,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  let sent = false;
  if ((await to.head(object.key, { signal })) === undefined) {
    progress.phase(`copy to ${name}`, object.bytes);
    async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
      try {
        for await (const chunk of readObject(blobs, object, signal)) {
          progress.advance(chunk.length);
          yield chunk;
        }
      } catch (error) {
        throw isLifeboatError(error, "store/denied") ? mayNotRead(manifest, blobs, name, error) : error;
      }
    }
    try {
      await to.put(object.key, body(), { ifAbsent: true, signal });
      sent = true;
    } catch (error) {
      // Another run copies it, too; what stands there is checked all the same.
      if (!isLifeboatError(error, "store/exists")) throw error;
    }
  }
  await checkObject(to, object, signal);
  return sent;
}

/** The role that backs up may not read what it wrote: it is not the one to copy it. */
function mayNotRead({ cluster, id }: Manifest, { location }: BlobStore, replica: string, cause: LifeboatError): LifeboatError {
  return new LifeboatError("store/denied", `this role may not read the data of ${cluster}/${id} in ${location}, and copying needs that`, {
    hint: `let the role that verifies fill the replica: lifeboat copy ${cluster}/${id} --to ${replica}`,
    cause,
  });
}
