import { custodyKey, custodyPrefix, sequenceInCustodyKey } from "../../documents/layout.ts";
import type { CustodyLog } from "../../documents/layout.ts";
import type { BlobStore } from "../../store/blob-store.ts";

/** As many numbers share all but their last two digits, and so the prefix of a listing. */
const BLOCK = 100;

export interface HeadOptions {
  /** A record that is known to be there. */
  readonly from?: number;
  readonly signal?: AbortSignal | undefined;
  readonly log?: CustodyLog;
}

/**
 * The highest sequence number of a log, 0 where there is none. Asks for single keys in growing steps and then by halves, since a listing of a hundred
 * thousand records takes a hundred calls of S3: some 35 calls for those. Then it lists the hundred at least that would follow, so that records which stand after a gap
 * count: the next one goes behind them, and the gap stays to be seen. Records after a wider gap may not be found; then the next one goes into the gap, and does not close it,
 * since what stands behind it does not name it.
 */
export async function findHead(blobs: BlobStore, cluster: string, options: HeadOptions = {}): Promise<number> {
  const { from = 0, signal, log } = options;
  const isThere = async (sequence: number): Promise<boolean> =>
    (await blobs.head(custodyKey(cluster, sequence, log), { signal })) !== undefined;
  let last = from;
  for (;;) {
    last = await lastInARow(isThere, last);
    const further = await lastListed(blobs, cluster, last + 1, log);
    if (further <= last) return last;
    last = further;
  }
}

/** A number that is there, and the next one is not. */
async function lastInARow(isThere: (sequence: number) => Promise<boolean>, from: number): Promise<number> {
  let [low, step] = [from, 1];
  while (await isThere(low + step)) {
    low += step;
    step *= 2;
  }
  for (let high = low + step; high - low > 1;) {
    const middle = low + Math.floor((high - low) / 2);
    if (await isThere(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** The highest number in the block of a hundred that `sequence` is in and in the one after, or further; 0 where there is none. */
async function lastListed(blobs: BlobStore, cluster: string, sequence: number, log: CustodyLog | undefined): Promise<number> {
  let last = 0;
  for (const digits of prefixesFrom(sequence)) {
    for await (const { key } of blobs.list(`${custodyPrefix(cluster, log)}${digits}`))
      last = Math.max(last, sequenceInCustodyKey(cluster, key, log) ?? 0);
  }
  return last;
}

/** Nine times in ten both blocks are of one thousand, which is one listing, and one page of S3's. */
function prefixesFrom(sequence: number): readonly string[] {
  const [block, next] = [sequence, sequence + BLOCK].map((each) => String(Math.floor(each / BLOCK)).padStart(8, "0"));
  if (block === undefined || next === undefined) return [];
  return block.slice(0, -1) === next.slice(0, -1) ? [block.slice(0, -1)] : [block, next];
}
