import { LAST_PIN, pinKey } from "../documents/layout.ts";
import { FORMAT_VERSION } from "../documents/parts.ts";
import type { CustodyReceipt } from "../documents/parts.ts";
import type { Progress } from "../progress.ts";
import type { SnapshotStore } from "../store/snapshot-store.ts";
import { subjectOf } from "../vault/catalog.ts";
import type { FoundManifest } from "../vault/catalog.ts";
import type { CustodyPorts } from "../vault/custody/append.ts";
import { Custodian } from "../vault/custody/custodian.ts";
import type { JudgePorts } from "../vault/judge.ts";
import { pinOf, readPins } from "../vault/pins.ts";
import type { PinState } from "../vault/pins.ts";
import { publish } from "../vault/publish.ts";
import { resolveRef } from "../vault/ref.ts";
import { requireTrustedKey } from "../vault/require-trusted-key.ts";
import { TOOL } from "../version.ts";
import { requireReason } from "./reason.ts";

export interface PinPorts extends CustodyPorts, JudgePorts {
  readonly snapshots: Pick<SnapshotStore, "hold">;
  readonly progress: Progress;
}

export interface PinRequest {
  readonly ref: string;
  /** Whether it is to be pinned, or its pin is to end. */
  readonly pinned: boolean;
  /** In the person's words. */
  readonly reason: string;
  readonly signal?: AbortSignal;
}

export interface PinOutcome {
  /** `already`: nothing was written. */
  readonly outcome: "pinned" | "unpinned" | "already";
  readonly found: FoundManifest;
  /** What counts now. */
  readonly state: PinState;
  /** What was written; undefined where nothing was. */
  readonly key: string | undefined;
  readonly custody: CustodyReceipt | undefined;
}

/**
 * Keeps a snapshot from removal, or ends that, by the audit key: the custody log is told, and then a signed document is put under the next number. Throws `usage` and `ref/not-found` before anything
 * is written.
 */
export async function pinSnapshot(ports: PinPorts, { ref, pinned, reason, signal }: PinRequest): Promise<PinOutcome> {
  const text = requireReason(reason);
  const found = await resolveRef(ports, ref, signal);
  const before = await readState(ports, found, signal);
  const hold = async (): Promise<void> => ports.snapshots.hold?.(found.manifest, found.manifest.stored, pinned);
  if (before.isPinned === pinned) {
    // A run that ended between the two is mended.
    await hold();
    return { outcome: "already", found, state: before, key: undefined, custody: undefined };
  }
  await requireTrustedKey(ports.keys, ports.trusted, "audit");
  const custodian = new Custodian(ports, found.manifest.cluster, "audit");
  try {
    const outcome = await put(ports, custodian, { found, before, pinned, reason: text, signal });
    await hold();
    return outcome;
  } catch (error) {
    if (custodian.isOpen) await custodian.fail(error, [subjectOf(found)]);
    throw error;
  }
}

/** So many runs at once may take the next number first. */
const LATE_ONES = 8;

async function put(
  ports: PinPorts,
  custodian: Custodian,
  {
    found,
    before,
    pinned,
    reason,
    signal,
  }: Omit<PinRequest, "ref" | "signal"> & {
    readonly found: FoundManifest;
    readonly before: PinState;
    readonly signal: AbortSignal | undefined;
  },
): Promise<PinOutcome> {
  const { cluster, id } = found.manifest;
  const about = [subjectOf(found)];
  // Above what is not believed, so that this settles it; whoever planted the last number of all must not keep a person from pinning.
  const first = 1 + (before.last < LAST_PIN ? before.last : (before.counts?.pin.number ?? 0));
  const by = await ports.actor();
  const published = await publish<"pin", PinState>(ports, custodian, {
    kind: "pin",
    place: { keyOf: (number) => pinKey(cluster, id, number), first, last: Math.min(first + LATE_ONES, LAST_PIN) },
    event: "pinned",
    about,
    details: { reason, pinned },
    draft: (custody, number) => ({
      type: "pin",
      formatVersion: FORMAT_VERSION,
      cluster,
      id,
      number,
      manifestDigest: found.digest,
      pinned,
      by,
      at: ports.clock.now().toISOString(),
      reason,
      tool: TOOL,
      custody,
    }),
    onTaken: async () => {
      const now = await readState(ports, found, signal);
      const skip = { reason: "another run took the number of this pin", about };
      return now.isPinned === pinned ? { ...skip, instead: now } : skip;
    },
    signal,
  });
  if (published.outcome === "taken")
    return { outcome: "already", found, state: published.instead, key: undefined, custody: custodian.last };
  const { key, custody } = published;
  return { outcome: pinned ? "pinned" : "unpinned", found, state: await readState(ports, found, signal), key, custody };
}

async function readState(ports: PinPorts, { manifest, digest }: FoundManifest, signal: AbortSignal | undefined): Promise<PinState> {
  return pinOf(await readPins(ports, manifest.cluster, signal, manifest.id), { id: manifest.id, digest });
}
