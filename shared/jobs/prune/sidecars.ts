import { idInIndexKey } from "../../documents/layout.ts";
import type { Verification } from "../../documents/verification.ts";
import type { FoundPin } from "../../vault/pins.ts";
import { readDocument } from "../../vault/read-document.ts";
import type { FoundDocument } from "../../vault/read-document.ts";
import type { Vault } from "../../vault/vault.ts";
import type { Holding, Sidecar } from "./inventory.ts";

/** What the documents beside a manifest say. */
export interface SidecarFacts {
  readonly countersignatures: readonly Pick<Verification, "manifestDigest">[];
  /** The highest number first. */
  readonly pins: readonly FoundPin[];
  readonly digests: ReadonlyMap<string, string>;
  readonly unknown: readonly string[];
}

/** Far above what a snapshot gets in ten years. Whoever plants more keeps the snapshot, and is noticed. */
const MOST_SIDECARS = 256;

export async function readSidecars(
  vault: Vault,
  cluster: string,
  { id, sidecars }: Holding,
  signal: AbortSignal | undefined,
): Promise<SidecarFacts> {
  const countersignatures: Verification[] = [];
  const pins: FoundPin[] = [];
  const digests = new Map<string, string>();
  const unknown: string[] = [];
  const shown = sidecars.filter(({ isLatest, isDeleteMarker }) => isLatest && !isDeleteMarker);
  if (shown.length > MOST_SIDECARS) unknown.push(`more than ${MOST_SIDECARS} documents are beside it`);
  for (const sidecar of shown.slice(0, MOST_SIDECARS)) {
    const read = await readSidecar(vault, cluster, sidecar, signal);
    // Removed since the listing, by another run.
    if (read === undefined) continue;
    if (read.state !== "opened" || read.document.id !== id) {
      unknown.push(read.state === "bad" ? read.error.message : `${sidecar.key} cannot be judged by this version of lifeboat`);
      continue;
    }
    digests.set(read.key, read.digest);
    const { document } = read;
    if (document.type === "verification" && document.index !== undefined && idInIndexKey(cluster, document.index.key) === id)
      digests.set(document.index.key, document.index.sha256);
    if (document.type === "verification" && document.level === "deep") countersignatures.push(document);
    if (document.type === "pin") pins.push({ key: read.key, pin: document });
  }
  return { countersignatures, pins: pins.toSorted((one, other) => other.pin.number - one.pin.number), digests, unknown };
}

function readSidecar(
  vault: Vault,
  cluster: string,
  { kind, key }: Sidecar,
  signal: AbortSignal | undefined,
): Promise<FoundDocument<"verification" | "rewrap" | "pin" | "drill"> | undefined> {
  return readDocument(vault, kind, cluster, key, { signal });
}
