import { LifeboatError } from "../../errors.ts";
import type { CustodyRecord } from "../../documents/custody-record.ts";
import type { AnnouncedKind, DocumentOf, TrustedKeys } from "../../documents/signed-document.ts";
import type { BlobStore } from "../../store/blob-store.ts";
import type { CustodyLog } from "../../documents/layout.ts";
import { objectsOf } from "../../documents/stored.ts";
import { announcedBy } from "./events.ts";
import { isFault, readRecord } from "./records.ts";
import type { FoundRecord, RecordVault } from "./records.ts";

/** A record, as far as it vouches for those before it. */
export interface Link {
  readonly sequence: number;
  readonly digest: string;
  readonly previous: string | undefined;
  /** The fingerprint of the key that signed it. */
  readonly signer: string;
  readonly time: string;
}

/** Documents that a record announces, and that name it. */
type Announced = DocumentOf<AnnouncedKind>;

type Ends = NonNullable<TrustedKeys["ends"]>;

/** Undefined for what is no record that is believed: the chain is not followed through it. */
export function linkOf({ sequence, digest, record }: FoundRecord): Link | undefined {
  if (isFault(record)) return undefined;
  return { sequence, digest, previous: record.previous, signer: record.signer.fingerprint, time: record.time };
}

/**
 * What a record says about the records before it that a key with an end signed: nothing where it was signed by such a key itself, else whether it is from before `end` (ISO 8601). Whoever has the key
 * writes behind the last record only, and the others' records there are of later times.
 */
export function testifies({ signer, time }: Link, end: string, ends: Ends): boolean | undefined {
  return ends[signer] === undefined ? new Date(time) <= new Date(end) : undefined;
}

/** 16 records at a time: enough to hide the latency of an object store. Most often the first or second is the witness. */
const LARGEST_BATCH = 16;

/** Eleven years of hourly backups that nobody else signed anything about. */
const MOST_RECORDS = 100_000;

/**
 * Why no record by another key witnesses that `first` was in the log by `end`, lower case, no full stop; undefined where one does. Follows the chain from `first` on to the first record by a key without an
 * end. `read` gives the record of a number, undefined where none is there that is believed.
 */
export async function whyNotWitnessed(
  first: Link,
  end: string,
  ends: Ends,
  read: (sequence: number) => Promise<Link | undefined>,
): Promise<string | undefined> {
  let before = first;
  for (let size = 1; ; size = Math.min(size * 4, LARGEST_BATCH)) {
    const testimony = testifies(before, end, ends);
    if (testimony !== undefined) return testimony ? undefined : tooLate(first, before);
    const batch = await Promise.all(Array.from({ length: size }, (_, index) => read(before.sequence + 1 + index)));
    for (const link of batch) {
      if (testifies(before, end, ends) !== undefined) break;
      if (link === undefined) return `no record that another key signed follows its record ${first.sequence}`;
      if (link.previous !== before.digest) return `record ${link.sequence} does not follow record ${before.sequence} as it is stored now`;
      before = link;
    }
    if (before.sequence - first.sequence > MOST_RECORDS)
      return `none of the ${MOST_RECORDS} records after its record ${first.sequence} was signed by another key`;
  }
}

function tooLate(first: Link, { sequence, time }: Link): string {
  if (first.sequence === sequence) return `its record ${sequence} is of ${time}`;
  return `the first record after its record ${first.sequence} that another key signed is ${sequence}, of ${time}`;
}

/**
 * Throws `verify/untrusted` for a document at `key` by a key with an end, unless the record that it names announced it, with the digests that it names, and was in the log by then. Costs nothing for the
 * documents of other keys. In a replica the log may be the one that was copied.
 */
export async function requireWitness(vault: RecordVault, cluster: string, key: string, document: Announced): Promise<void> {
  const { ends = {} } = vault.trusted;
  const { purpose, fingerprint } = document.signer;
  const end = ends[fingerprint];
  if (end === undefined) return;
  const why = await whyNotInTime(vault, cluster, key, document, { end, ends });
  if (why === undefined) return;
  throw new LifeboatError(
    "verify/untrusted",
    `${key} is signed by the ${purpose} key ${fingerprint}, which is trusted only for what was in the custody log by ${end}: ${why}`,
    {
      hint: `if the log had it by then, set notAfter in trustedKeys.${purpose} to a time after the next record of another key; if not, somebody else has that key`,
    },
  );
}

async function whyNotInTime(
  vault: RecordVault,
  cluster: string,
  key: string,
  document: Announced,
  { end, ends }: { readonly end: string; readonly ends: Ends },
): Promise<string | undefined> {
  const { custody } = document;
  if (custody === undefined) return "it names no record of the log";
  for (const log of ["custody", "primary-custody"] as const) {
    const found = await readRecord(vault, cluster, custody.sequence, { log });
    if (found?.digest !== custody.digest) continue;
    const link = linkOf(found);
    if (link === undefined || isFault(found.record) || !isRecordOf(found.record, key, document))
      return `record ${custody.sequence} is about something else`;
    return whyNotWitnessed(link, end, ends, (sequence) => readLink(vault, cluster, log, sequence));
  }
  return `its record ${custody.sequence} is not in the log`;
}

/** Whether a record announces this document. What it cannot bind is the rest: it was written before the document was. */
function isRecordOf(record: CustodyRecord, key: string, document: Announced): boolean {
  if (!announcedBy(record).includes(key)) return false;
  const saw = (digest: string): boolean => record.subjects.some((each) => each.digest === digest);
  if (document.type === "snapshot") {
    return objectsOf(document.stored).every(({ key: at, sha256 }) =>
      record.subjects.some((each) => each.key === at && each.digest === sha256),
    );
  }
  // A record names no rows: whoever reads segments leaves those of such a key alone.
  if (document.type === "lineage" || document.type === "catalog") return true;
  if (document.type === "verdict") return document.snapshot === undefined || saw(document.snapshot.manifestDigest);
  if (document.type === "intake") return record.details.intake?.recipient === document.recipient;
  if (document.type === "node-files") return saw(document.data.digest);
  return saw(document.type === "acceptance" ? document.lineageDigest : document.manifestDigest);
}

/** Records that were read, for as long as the configuration and the store are those of one run. */
const read = new WeakMap<TrustedKeys, WeakMap<BlobStore, Map<string, Link>>>();

async function readLink(vault: RecordVault, cluster: string, log: CustodyLog, sequence: number): Promise<Link | undefined> {
  const stores = read.get(vault.trusted) ?? new WeakMap<BlobStore, Map<string, Link>>();
  read.set(vault.trusted, stores);
  const links = stores.get(vault.blobs) ?? new Map<string, Link>();
  stores.set(vault.blobs, links);
  const name = `${cluster}/${log}/${sequence}`;
  const known = links.get(name);
  if (known !== undefined) return known;
  const found = await readRecord(vault, cluster, sequence, { log });
  const link = found === undefined ? undefined : linkOf(found);
  if (link !== undefined) links.set(name, link);
  return link;
}
