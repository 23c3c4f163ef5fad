import type { CustodyPorts } from "../../vault/custody/append.ts";
import { Custodian } from "../../vault/custody/custodian.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { verifiedKey } from "../../documents/layout.ts";
import { FORMAT_VERSION } from "../../documents/parts.ts";
import { requireKnown } from "../../documents/manifest.ts";
import type { Lack } from "../../documents/good.ts";
import type { Manifest } from "../../documents/manifest.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import { idOfSlot } from "../../documents/slot.ts";
import type { IndexObject } from "../../documents/verification.ts";
import { SnapshotScanner } from "../../snapshot/scan.ts";
import type { ScanResult } from "../../snapshot/scan-result.ts";
import { SnapshotHasher } from "../../snapshot/trailer.ts";
import type { SnapshotDigests } from "../../snapshot/trailer.ts";
import type { KeyProof, WrappedKeys } from "../../store/wrapped-keys.ts";
import { TOOL } from "../../version.ts";
import { auditLineages } from "../../vault/lineage/audit-lineages.ts";
import type { LineageFinding } from "../../vault/lineage/audit-lineages.ts";
import { publish } from "../../vault/publish.ts";
import { subjectOf } from "../../vault/catalog.ts";
import { readUntil } from "../../store/read-until.ts";
import type { FoundManifest } from "../../vault/catalog.ts";
import { judge, readJudged } from "../../vault/judge.ts";
import { catalogueSome } from "../catalog.ts";
import { Confirmer } from "./confirm.ts";
import { indexerFor } from "./index-snapshot.ts";
import type { IndexingPorts, SnapshotIndexer } from "./index-snapshot.ts";
import type { ConfirmedBy, ConfirmPorts } from "./inquiry.ts";
import type { Judged, JudgePorts } from "../../vault/judge.ts";
import { requireContentAsRecorded } from "./require-content.ts";
import { requireNew, requirePlausible } from "./require-new.ts";
import { resolveRef } from "../../vault/ref.ts";
import { requireTrustedKey } from "../../vault/require-trusted-key.ts";

export interface VerifyPorts extends CustodyPorts, JudgePorts, ConfirmPorts, IndexingPorts {
  readonly wrappedKeys: WrappedKeys;
}

export interface VerifyResult extends Judged {
  /** What was checked and holds, in order. */
  readonly checks: readonly string[];
}

export interface DeepVerification extends VerifyResult, ConfirmedBy {
  /** Where the countersignature was left. */
  readonly countersignature: string;
  /** The keys of those wrappings in its manifest that were opened. */
  readonly opened: readonly string[];
  /** The key of the index that was left with it. */
  readonly index: string | undefined;
  /** The record of the custody log that tells of it. */
  readonly custody: CustodyReceipt;
}

export interface AuditedVerification extends DeepVerification {
  /** What stands as a lineage of the cluster and no backup opened. It says nothing against the snapshot. */
  readonly lineageFindings: readonly LineageFinding[];
}

const PRESENT = ["presence", "size", "checksum"] as const;
const SHALLOW = ["signature", "trust", "times", ...PRESENT] as const;
const DEEP = [
  "signature",
  "trust",
  "times",
  "no replay",
  ...PRESENT,
  "encryption",
  "stored digest",
  "snapshot digest",
  "trailer",
  "page tree",
  "hash",
  "HashKV",
] as const;

/**
 * Checks a snapshot without opening it: signature, trust and times of its manifest; presence, size and checksum of its data. Throws what does not hold. Whether it is good is then what
 * the countersignatures in the store say.
 */
export async function verifyShallow(ports: VerifyPorts, ref: string, signal?: AbortSignal): Promise<VerifyResult> {
  const found = await resolveRef(ports, ref, signal);
  // Whether it was countersigned, and so may have been copied here since, is not asked.
  await requirePlausible(ports, found, { known: true, signal });
  await ports.snapshots.check(found.manifest.stored, signal);
  const { lacks } = await readJudged({ ...ports, blobs: readUntil(ports.blobs, signal) }, found);
  return { ...found, lacks, checks: SHALLOW };
}

/** The same as `verifyDeep` checks, and nothing is left: for a copy, of which no countersignature of the store's own may speak. */
export async function readBack(
  ports: Omit<VerifyPorts, "membersOf" | "wrappedKeys">,
  ref: string,
  signal?: AbortSignal,
): Promise<VerifyResult> {
  const found = await resolveRef(ports, ref, signal);
  requireKnown(found.manifest);
  await ports.snapshots.check(found.manifest.stored, signal);
  await requireWhole(ports, found.manifest, signal);
  const { lacks } = await readJudged({ ...ports, blobs: readUntil(ports.blobs, signal) }, found);
  return { ...found, lacks, checks: DEEP };
}

/**
 * Holds a new snapshot against its neighbours, so that none is an older one once more; asks members of the cluster whether they hold the same, where the configuration has it so; reads the whole of it back, decrypts it, checks every digest and etcd's trailer, scans its pages again, and leaves the
 * countersignature without which it is not good. Throws what does not hold, and then leaves none; the custody log is told either way.
 */
export async function verifyDeep(ports: VerifyPorts, ref: string, signal?: AbortSignal): Promise<AuditedVerification> {
  // Asked first: gigabytes must not be read for a countersignature that cannot be made.
  await requireTrustedKey(ports.keys, ports.trusted, "audit");
  const found = await resolveRef(ports, ref, signal);
  const confirmer = new Confirmer(ports, found.manifest.cluster);
  try {
    const verified = await verifyFound(ports, found, confirmer, signal);
    await catalogueSome(ports, verified.manifest.cluster, signal);
    return { ...verified, lineageFindings: await auditLineages(ports, verified.manifest.cluster, signal) };
  } finally {
    await confirmer.close();
  }
}

/** The same for a manifest that was read, by an audit key that is known to be trusted. */
export async function verifyFound(
  ports: VerifyPorts,
  found: FoundManifest,
  confirmer: Confirmer,
  signal?: AbortSignal,
): Promise<DeepVerification> {
  requireKnown(found.manifest);
  const custodian = new Custodian(ports, found.manifest.cluster, "audit");
  try {
    await requireNew(ports, found, signal);
    await ports.snapshots.check(found.manifest.stored, signal);
    const inquiry = await confirmer.begin(found.manifest, signal);
    const indexer = await indexerFor(ports, found, signal);
    const scan = await requireWhole(ports, found.manifest, signal, indexer);
    const confirmedBy = await inquiry.settle(scan);
    const proof = await ports.wrappedKeys.prove(found.manifest, found.manifest.stored, signal);
    for (const note of proof.notes) ports.progress.note("warn", note);
    const index = await indexer?.put(scan, signal);
    const left = await countersign(ports, custodian, found, { ...proof, ...confirmedBy, index });
    return {
      ...found,
      lacks: await lacksAfter(ports, found, confirmedBy),
      checks: DEEP,
      opened: proof.opened,
      ...confirmedBy,
      index: index?.key,
      ...left,
    };
  } catch (error) {
    // Of those who stopped it or could not read there is nothing to tell, unless something was announced.
    if (isLifeboatError(error, "verify/") || custodian.isOpen) await custodian.fail(error, [subjectOf(found)]);
    throw error;
  }
}

/** What it lacks with the countersignature that was just left; members may have confirmed it to an earlier verification. */
async function lacksAfter(ports: VerifyPorts, found: FoundManifest, { confirmed }: ConfirmedBy): Promise<readonly Lack[]> {
  const lacks = judge(ports, found, [{ manifestDigest: found.digest, confirmed }]);
  return lacks.some(({ code }) => code === "not-confirmed") ? (await readJudged(ports, found)).lacks : lacks;
}

/** Reads all of it: what its pages hold, which is as its manifest says. */
async function requireWhole(
  ports: Pick<VerifyPorts, "snapshots" | "progress">,
  manifest: Manifest,
  signal: AbortSignal | undefined,
  indexer?: SnapshotIndexer,
): Promise<ScanResult> {
  ports.progress.phase("verify", manifest.snapshot.bytes);
  const hasher = new SnapshotHasher();
  const scanner = new SnapshotScanner(indexer === undefined ? {} : { filter: indexer.filter });
  const options = { bytes: manifest.snapshot.bytes, signal, ...(indexer === undefined ? {} : { onPiece: indexer.onPiece }) };
  for await (const chunk of ports.snapshots.open(manifest, manifest.stored, options)) {
    hasher.update(chunk);
    scanner.update(chunk);
    ports.progress.advance(chunk.length);
  }
  requireAsRecorded(manifest, hasher.finish());
  const scan = scanner.finish();
  requireContentAsRecorded(manifest, scan);
  await ports.snapshots.checkBeside?.(manifest.stored, signal);
  return scan;
}

/** Throws where what came out of the store is not what etcd sent. */
export function requireAsRecorded(manifest: Manifest, actual: SnapshotDigests): void {
  const name = `${manifest.cluster}/${manifest.id}`;
  const hint = "do not restore from it; use another snapshot or a replica, and find out what changed the store";
  if (actual.bytes !== manifest.snapshot.bytes)
    throw new LifeboatError("verify/size", `${name} opens to ${actual.bytes} bytes; its manifest says ${manifest.snapshot.bytes}`, {
      hint,
    });
  if (actual.sha256 !== manifest.snapshot.sha256)
    throw new LifeboatError(
      "verify/digest",
      `${name} opens to content with digest ${actual.sha256}; its manifest says ${manifest.snapshot.sha256}`,
      { hint },
    );
  if (!actual.trailerHolds || actual.trailer !== manifest.snapshot.trailer)
    throw new LifeboatError("verify/trailer", `the content of ${name} does not match etcd's own trailer`, { hint });
}

async function countersign(
  ports: VerifyPorts,
  custodian: Custodian,
  found: FoundManifest,
  { opened, wrappings, breakGlass, confirmed, confirmation, index }: KeyProof & ConfirmedBy & { readonly index: IndexObject | undefined },
): Promise<Pick<DeepVerification, "countersignature" | "custody">> {
  const { cluster, id, snapshot } = found.manifest;
  const verifiedAt = ports.clock.now();
  const published = await publish(ports, custodian, {
    kind: "verification",
    place: { keyOf: (ordinal) => verifiedKey(cluster, id, idOfSlot(verifiedAt, ordinal)), first: 1, last: LAST_ORDINAL },
    event: "verified",
    about: [subjectOf(found), ...(index === undefined ? [] : [{ key: index.key, digest: index.sha256 }])],
    draft: (custody) => ({
      type: "verification",
      formatVersion: FORMAT_VERSION,
      cluster,
      id,
      manifestDigest: found.digest,
      verifiedAt: verifiedAt.toISOString(),
      level: "deep" as const,
      snapshot: { bytes: snapshot.bytes, sha256: snapshot.sha256 },
      opened: [...opened],
      wrappings: [...wrappings],
      ...(breakGlass === undefined ? {} : { breakGlass }),
      confirmed,
      confirmation,
      ...(index === undefined ? {} : { index }),
      tool: TOOL,
      custody,
    }),
    onTaken: async () => ({ reason: "another run took the name of this countersignature", about: [subjectOf(found)] }),
  });
  return { countersignature: published.key, custody: published.custody };
}

/** So many verifications of one snapshot within a second are a loop that went wild. */
const LAST_ORDINAL = 99;
