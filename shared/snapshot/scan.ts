import { Carry } from "./carry.ts";
import { Contents } from "./contents.ts";
import { TreeFault } from "./finding.ts";
import { KeyHistory } from "./key-history.ts";
import type { HashKv } from "./key-history.ts";
import { ENTRIES } from "./limits.ts";
import { MatchTable } from "./match-table.ts";
import type { EntryFilter } from "./match-table.ts";
import { HEAD_BYTES, readMeta } from "./meta-page.ts";
import type { Meta } from "./meta-page.ts";
import { PageReader } from "./page-reader.ts";
import { PrefixTable } from "./prefix-table.ts";
import type { FaultyScan, ScanResult, WholeScan } from "./scan-result.ts";
import { TRAILER_BYTES } from "./trailer.ts";
import { TreeWalk } from "./tree.ts";
import { wordsOf } from "./words.ts";
import type { Words } from "./words.ts";

export interface ScanOptions {
  /** Entries that a record is kept of; past it there is no HashKV and no count of live keys. */
  readonly entryLimit?: number;
  /** For a survey of bucket `key` whose lists have so many entries: 4 bytes more an entry, and up to 21 at the end. */
  readonly surveyTop?: number;
  /** For the live entries that it matches. */
  readonly filter?: EntryFilter;
}

/**
 * Reads a snapshot (a bbolt database, with or without etcd's trailer) as it streams by, and tells at the end whether its page tree is whole and what
 * is in it. Memory: 45 bytes a page and 25 an entry (up to 11 more at the end), copies of branch pages and of leaves outside bucket `key`, and of the stream what a page with overflow needs,
 * at most 80 MiB (docs/decisions/0007). What it is given may be used again after each call.
 */
export class SnapshotScanner {
  readonly #entryLimit: number;
  readonly #surveyTop: number | undefined;
  readonly #filter: EntryFilter | undefined;
  readonly #carry = new Carry();
  #bytes = 0;
  /** Bytes that the carry must hold for the next step. */
  #wanted = HEAD_BYTES;
  #meta: Meta | undefined;
  #reader: PageReader | undefined;
  #fault: TreeFault | undefined;

  constructor({ entryLimit = ENTRIES, surveyTop, filter }: ScanOptions = {}) {
    this.#entryLimit = entryLimit;
    this.#surveyTop = surveyTop;
    this.#filter = filter;
  }

  /** The next bytes, in chunks of any size. */
  update(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    let offset = 0;
    while (this.#meta === undefined || this.#carry.length > 0) {
      if (this.#fault !== undefined) return;
      offset += this.#carry.fill(chunk, offset, this.#wanted);
      if (this.#carry.length < this.#wanted) return;
      this.#begin();
      this.#carry.drop(this.#readPages(this.#carry.words));
      // All that is carried is of this chunk: it can be read in place.
      if (this.#carry.length > 0 && this.#carry.length <= offset) {
        offset -= this.#carry.length;
        this.#carry.clear();
      }
    }
    if (offset === chunk.length) return;
    const rest = chunk.subarray(offset);
    const read = this.#readPages(wordsOf(rest));
    this.#carry.fill(rest, read, rest.length - read);
  }

  /** To be called once, after the last byte. */
  finish(): ScanResult {
    try {
      return this.#finish();
    } catch (error) {
      if (!(error instanceof TreeFault)) throw error;
      return { tree: error.code, message: error.message, bytes: this.#bytes } satisfies FaultyScan;
    }
  }

  /** Reads the meta pages, unless that is done. */
  #begin(): void {
    if (this.#meta !== undefined || this.#fault !== undefined) return;
    try {
      const meta = readMeta(this.#carry.words.bytes);
      this.#reader = new PageReader(meta, this.#entryLimit, {
        prefixes: this.#surveyTop === undefined ? undefined : new PrefixTable(),
        matches: this.#filter === undefined ? undefined : new MatchTable(this.#filter),
      });
      this.#meta = meta;
      this.#wanted = meta.pageSize;
    } catch (error) {
      if (!(error instanceof TreeFault)) throw error;
      this.#fault = error;
      this.#carry.clear();
    }
  }

  /** Reads all pages whose bytes are there, or at the end of the stream all that begin: how many bytes that was. */
  #readPages(source: Words, isEnd = false): number {
    const [meta, reader] = [this.#meta, this.#reader];
    if (meta === undefined || reader === undefined) return 0;
    const length = source.bytes.length;
    const { pageSize } = meta;
    for (let at = 0; ; at += pageSize) {
      // What lies past the high-water mark is not the database's.
      if (reader.pages.count === meta.pages) return length;
      const available = length - at;
      const wanted = available < pageSize ? pageSize : reader.extentOf(source, at, reader.pages.count);
      if (available < pageSize || (wanted > available && !isEnd)) {
        this.#wanted = wanted;
        return at;
      }
      reader.read(source, at, available);
    }
  }

  #finish(): WholeScan {
    if (this.#bytes === 0) throw new TreeFault("tree/empty", "it is empty");
    this.#begin();
    if (this.#fault !== undefined) throw this.#fault;
    this.#readPages(this.#carry.words, true);
    this.#carry.clear();
    const [meta, reader] = [this.#meta, this.#reader];
    if (meta === undefined || reader === undefined) throw new Error("there is no meta page and no fault");
    const databaseBytes = meta.pages * meta.pageSize;
    const trailerBytes = this.#trailerBytes(meta, databaseBytes);
    const contents = new Contents(reader);
    const walk = new TreeWalk(meta, reader.pages, contents);
    walk.walk();
    contents.checkBuckets();
    // A hundredth of the database, and what comes now takes memory of its own.
    reader.pages.forgetKept();
    const history = new KeyHistory(reader, contents.keyPages);
    const finishedCompactRevision = contents.metaRevision("finishedCompactRev");
    const scheduledCompactRevision = contents.metaRevision("scheduledCompactRev");
    const compactRevision = Math.max(finishedCompactRevision ?? -1, scheduledCompactRevision ?? -1);
    const lastRevision = Math.max(1, history.lastMain, compactRevision);
    const inUseBytes = walk.reachedPages * meta.pageSize;
    return {
      tree: "whole",
      bytes: this.#bytes,
      trailerBytes,
      pageSize: meta.pageSize,
      databaseBytes,
      inUseBytes,
      freeBytes: databaseBytes - inUseBytes,
      validMetas: meta.validMetas,
      hash: contents.hash,
      revision: history.lastMain,
      lastRevision,
      keys: { revisions: history.entries, live: history.liveKeys() },
      buckets: contents.buckets,
      consistentIndex: contents.metaNumber("consistent_index"),
      term: contents.metaNumber("term"),
      storageVersion: contents.storageVersion,
      clusterVersion: contents.clusterVersion,
      members: contents.members,
      removedMemberIds: contents.removedMemberIds,
      alarms: contents.alarms,
      finishedCompactRevision,
      scheduledCompactRevision,
      compactRevision,
      isAuthEnabled: contents.isAuthEnabled,
      encryption: history.encryption(reader.encryption),
      ...(this.#surveyTop === undefined ? {} : { survey: history.survey(this.#surveyTop) }),
      ...(this.#filter === undefined ? {} : { matches: history.matches(), deleted: history.deleted() }),
      hashKv: (revision = lastRevision, asOf = compactRevision) =>
        unavailable(revision, asOf, lastRevision, compactRevision) ?? history.hash(revision, asOf),
    };
  }

  /** A snapshot ends at the high-water mark, with or without a trailer; a copy of a member's file may go on after it. */
  #trailerBytes({ pageSize, pages }: Meta, databaseBytes: number): number {
    const past = this.#bytes % pageSize;
    const content = this.#bytes - past;
    if (content < databaseBytes) {
      throw new TreeFault("tree/length", `it ends after ${this.#bytes} bytes, but its ${pages} pages take ${databaseBytes}`);
    }
    if (past !== 0 && past !== TRAILER_BYTES)
      throw new TreeFault("tree/length", `${past} bytes follow the last page, which no trailer has`);
    if (past === TRAILER_BYTES && content > databaseBytes) {
      throw new TreeFault("tree/length", `${content - databaseBytes} bytes stand between the last page and the trailer`);
    }
    return past;
  }
}

function unavailable(revision: number, compactRevision: number, last: number, own: number): HashKv | undefined {
  if (revision > last) return { unavailable: `the snapshot ends at revision ${last}, before ${revision}` };
  if (compactRevision < own) return { unavailable: `the snapshot was compacted to revision ${own}, past ${compactRevision}` };
  if (revision < compactRevision) return { unavailable: `revision ${revision} was compacted, at ${compactRevision}` };
  return undefined;
}
