import {
  custodyFolder,
  custodyPrefix,
  folderOfSequence,
  numberInCustodyFolder,
  RECORDS_IN_FOLDER,
  sequenceInCustodyKey,
} from "../../documents/layout.ts";
import type { CustodyLog } from "../../documents/layout.ts";
import type { BlobInfo, BlobStore } from "../../store/blob-store.ts";

export interface HeadOptions {
  /** A record that is known to be there. */
  readonly from?: number;
  readonly signal?: AbortSignal | undefined;
  readonly log?: CustodyLog;
  /** Told of each record that the listings show: those of the last folder that has any. */
  readonly onListed?: (sequence: number, info: BlobInfo) => void;
}

/**
 * The highest sequence number of a log, 0 where there is none. Lists the log's folders and then the last of them: two requests of S3 for up to a million records, or one where `from` says where to look. So
 * records which stand after a gap count: the next one goes behind them, and the gap stays to be seen. Where more than one folder in a row is missing, those behind it do not count; then the next one goes into the
 * gap, and does not close it, since what stands behind it does not name it.
 */
export async function findHead(blobs: BlobStore, cluster: string, options: HeadOptions = {}): Promise<number> {
  const { from = 0, signal, log } = options;
  for (const folder of from === 0 ? await foldersBackwards(blobs, cluster, log, signal) : [folderOfSequence(from)]) {
    let last = Math.max(from, await lastIn(blobs, cluster, folder, options));
    // The next one may have been begun since the list of folders.
    for (let full = folder; isLastOf(full, last); full++) last = Math.max(last, await lastIn(blobs, cluster, full + 1, options));
    if (last > 0) return last;
  }
  return 0;
}

/** The numbers of the folders that belong to a log, the last one first. */
async function foldersBackwards(
  blobs: BlobStore,
  cluster: string,
  log: CustodyLog | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly number[]> {
  const folders: number[] = [];
  for await (const name of blobs.listFolders(custodyPrefix(cluster, log), { signal })) {
    const folder = numberInCustodyFolder(cluster, name, log);
    if (folder === undefined) continue;
    // One may be gone. What somebody planted far behind is not the log.
    if (folder > (folders.at(-1) ?? 0) + 2) break;
    folders.push(folder);
  }
  return folders.toReversed();
}

/** Whether no record after `sequence` fits into the folder. */
function isLastOf(folder: number, sequence: number): boolean {
  return sequence === (folder + 1) * RECORDS_IN_FOLDER - 1;
}

/** The highest number in a folder; 0 where there is none. */
export async function lastIn(
  blobs: BlobStore,
  cluster: string,
  folder: number,
  { signal, log, onListed }: Pick<HeadOptions, "signal" | "log" | "onListed"> = {},
): Promise<number> {
  let last = 0;
  for await (const info of blobs.list(custodyFolder(cluster, folder, log), { signal })) {
    const sequence = sequenceInCustodyKey(cluster, info.key, log);
    if (sequence === undefined) continue;
    last = Math.max(last, sequence);
    onListed?.(sequence, info);
  }
  return last;
}
