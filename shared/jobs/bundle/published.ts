import { parseKeyValues, MAX_KEY_VALUES } from "../../bundle/key-values.ts";
import { ENTRY } from "../../bundle/control-tar.ts";
import { readFirstEntry } from "../../bundle/tar.ts";
import type { CustodyRecord } from "../../documents/custody-record.ts";
import { bundleKey, bundlesPrefix, manifestKey } from "../../documents/layout.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import { digestOf } from "../../documents/signed-document.ts";
import { compareIds, parseId, SKEW_MS } from "../../documents/slot.ts";
import { LifeboatError } from "../../errors.ts";
import type { BlobStore, BlobVersion } from "../../store/blob-store.ts";
import { readRecordsBack } from "../../vault/custody/records-back.ts";
import { isFault } from "../../vault/custody/records.ts";
import type { Vault } from "../../vault/vault.ts";
import { tarName } from "./files.ts";
import { KEY_FILE } from "./inspect.ts";
import type { PublishedFile } from "./publish.ts";

type Told = NonNullable<CustodyRecord["details"]["bundle"]>;

export interface FoundControl {
  readonly told: Told["recipients"][number];
  readonly tar: PublishedFile & { readonly bytes: number };
  readonly signature: PublishedFile;
}

/** A bundle that stands in the store, as the custody log tells of it. */
export interface FoundBundle {
  readonly time: string;
  readonly told: Told;
  readonly custody: CustodyReceipt;
  /** Of each recipient in the record. */
  readonly controls: readonly FoundControl[];
  readonly key: PublishedFile;
}

export interface Snapshot {
  readonly cluster: string;
  readonly id: string;
}

/** The times at which bundles of a snapshot were published, the newest first. */
export async function publishedTimes(blobs: BlobStore, { cluster, id }: Snapshot, signal?: AbortSignal): Promise<readonly string[]> {
  return (await foldersIn(blobs, bundlesPrefix(cluster, id), signal)).toSorted((one, other) => compareIds(other, one));
}

/** The snapshot of a cluster that a bundle was published of last; undefined where none was. */
export async function lastPublished(blobs: BlobStore, cluster: string, signal?: AbortSignal): Promise<string | undefined> {
  let last: { readonly id: string; readonly time: string } | undefined;
  for (const id of await foldersIn(blobs, bundlesPrefix(cluster), signal)) {
    const [time] = await publishedTimes(blobs, { cluster, id }, signal);
    if (time !== undefined && (last === undefined || compareIds(time, last.time) > 0)) last = { id, time };
  }
  return last?.id;
}

async function foldersIn(blobs: BlobStore, prefix: string, signal: AbortSignal | undefined): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const folder of blobs.listFolders(prefix, { signal })) {
    const name = folder.slice(prefix.length, -1);
    if (parseId(name) !== undefined) names.push(name);
  }
  return names;
}

/**
 * A published bundle by its time: whole, and as the custody log has it. Throws `verify/missing` where a file of it is not there, `verify/untrusted` where the log does not tell of it, or tells that it failed.
 */
export async function findPublished(vault: Vault, snapshot: Snapshot, time: string, signal?: AbortSignal): Promise<FoundBundle> {
  const { cluster, id } = snapshot;
  const { told, custody } = await requireRecord(vault, snapshot, time, signal);
  const first = await firstVersions(vault.blobs, `${bundlesPrefix(cluster, id)}${time}/`, signal);
  const file = (name: string): PublishedFile & { readonly bytes: number } => {
    const key = bundleKey(cluster, id, time, name);
    const found = first.get(key);
    if (found === undefined)
      throw new LifeboatError("verify/missing", `${key} is not in ${vault.blobs.location}: that bundle is not whole`, {
        hint: `make another: lifeboat bundle ${cluster}/${id} --publish`,
      });
    return { name, key, version: found.version, bytes: found.bytes };
  };
  return {
    time,
    told,
    custody,
    controls: told.recipients.map((each) => ({ told: each, tar: file(tarName(each.name)), signature: file(`${tarName(each.name)}.sig`) })),
    key: file(KEY_FILE),
  };
}

/** Each file was put once, where nothing stood: what came later is another's. */
async function firstVersions(blobs: BlobStore, prefix: string, signal: AbortSignal | undefined): Promise<ReadonlyMap<string, BlobVersion>> {
  const first = new Map<string, BlobVersion>();
  // Of one key the latest comes first.
  for await (const version of blobs.listVersions(prefix, { signal })) if (!version.isDeleteMarker) first.set(version.key, version);
  return first;
}

async function requireRecord(
  vault: Vault,
  { cluster, id }: Snapshot,
  time: string,
  signal: AbortSignal | undefined,
): Promise<Pick<FoundBundle, "told" | "custody">> {
  const since = new Date((parseId(time)?.slot.getTime() ?? 0) - SKEW_MS);
  const failed = new Set<number>();
  const name = `the bundle ${time} of ${cluster}/${id}`;
  const hint = `make another: lifeboat bundle ${cluster}/${id} --publish`;
  for await (const { record, sequence, digest } of readRecordsBack(vault, cluster, since, signal)) {
    if (isFault(record)) continue;
    const { event, details, subjects } = record;
    if (event === "failed" && details.of !== undefined) failed.add(details.of);
    const told = event === "bundle" ? details.bundle : undefined;
    if (told?.time !== time || !told.published || !subjects.some(({ key }) => key === manifestKey(cluster, id))) continue;
    if (failed.has(sequence)) throw new LifeboatError("verify/untrusted", `${name} failed while it was published`, { hint });
    return { told, custody: { sequence, digest } };
  }
  throw new LifeboatError("verify/untrusted", `the custody log of ${cluster} does not tell of ${name}`, {
    hint: `find out who put it there; ${hint}`,
  });
}

/** Where the plan stands in a control tar: it is the first file. */
const PLAN_END = MAX_KEY_VALUES + 1024;

/** The plan in a control tar, by the digest that the custody log has of it: nothing else of the tar is read. Throws `verify/digest` where it is another. */
export async function readPlan(
  blobs: BlobStore,
  { controls, told }: FoundBundle,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const [control] = controls;
  if (control === undefined) throw new LifeboatError("verify/format", "the bundle is for nobody");
  const { key, version, bytes } = control.tar;
  const chunks: Uint8Array[] = [];
  for await (const chunk of blobs.get(key, { version, range: { start: 0, end: Math.min(bytes, PLAN_END) }, signal })) chunks.push(chunk);
  const { name, bytes: plan } = readFirstEntry(Buffer.concat(chunks), key);
  if (name !== ENTRY.plan || digestOf(plan) !== told.plan)
    throw new LifeboatError("verify/digest", `the plan in ${key} is not the one that the custody log has`, {
      hint: "do not use that bundle: make another, and find out who changed it",
    });
  return parseKeyValues(plan, `${ENTRY.plan} in ${key}`);
}
