import { isLifeboatError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { partsOfPinKey, pinsPrefix } from "../documents/layout.ts";
import type { Pin } from "../documents/pin.ts";
import { mapConcurrently, PARALLEL_READS } from "../map-concurrently.ts";
import { readDocument } from "./read-document.ts";
import type { Vault } from "./vault.ts";

/** A pin or an unpin whose signature, trust and place hold. */
export interface FoundPin {
  readonly key: string;
  readonly pin: Pin;
}

/** Something in the place of a pin that is not believed, or that the caller may not read (`store/denied`). */
export interface PinFault {
  readonly key: string;
  /** The snapshot's id and the number, by the name of the object. */
  readonly id: string;
  readonly number: number;
  readonly code: ErrorCode;
  /** One sentence, lower case, no full stop. */
  readonly message: string;
  /** It is signed, and only a later version knows what it says: no sign of tampering. */
  readonly isOfLaterVersion?: boolean;
}

/** What stands in the place of pins. Which one counts is for `pinOf`, which knows the manifest. */
export interface Pins {
  /** By snapshot id, the highest number first. */
  readonly byId: ReadonlyMap<string, readonly FoundPin[]>;
  readonly faults: readonly PinFault[];
}

/** What is known of one snapshot. */
export interface PinState {
  /** Undefined where it is not known: then the snapshot is kept as if it were pinned. */
  readonly isPinned: boolean | undefined;
  /** The pin or unpin that counts; undefined where there is none. */
  readonly counts: FoundPin | undefined;
  /** The highest number that something stands under, believed or not; 0 where nothing does. */
  readonly last: number;
  /** Above the one that counts, what is not believed or is of another manifest; a pin that counts stands all the same. */
  readonly doubts: readonly PinFault[];
}

/** The highest numbers of a snapshot are read: no person pins one so often, and who plants thousands makes nobody read them. */
const MOST_PINS = 64;

/** 64 KiB: far above any pin (1.5 KiB). What is larger is not read. */
const LARGEST = 64 * 1024;

/** The pins of every snapshot of a cluster, of some, or of one, from one listing; only what is there is read. Throws `store/...`. */
export async function readPins(vault: Vault, cluster: string, signal?: AbortSignal, ids?: string | ReadonlySet<string>): Promise<Pins> {
  const found: FoundPin[] = [];
  const faults: PinFault[] = [];
  const listed = await listPins(vault, cluster, ids, signal);
  for await (const read of mapConcurrently(listed, PARALLEL_READS, (each) => readPin(vault, cluster, each, signal))) {
    if (read === undefined) continue;
    if ("message" in read) faults.push(read);
    else found.push(read);
  }
  return { byId: Map.groupBy(found, ({ pin }) => pin.id), faults };
}

/**
 * Whether a snapshot is pinned: of the pins of exactly this manifest the highest number counts. What is not believed and has a higher number might say otherwise, and so does a pin of another manifest
 * in the same slot: then it is not known. A lower one is settled by the one that counts. Pure.
 */
export function pinOf({ byId, faults }: Pins, { id, digest }: { readonly id: string; readonly digest: string }): PinState {
  const found = byId.get(id) ?? [];
  const counts = found.find(({ pin }) => pin.manifestDigest === digest);
  const above = counts?.pin.number ?? 0;
  const bad = faults.length === 0 ? NONE : faults.filter((each) => each.id === id);
  if (found.length === 0 && bad.length === 0) return NOT_PINNED;
  const unread = bad.filter(({ number }) => number > above);
  const others = found.filter(({ pin }) => pin.number > above && pin.manifestDigest !== digest);
  const isUnknown = unread.length > 0 || others.some(({ pin }) => pin.pinned);
  return {
    isPinned: counts?.pin.pinned === true ? true : isUnknown ? undefined : false,
    counts,
    last: Math.max(0, ...found.map(({ pin }) => pin.number), ...bad.map(({ number }) => number)),
    doubts: [
      ...unread,
      ...others.map(({ key, pin: { number, pinned, manifestDigest } }): PinFault => {
        const message = `${key} ${pinned ? "pins" : "unpins"} another manifest, ${manifestDigest}; this one is ${digest}`;
        return { key, id, number, code: "verify/digest", message };
      }),
    ],
  };
}

const NONE: readonly never[] = [];
/** Of most snapshots, of which ten thousand may be listed. */
const NOT_PINNED: PinState = { isPinned: false, counts: undefined, last: 0, doubts: NONE };

interface ListedPin {
  readonly key: string;
  readonly id: string;
  readonly number: number;
  readonly bytes: number;
}

async function listPins(
  { blobs }: Vault,
  cluster: string,
  ids: string | ReadonlySet<string> | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly ListedPin[]> {
  const listed = new Map<string, ListedPin[]>();
  // The names of the pins of ID-2 begin with ID, too.
  const prefix = pinsPrefix(cluster, typeof ids === "string" ? ids : undefined);
  for await (const { key, bytes } of blobs.list(prefix, { signal })) {
    const parts = partsOfPinKey(cluster, key);
    if (parts === undefined || !(ids === undefined || (typeof ids === "string" ? parts.id === ids : ids.has(parts.id)))) continue;
    const of = listed.get(parts.id) ?? [];
    of.push({ key, ...parts, bytes });
    listed.set(parts.id, of);
  }
  return [...listed.values()].flatMap((of) => of.toSorted((a, b) => b.number - a.number).slice(0, MOST_PINS));
}

/** Undefined where it is gone since it was listed. */
async function readPin(
  vault: Vault,
  cluster: string,
  { key, id, number, bytes }: ListedPin,
  signal: AbortSignal | undefined,
): Promise<FoundPin | PinFault | undefined> {
  const fault = (code: ErrorCode, message: string): PinFault => ({ key, id, number, code, message });
  if (bytes > LARGEST) return fault("verify/size", `${key} is larger than any pin`);
  const read = await readDocument(vault, "pin", cluster, key, { maxBytes: LARGEST, signal }).catch((error: unknown) => {
    if (!isLifeboatError(error, "store/denied")) throw error;
    return fault(error.code, error.message);
  });
  if (read === undefined || "message" in read) return read;
  if (read.state === "bad") return fault(read.error.code, read.error.message);
  if (read.state === "later") return { ...fault("verify/format", `only a later version knows what ${key} says`), isOfLaterVersion: true };
  const { document } = read;
  if (document.id !== id || document.number !== number)
    return fault("verify/format", `${key} holds pin ${document.number} of snapshot ${document.id}: it was moved or copied there`);
  return { key, pin: document };
}
