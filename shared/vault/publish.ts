import { isLifeboatError } from "../errors.ts";
import type { CustodyReceipt } from "../documents/parts.ts";
import type { CustodyEvent, CustodyRecord } from "../documents/custody-record.ts";
import { openDocument, signDocument } from "../documents/signed-document.ts";
import type { AnnouncedKind, DocumentOf, Unsigned } from "../documents/signed-document.ts";
import type { CustodyPorts, Subjects } from "./custody/append.ts";
import type { Custodian } from "./custody/custodian.ts";
import { putDocument } from "./put-document.ts";

/** What is to stand in the store. */
export interface Publication<K extends AnnouncedKind, Instead> {
  readonly kind: K;
  /** Where: one key, or the first free one of several. */
  readonly place: string | Places;
  readonly event: CustodyEvent;
  /** What the record names besides the document itself. */
  readonly about: Subjects;
  readonly details?: CustodyRecord["details"];
  /** The document, which names the record that announced it; `ordinal` is that of its place, where places are counted. */
  readonly draft: (custody: CustodyReceipt, ordinal: number) => Unsigned<K>;
  /** Asked where something else was put there since: why this one is skipped. */
  readonly onTaken: () => Promise<Skip<Instead>>;
  /** Wraps the two halves, for a job that tells of its phases. */
  readonly steps?: { readonly announce: Step; readonly put: Step };
  readonly signal?: AbortSignal | undefined;
}

/** Places that are counted: `keyOf(first)` to `keyOf(last)`. */
export interface Places {
  readonly keyOf: (ordinal: number) => string;
  readonly first: number;
  readonly last: number;
}

export interface Skip<Instead> {
  readonly reason: string;
  readonly about: Subjects;
  /** What serves in place of the document; left out to try the next place. */
  readonly instead?: Instead;
}

type Step = <T>(action: () => Promise<T>) => Promise<T>;

/** What now stands in the store. */
export interface Published<K extends AnnouncedKind> {
  readonly outcome: "published";
  readonly key: string;
  readonly document: DocumentOf<K>;
  /** Of the object's bytes. */
  readonly digest: string;
  readonly custody: CustodyReceipt;
}

export interface TakenBefore<Instead> {
  readonly outcome: "taken";
  readonly instead: Instead;
}

/**
 * The one way in which a signed document comes into a store: the custody log is told first, then the document is signed, naming that record, opened as any reader will, and put once. Where another
 * stands there already, the log is told that this one was skipped. What fails in between leaves the custodian open, for the job's own `fail`. Throws `store/exists` where every place is taken and
 * `onTaken` has nothing that serves instead.
 */
export function publish<K extends AnnouncedKind>(
  ports: CustodyPorts,
  custodian: Custodian,
  publication: Publication<K, never>,
): Promise<Published<K>>;
export function publish<K extends AnnouncedKind, Instead>(
  ports: CustodyPorts,
  custodian: Custodian,
  publication: Publication<K, Instead>,
): Promise<Published<K> | TakenBefore<Instead>>;
export async function publish<K extends AnnouncedKind, Instead>(
  ports: CustodyPorts,
  custodian: Custodian,
  publication: Publication<K, Instead>,
): Promise<Published<K> | TakenBefore<Instead>> {
  const { kind, place, event, about, details, draft, onTaken, steps = UNWRAPPED, signal } = publication;
  const { keyOf, first, last } = typeof place === "string" ? { keyOf: () => place, first: 1, last: 1 } : place;
  for (let ordinal = first; ; ordinal++) {
    const key = keyOf(ordinal);
    // Whatever stands there, believed or not, must not keep this one from its own place.
    if (ordinal < last && (await ports.blobs.head(key, { signal })) !== undefined) continue;
    const custody = await steps.announce(() =>
      custodian.announce(event, [{ key }, ...about], { ...(details === undefined ? {} : { details }), signal }),
    );
    const outcome = await steps.put(async () => {
      const signed = await signDocument(ports.keys, kind, draft(custody, ordinal));
      const document = openDocument(kind, signed.bytes, ports.trusted, key);
      try {
        await putDocument(ports.blobs, key, signed, signal);
      } catch (error) {
        if (!isLifeboatError(error, "store/exists")) throw error;
        const skip = await onTaken();
        if (skip.instead === undefined && ordinal >= last) throw error;
        await custodian.skip(skip.about, skip.reason);
        return skip.instead === undefined ? undefined : ({ outcome: "taken", instead: skip.instead } as const);
      }
      custodian.settle();
      return { outcome: "published", key, document, digest: signed.digest, custody } as const;
    });
    if (outcome !== undefined) return outcome;
  }
}

const UNWRAPPED = {
  announce: <T>(action: () => Promise<T>): Promise<T> => action(),
  put: <T>(action: () => Promise<T>): Promise<T> => action(),
};
