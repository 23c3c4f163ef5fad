import { findHead } from "./head.ts";
import { isFault, readRecord } from "./records.ts";
import type { FoundRecord, RecordVault } from "./records.ts";

/** Read at a time, as many more each time: most often the first one is enough. */
const FIRST_BATCH = 1;
const LARGEST_BATCH = 16;
/** A week of hourly backups that are copied to two replicas is a thousand records. */
const MOST_RECORDS = 2000;

/**
 * The records of a cluster's log from the newest back to the first that was written before `until` by its own word, which is not given. Ends also at a number that is not there, and after
 * 2,000 records: it finds what honest runs told lately, and a flood or a gap hides the rest, which `lifeboat custody --verify` tells of.
 */
export async function* readRecordsBack(
  vault: RecordVault,
  cluster: string,
  until: Date,
  signal?: AbortSignal,
): AsyncGenerator<FoundRecord, void, undefined> {
  let next = await findHead(vault.blobs, cluster, { signal });
  const last = Math.max(1, next - MOST_RECORDS + 1);
  for (let size = FIRST_BATCH; next >= last; size = Math.min(size * 4, LARGEST_BATCH)) {
    const batch = Array.from({ length: Math.min(size, next - last + 1) }, (_, index) => next - index);
    const records = await Promise.all(batch.map((sequence) => readRecord(vault, cluster, sequence, { signal })));
    for (const found of records) {
      if (found === undefined) return;
      if (!isFault(found.record) && new Date(found.record.time) < until) return;
      yield found;
    }
    next -= batch.length;
  }
}
