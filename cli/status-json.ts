import type { JsonDocument } from "../shared/contract/documents.ts";
import type { HotKey, LargeObject, SnapshotStatus } from "../shared/jobs/inspect/status.ts";
import type { WholeScan } from "../shared/snapshot/scan-result.ts";
import type { Tally } from "../shared/snapshot/survey.ts";
import { textOf } from "./key-text.ts";

type Status = JsonDocument<"status">;

/** The document that `lifeboat status --json` prints: docs/cli.md specifies each field. What is not known is null. */
export function statusJson({ name, trailer, scan, contents }: SnapshotStatus): Status {
  const whole = scan.tree === "whole" ? scan : undefined;
  return {
    name,
    bytes: scan.bytes,
    trailer,
    tree: scan.tree,
    finding: scan.tree === "whole" ? null : scan.message,
    hash: whole?.hash ?? null,
    revision: whole?.revision ?? null,
    size: whole?.databaseBytes ?? null,
    sizeInUse: whole?.inUseBytes ?? null,
    sizeFree: whole?.freeBytes ?? null,
    version: whole?.storageVersion ?? null,
    keys: whole === undefined ? null : { revisions: whole.keys.revisions, live: whole.keys.live ?? null },
    hashKv: whole === undefined ? null : hashKvJson(whole),
    buckets: whole?.buckets ?? null,
    compaction:
      whole === undefined ? null : { finished: whole.finishedCompactRevision ?? null, scheduled: whole.scheduledCompactRevision ?? null },
    pageSize: whole?.pageSize ?? null,
    validMetaPages: whole?.validMetas ?? null,
    consistentIndex: whole?.consistentIndex ?? null,
    term: whole?.term ?? null,
    clusterVersion: whole?.clusterVersion ?? null,
    auth: whole?.isAuthEnabled ?? null,
    members: whole?.members ?? null,
    removedMembers: whole?.removedMemberIds ?? null,
    alarms: whole?.alarms ?? null,
    encryption: whole?.encryption ?? null,
    resources: contents?.resources.map(({ resource, ...tally }) => ({ resource: resource ?? null, ...tallyJson(tally) })) ?? null,
    prefixes: contents?.prefixes.map(({ prefix, ...tally }) => ({ prefix: textOf(prefix), ...tallyJson(tally) })) ?? null,
    prefixesShortened: contents === undefined ? null : !contents.isComplete,
    largestObjects: contents?.largestObjects.map(objectJson) ?? null,
    hotKeys: contents?.hotKeys.map(hotKeyJson) ?? null,
  };
}

function hashKvJson(scan: WholeScan): Status["hashKv"] {
  const answer = scan.hashKv();
  const asked = { revision: scan.lastRevision, compactRevision: scan.compactRevision };
  return "hash" in answer ? { hash: answer.hash, ...asked, unavailable: null } : { hash: null, ...asked, unavailable: answer.unavailable };
}

function tallyJson({
  revisions,
  live,
  bytes,
  liveBytes,
}: Tally): Pick<NonNullable<Status["prefixes"]>[number], "keys" | "bytes" | "liveBytes"> {
  return { keys: { revisions, live }, bytes, liveBytes };
}

function objectJson({ key, bytes, valueBytes, revision }: LargeObject): NonNullable<Status["largestObjects"]>[number] {
  return { key: textOf(key), bytes, valueBytes, modRevision: revision };
}

function hotKeyJson({ key, revisions, revision, isTombstone }: HotKey): NonNullable<Status["hotKeys"]>[number] {
  return { key: textOf(key), revisions, modRevision: revision, deleted: isTombstone };
}
