import { isLifeboatError } from "../errors.ts";
import { compareIds } from "../documents/slot.ts";
import { readUntil } from "../store/read-until.ts";
import { requireTrustedKey } from "../vault/require-trusted-key.ts";
import { listNames } from "../vault/segments/names.ts";
import { writeSegments } from "../vault/segments/write.ts";
import type { CatalogState, SegmentPorts } from "../vault/segments/write.ts";

/** 16: of an hourly backup a segment and a record of it two times in three days, and no more than 32 small objects that a listing still reads one by one. */
const WORTH_A_SEGMENT = 16;

/** Writes segments of the catalog of all settled snapshots of a cluster that none tells of, be it one. Throws `config/invalid` without a trusted audit key, `store/...`. */
export async function catalogue(ports: SegmentPorts, cluster: string, signal?: AbortSignal): Promise<CatalogState> {
  await requireTrustedKey(ports.keys, ports.trusted, "audit");
  return writeSegments(ports, cluster, { atLeast: 1, signal });
}

/**
 * The same after a verification, one segment at most, where enough was countersigned since the last one. What keeps it from being written is told and passed over: a listing then reads more, and the next
 * verification tries again.
 */
export async function catalogueSome(ports: SegmentPorts, cluster: string, signal?: AbortSignal): Promise<void> {
  try {
    const { verified, segments } = await listNames(readUntil(ports.blobs, signal), cluster, signal);
    const [newest] = segments;
    let since = 0;
    for (const beside of verified.values()) if (beside.some(({ time }) => newest === undefined || compareIds(time, newest) > 0)) since++;
    if (since >= WORTH_A_SEGMENT) await writeSegments(ports, cluster, { atLeast: WORTH_A_SEGMENT, atMost: 1, signal });
  } catch (error) {
    if (!isLifeboatError(error)) throw error;
    ports.progress.note("warn", `no segment of the catalog of ${cluster} was written: ${error.message}`);
  }
}
