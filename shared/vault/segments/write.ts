import type { Clock } from "../../clock.ts";
import { MOST_ROWS } from "../../documents/catalog.ts";
import type { SegmentRow } from "../../documents/catalog.ts";
import { catalogKey } from "../../documents/layout.ts";
import { FORMAT_VERSION } from "../../documents/parts.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import { compareIds, idOfSlot, isAhead, parseId } from "../../documents/slot.ts";
import { mapConcurrently, PARALLEL_READS } from "../../map-concurrently.ts";
import type { Progress } from "../../progress.ts";
import { throwIfAborted } from "../../store/body-reader.ts";
import { TOOL } from "../../version.ts";
import type { CustodyPorts } from "../custody/append.ts";
import { Custodian } from "../custody/custodian.ts";
import { findHead } from "../custody/head.ts";
import { readRecord } from "../custody/records.ts";
import { publish } from "../publish.ts";
import { requireTrustedKey } from "../require-trusted-key.ts";
import { logOfSegment } from "./log.ts";
import { planMerge } from "./merge.ts";
import { listNames } from "./names.ts";
import type { Names } from "./names.ts";
import { readSegments } from "./read.ts";
import type { ReadSegment, Segments } from "./read.ts";
import { moveRow, settle, Signers } from "./settle.ts";

export interface SegmentPorts extends CustodyPorts {
  readonly clock: Clock;
  readonly progress: Progress;
}

export interface WrittenSegment {
  readonly key: string;
  readonly rows: number;
  /** The segments that are needed no more, by name. */
  readonly merged: readonly string[];
}

export interface CatalogState {
  readonly written: readonly WrittenSegment[];
  /** Snapshots that segments tell of now. */
  readonly rows: number;
  /** Snapshots that are read one by one: not countersigned, of which something is not believed, or too few yet for a segment. */
  readonly unsegmented: number;
  /** Segments that a reader takes. */
  readonly segments: number;
  readonly bad: Segments["bad"];
}

export interface WriteOptions {
  /** No segment is written of fewer snapshots. */
  readonly atLeast: number;
  /** So many segments. */
  readonly atMost?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Of 500 KiB of rows a document is 680 KiB, below the largest. */
const MOST_JSON = 500 * 1024;
/** So many segments within a second are a loop that went wild. */
const LAST_ORDINAL = 99;

/**
 * Writes segments of the catalog by the audit key, of the settled snapshots that no segment tells of, and takes small segments in. Each is announced in the custody log and put once. Whoever reads them at the same time finds the
 * ones before. Throws `config/invalid` where the key here is no trusted audit key, `store/...`.
 */
export async function writeSegments(
  ports: SegmentPorts,
  cluster: string,
  { atLeast, atMost = Number.POSITIVE_INFINITY, signal }: WriteOptions,
): Promise<CatalogState> {
  const written: WrittenSegment[] = [];
  // Asked once: what did not settle is not tried again by this run.
  const tried = new Set<string>();
  const bad = new Map<string, Segments["bad"][number]>();
  for (;;) {
    throwIfAborted(`the catalog of ${cluster}`, signal);
    const head = await readHead(ports, cluster, signal);
    const names = await listNames(ports.blobs, cluster, signal);
    const known = await readSegments(ports, cluster, names, { wantsLog: true, signal });
    // Behind a new segment it is not looked at again.
    for (const each of known.bad) bad.set(each.key, each);
    const missing = missingIn(names, known, ports.clock.now()).filter((id) => !tried.has(id));
    if (written.length >= atMost || missing.length < atLeast) {
      const { rows, segments } = known;
      return { written, rows: rows.size, unsegmented: names.ids.length - rows.size, segments: segments.length, bad: [...bad.values()] };
    }
    const signers = new Signers(ports.trusted);
    const { rows, looked } = await settleAll(ports, cluster, missing.slice(0, MOST_ROWS), names, signers, signal);
    for (const id of looked) tried.add(id);
    if (rows.length >= atLeast) written.push(await put(ports, cluster, { head, names, known, rows, signers }, signal));
  }
}

/** Those that something countersigns, by its name, and no segment tells of; oldest first. */
function missingIn({ ids, verified }: Names, { rows }: Segments, now: Date): readonly string[] {
  return ids.filter((id) => !rows.has(id) && verified.has(id) && !isAhead(id, now));
}

async function settleAll(
  ports: SegmentPorts,
  cluster: string,
  ids: readonly string[],
  names: Names,
  signers: Signers,
  signal: AbortSignal | undefined,
): Promise<{ readonly rows: readonly SegmentRow[]; readonly looked: readonly string[] }> {
  const rows: SegmentRow[] = [];
  const looked: string[] = [];
  let left = MOST_JSON;
  const settled = mapConcurrently(ids, PARALLEL_READS, async (id) => ({
    id,
    row: await settle(ports, cluster, id, names, signers, signal),
  }));
  for await (const { id, row } of settled) {
    left -= row === undefined ? 0 : JSON.stringify(row).length;
    if (left < 0) break;
    looked.push(id);
    if (row !== undefined) rows.push(row);
  }
  return { rows, looked };
}

async function readHead(ports: SegmentPorts, cluster: string, signal: AbortSignal | undefined): Promise<CustodyReceipt | undefined> {
  const sequence = await findHead(ports.blobs, cluster, { signal });
  const found = sequence === 0 ? undefined : await readRecord(ports, cluster, sequence, { signal });
  return found === undefined ? undefined : { sequence, digest: found.digest };
}

interface Draft {
  readonly head: CustodyReceipt | undefined;
  readonly names: Names;
  readonly known: Segments;
  readonly rows: readonly SegmentRow[];
  readonly signers: Signers;
}

async function put(
  ports: SegmentPorts,
  cluster: string,
  { head, names, known, rows, signers }: Draft,
  signal: AbortSignal | undefined,
): Promise<WrittenSegment> {
  await requireTrustedKey(ports.keys, ports.trusted, "audit");
  const { merged, others } = planMerge(
    known.segments.map((segment) => ({ ...segment, standing: segment.rows.length })),
    rows.length,
  );
  const all = fitting(rows, merged, signers);
  const kept = new Set([...others, ...all.left].flatMap(({ logged }) => logged));
  const log = await logOfSegment(ports, cluster, { known: known.log, isKept: (sequence) => kept.has(sequence), signers, signal });
  const madeAt = nextTime(ports.clock.now(), names);
  const custodian = new Custodian(ports, cluster, "audit");
  const key = (ordinal: number): string => catalogKey(cluster, idOfSlot(madeAt, ordinal));
  try {
    const published = await publish(ports, custodian, {
      kind: "catalog",
      place: { keyOf: key, first: 1, last: LAST_ORDINAL },
      event: "catalogued",
      about: [],
      draft: (custody, ordinal) => ({
        type: "catalog",
        formatVersion: FORMAT_VERSION,
        cluster,
        id: idOfSlot(madeAt, ordinal),
        madeAt: ports.clock.now().toISOString(),
        ...(head === undefined ? {} : { custodyHead: head }),
        signers: [...signers.list],
        others: [...others, ...all.left].map(({ id, digest }) => ({ id, digest })),
        rows: [...all.rows],
        ...(log.length === 0 ? {} : { log: [...log] }),
        tool: TOOL,
        custody,
      }),
      onTaken: async () => ({ reason: "another run took the name of this segment", about: [] }),
      signal,
    });
    const gone = merged.filter((each) => !all.left.includes(each));
    return { key: published.key, rows: all.rows.length, merged: gone.map(({ id }) => id) };
  } catch (error) {
    if (custodian.isOpen) await custodian.fail(error);
    throw error;
  }
}

/** The new rows, and those of as many segments as there is room for. */
function fitting<Merged extends ReadSegment>(
  rows: readonly SegmentRow[],
  merged: readonly Merged[],
  signers: Signers,
): { readonly rows: readonly SegmentRow[]; readonly left: readonly Merged[] } {
  const all = [...rows];
  const left: Merged[] = [];
  let bytes = JSON.stringify(all).length;
  for (const segment of merged) {
    const more = JSON.stringify(segment.rows).length;
    if (bytes + more > MOST_JSON) {
      left.push(segment);
      continue;
    }
    bytes += more;
    for (const row of segment.rows) all.push(moveRow(row, segment.signers, signers));
  }
  return { rows: all.toSorted((a, b) => compareIds(a.id, b.id)), left };
}

/** Now, and behind every segment that is there: whose clock is behind must not write one that nobody takes for the newest. */
function nextTime(now: Date, { segments }: Names): Date {
  const newest = segments.find((time) => !isAhead(time, now));
  const behind = newest === undefined ? 0 : (parseId(newest)?.slot.getTime() ?? 0) + 1000;
  return new Date(Math.max(now.getTime(), behind));
}
