import type { SegmentRow } from "../../documents/catalog.ts";
import { liveKeysOf, revisionOf } from "../../documents/content.ts";
import { verifiedKey } from "../../documents/layout.ts";
import { whyLater } from "../../documents/manifest.ts";
import type { Manifest } from "../../documents/manifest.ts";
import type { TrustedKeys } from "../../documents/signed-document.ts";
import { sealedObjectsOf } from "../../documents/stored.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { BlobStore } from "../../store/blob-store.ts";
import { tryManifest } from "../catalog.ts";
import { readDocument } from "../read-document.ts";
import type { Vault } from "../vault.ts";
import type { ListedObject, Names } from "./names.ts";

/** The keys that signed what the rows of a segment are about, each once. */
export class Signers {
  readonly #trusted: TrustedKeys;
  readonly #places = new Map<string, number>();
  readonly list: { readonly purpose: "snapshot" | "audit"; readonly fingerprint: string; readonly notAfter?: string }[] = [];

  constructor(trusted: TrustedKeys) {
    this.#trusted = trusted;
  }

  /** The place in `list` of a key that is trusted now. */
  placeOf(purpose: "snapshot" | "audit", fingerprint: string): number {
    const name = `${purpose} ${fingerprint}`;
    const there = this.#places.get(name);
    if (there !== undefined) return there;
    const notAfter = this.#trusted.ends?.[fingerprint];
    this.#places.set(name, this.list.length);
    this.list.push({ purpose, fingerprint, ...(notAfter === undefined ? {} : { notAfter }) });
    return this.list.length - 1;
  }
}

/** 4 KiB of reasons: what is longer stays out, so that a segment of a thousand rows does not become too large by them alone. */
const LONGEST_ROW = 4096;

/**
 * The row of a snapshot that is settled: its manifest is believed, and so is every countersignature that is listed beside it, of exactly this manifest, and there is one at least. Undefined for any other: that is read
 * whenever it is asked for, so that whatever is wrong with it is seen each time.
 */
export async function settle(
  vault: Vault,
  cluster: string,
  id: string,
  names: Names,
  signers: Signers,
  signal?: AbortSignal,
): Promise<SegmentRow | undefined> {
  const [listed, beside] = [names.manifests.get(id), names.verified.get(id) ?? []];
  if (listed === undefined || beside.length === 0) return undefined;
  const found = await tryManifest(vault, cluster, id);
  if (found instanceof LifeboatError || whyLater(found.manifest) !== undefined) return undefined;
  const { manifest, digest } = found;
  const verified: SegmentRow["verified"] = [];
  for (const each of beside) {
    const read = await readDocument(vault, "verification", cluster, verifiedKey(cluster, id, each.time), { signal });
    if (read?.state !== "opened") return undefined;
    const { document } = read;
    if (document.id !== id || document.level !== "deep" || document.manifestDigest !== digest) return undefined;
    verified.push({
      time: each.time,
      digest: read.digest,
      ...asListed(each),
      verifiedAt: document.verifiedAt,
      ...(document.confirmed === undefined ? {} : { confirmed: document.confirmed }),
      by: signers.placeOf("audit", document.signer.fingerprint),
    });
  }
  const liveKeys = liveKeysOf(manifest);
  const lockedUntil = await lockedUntilOf(vault.blobs, manifest, signal);
  const { quarantine } = manifest;
  const row: SegmentRow = {
    id,
    digest,
    ...asListed(listed),
    by: signers.placeOf("snapshot", manifest.signer.fingerprint),
    startedAt: manifest.startedAt,
    createdAt: manifest.createdAt,
    lineage: manifest.lineage,
    revision: revisionOf(manifest),
    ...(liveKeys === undefined ? {} : { liveKeys }),
    snapshotBytes: manifest.snapshot.bytes,
    storedBytes: manifest.stored.bytes,
    proof: wordsOf(manifest.proof),
    ...(quarantine === undefined ? {} : { quarantine: { reasons: quarantine.reasons } }),
    verified,
    ...(lockedUntil === undefined ? {} : { lockedUntil }),
  };
  return JSON.stringify(row).length > LONGEST_ROW ? undefined : row;
}

/** A row that another segment has, of the keys of this one. */
export function moveRow(row: SegmentRow, from: Signers["list"], to: Signers): SegmentRow {
  const move = (by: number): number => {
    const signer = from[by];
    if (signer === undefined) throw new Error(`a row of ${row.id} was believed, and names no signer`);
    return to.placeOf(signer.purpose, signer.fingerprint);
  };
  return { ...row, by: move(row.by), verified: row.verified.map((each) => ({ ...each, by: move(each.by) })) };
}

function wordsOf(proof: Manifest["proof"]): SegmentRow["proof"] {
  const { agreement } = proof;
  if (proof.status === "unproven") return { status: proof.status, reason: proof.reason, agreement };
  return proof.status === "proven" ? { status: proof.status, agreement } : { status: proof.status, agreement };
}

function asListed({ bytes, modifiedMs }: ListedObject): { readonly bytes: number; readonly modified: string } {
  return { bytes, modified: new Date(modifiedMs).toISOString() };
}

/** Until when all of its data is locked. Whoever may not ask leaves it out. */
async function lockedUntilOf(blobs: BlobStore, { stored }: Manifest, signal: AbortSignal | undefined): Promise<string | undefined> {
  let first: Date | undefined;
  try {
    for (const { key, version } of sealedObjectsOf(stored)) {
      const until = (await blobs.lockOf(key, { version, signal }))?.until;
      if (until === undefined) return undefined;
      first = first === undefined || until < first ? until : first;
    }
  } catch (error) {
    if (!isLifeboatError(error, "store/denied", "verify/missing")) throw error;
  }
  return first?.toISOString();
}
