import type { Clock } from "../clock.ts";
import { isLifeboatError, LifeboatError } from "../errors.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import { verifiedKey } from "../manifest/layout.ts";
import { FORMAT_VERSION } from "../manifest/schema.ts";
import type { Manifest } from "../manifest/schema.ts";
import { signDocument } from "../manifest/signed-document.ts";
import { idOfSlot } from "../manifest/slot.ts";
import type { Progress } from "../progress.ts";
import { SnapshotScanner } from "../snapshot/scan.ts";
import { SnapshotHasher } from "../snapshot/trailer.ts";
import type { SnapshotDigests } from "../snapshot/trailer.ts";
import type { SnapshotStore } from "../store/snapshot-store.ts";
import { TOOL } from "../version.ts";
import type { FoundManifest, Vault } from "./catalog.ts";
import { requireContentAsRecorded } from "./require-content.ts";
import { putDocument } from "../manifest/put-document.ts";
import { resolveRef } from "./ref.ts";
import { requireTrustedKey } from "./require-trusted-key.ts";

export interface VerifyPorts extends Vault {
  readonly snapshots: SnapshotStore;
  readonly keys: KeyRing;
  readonly clock: Clock;
  readonly progress: Progress;
}

export interface VerifyResult extends FoundManifest {
  /** What was checked and holds, in order. */
  readonly checks: readonly string[];
  /** Where the countersignature was left; undefined for a shallow verification. */
  readonly countersignature?: string;
}

const SHALLOW = ["signature", "trust", "presence", "size", "checksum"] as const;
const DEEP = [...SHALLOW, "encryption", "stored digest", "snapshot digest", "trailer", "page tree", "hash", "HashKV"] as const;

/** Checks a snapshot without opening it: signature and trust of its manifest; presence, size and checksum of its data. Throws what does not hold. */
export async function verifyShallow(ports: VerifyPorts, ref: string, signal?: AbortSignal): Promise<VerifyResult> {
  const found = await resolveRef(ports, ref);
  await ports.snapshots.check(found.manifest.stored, signal);
  return { ...found, checks: SHALLOW };
}

/**
 * Reads the whole snapshot back, decrypts it, checks every digest and etcd's trailer, scans its pages again, and leaves the
 * countersignature by which it counts as good. Throws what does not hold, and then leaves none.
 */
export async function verifyDeep(ports: VerifyPorts, ref: string, signal?: AbortSignal): Promise<VerifyResult> {
  // Asked first: gigabytes must not be read for a countersignature that cannot be made.
  await requireTrustedKey(ports.keys, ports.trusted, "audit");
  const { manifest, digest } = await resolveRef(ports, ref);
  await ports.snapshots.check(manifest.stored, signal);
  ports.progress.phase("verify", manifest.snapshot.bytes);
  const hasher = new SnapshotHasher();
  const scanner = new SnapshotScanner();
  for await (const chunk of ports.snapshots.open(manifest, manifest.stored, { signal })) {
    hasher.update(chunk);
    scanner.update(chunk);
    ports.progress.advance(chunk.length);
  }
  requireAsRecorded(manifest, hasher.finish());
  requireContentAsRecorded(manifest, scanner.finish());
  const countersignature = await countersign(ports, manifest, digest);
  return { manifest, digest, checks: DEEP, countersignature };
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

async function countersign(ports: VerifyPorts, manifest: Manifest, manifestDigest: string): Promise<string> {
  const { cluster, id, snapshot } = manifest;
  const verifiedAt = ports.clock.now();
  const document = await signDocument(ports.keys, "verification", {
    type: "verification",
    formatVersion: FORMAT_VERSION,
    cluster,
    id,
    manifestDigest,
    verifiedAt: verifiedAt.toISOString(),
    level: "deep",
    snapshot: { bytes: snapshot.bytes, sha256: snapshot.sha256 },
    tool: TOOL,
  });
  for (let ordinal = 1; ; ordinal++) {
    const key = verifiedKey(cluster, id, idOfSlot(verifiedAt, ordinal));
    try {
      await putDocument(ports.blobs, key, document);
      return key;
    } catch (error) {
      if (!isLifeboatError(error, "store/exists") || ordinal === 99) throw error;
    }
  }
}
