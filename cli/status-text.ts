import type { Contents, SnapshotStatus } from "../shared/jobs/inspect/status.ts";
import type { WholeScan } from "../shared/snapshot/scan-result.ts";
import type { Tally } from "../shared/snapshot/survey.ts";
import { formatBytes, formatFields, formatTable, printable } from "./format.ts";
import { textOf } from "./key-text.ts";

/** What `lifeboat status` prints for a person whose terminal has `width` columns; undefined for a pipe, where names are as long as they are. */
export function statusText({ name, trailer, scan, contents }: SnapshotStatus, width: number | undefined): string {
  const head: [string, string][] = [
    ["snapshot", name],
    ["trailer", trailer],
  ];
  if (scan.tree !== "whole") return formatFields([...head, ["tree", `${scan.tree}: ${scan.message}`], ["bytes", sizeOf(scan.bytes)]]);
  const sections = [
    formatFields([...head, ["tree", "whole"], ...fieldsOf(scan)]),
    bucketTable(scan, width),
    ...(contents === undefined
      ? ["There are too many entries to break down bucket key by resource and prefix."]
      : contentTables(contents, width)),
  ];
  return sections.join("\n\n");
}

function fieldsOf(scan: WholeScan): [string, string][] {
  const hashKv = scan.hashKv();
  const { databaseBytes: size, inUseBytes: inUse, freeBytes: free } = scan;
  return [
    ["hash", `${scan.hash.toString(16)} (${scan.hash} in JSON)`],
    ["revision", String(scan.revision)],
    ["keys", `${scan.keys.live ?? "?"} live, ${scan.keys.revisions} revisions`],
    ["size", sizeOf(size)],
    ["in use", `[${bar(inUse, size, 24).padEnd(24)}] ${percent(inUse, size)}, ${formatBytes(inUse)}, ${formatBytes(free)} free`],
    ["version", scan.storageVersion ?? "not stored (before etcd 3.6)"],
    [
      "HashKV",
      "hash" in hashKv
        ? `${hashKv.hash} at revision ${scan.lastRevision}, compact revision ${scan.compactRevision}`
        : `unknown: ${hashKv.unavailable}`,
    ],
    ["compacted", compacted(scan)],
    ["raft", `consistent index ${scan.consistentIndex ?? "?"}, term ${scan.term ?? "?"}`],
    ["auth", scan.isAuthEnabled ? "on" : "off"],
    [
      "members",
      scan.members.map(({ id, name, isLearner }) => `${name === "" ? id : name}${isLearner ? " (learner)" : ""}`).join(", ") || "none",
    ],
    ["alarms", scan.alarms.map(({ alarm, memberId }) => `${alarm} on ${memberId}`).join(", ") || "none"],
    ["encryption", encryption(scan)],
    ...(scan.validMetas === 2 ? [] : ([["meta pages", "one of two is damaged; etcd uses the other"]] satisfies [string, string][])),
  ];
}

function compacted({ finishedCompactRevision: finished, scheduledCompactRevision: scheduled }: WholeScan): string {
  if (finished === undefined && scheduled === undefined) return "never";
  const to = `to revision ${Math.max(finished ?? 0, scheduled ?? 0)}`;
  return (scheduled ?? 0) > (finished ?? 0) ? `${to}, not finished (${finished === undefined ? "the first" : `before: ${finished}`})` : to;
}

function encryption({ encryption: kinds }: WholeScan): string {
  if (kinds === undefined) return "unknown";
  if (kinds.length === 0) return "no value encrypted by Kubernetes";
  return kinds
    .map(({ provider, keyName, live, revisions }) => `${provider} with key ${keyName || "?"} (${live} live, ${revisions} revisions)`)
    .join("; ");
}

function bucketTable(scan: WholeScan, width: number | undefined): string {
  const most = Math.max(0, ...scan.buckets.map(({ bytes }) => bytes));
  const rows = scan.buckets.map(({ name, keys, bytes }) => [String(keys), formatBytes(bytes), bar(bytes, most), name]);
  return namedTable(["KEYS", "SIZE", "", "BUCKET"], rows, width);
}

function contentTables({ resources, prefixes, largestObjects, hotKeys, isComplete }: Contents, width: number | undefined): string[] {
  // The first of each list has the most.
  const tallied = (name: string, { live, revisions, bytes }: Tally, most: number | undefined): string[] => [
    String(live),
    String(revisions),
    formatBytes(bytes),
    bar(bytes, most ?? 0),
    name,
  ];
  const largest = largestObjects[0]?.bytes ?? 0;
  const hottest = hotKeys[0]?.revisions ?? 0;
  return [
    ...(resources.length === 0
      ? []
      : [
          namedTable(
            ["LIVE", "REVISIONS", "SIZE", "", "RESOURCE"],
            resources.map((each) => tallied(each.resource ?? "(not of Kubernetes)", each, resources[0]?.bytes)),
            width,
          ),
          namedTable(
            ["LIVE", "REVISIONS", "SIZE", "", "LARGEST PREFIXES"],
            prefixes.map((each) => tallied(each.prefix.length === 0 ? "(none)" : textOf(each.prefix), each, prefixes[0]?.bytes)),
            width,
          ),
        ]),
    ...(isComplete ? [] : ["There are so many prefixes that some were shortened."]),
    ...(largestObjects.length === 0
      ? []
      : [
          namedTable(
            ["SIZE", "", "LARGEST OBJECTS"],
            largestObjects.map(({ bytes, key }) => [formatBytes(bytes), bar(bytes, largest), textOf(key)]),
            width,
          ),
        ]),
    ...(hotKeys.length === 0
      ? []
      : [
          namedTable(
            ["REVISIONS", "", "KEYS WITH MOST REVISIONS"],
            hotKeys.map(({ revisions, key, isTombstone }) => [
              String(revisions),
              bar(revisions, hottest),
              `${textOf(key)}${isTombstone ? " (deleted)" : ""}`,
            ]),
            width,
          ),
        ]),
  ];
}

/** Figures to the right of their columns, the name last, and clipped in its middle where the terminal is too narrow for it. */
function namedTable(head: readonly string[], rows: readonly (readonly string[])[], width: number | undefined): string {
  const last = head.length - 1;
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const room = width === undefined ? Infinity : width - widths.slice(0, last).reduce((sum, each) => sum + each + 2, 0);
  const aligned = rows.map((row) =>
    row.map((cell, column) =>
      column === last ? clipped(printable(cell), room) : head[column] === "" ? cell : cell.padStart(widths[column] ?? 0),
    ),
  );
  return formatTable(
    head.map((title, column) => (column === last ? title : title.padStart(widths[column] ?? 0))),
    aligned,
    { width },
  );
}

const SHORTEST = 12;

function clipped(text: string, room: number): string {
  if (text.length <= Math.max(room, SHORTEST)) return text;
  // What a name ends in tells more than what all begin with.
  const end = Math.floor((room - 3) * 0.6);
  return `${text.slice(0, room - 3 - end)}...${text.slice(-end)}`;
}

function bar(part: number, whole: number, width = 12): string {
  const full = whole === 0 ? 0 : Math.round((part / whole) * width);
  return "#".repeat(part > 0 ? Math.max(1, full) : 0);
}

function percent(part: number, whole: number): string {
  return `${whole === 0 ? 0 : Math.floor((part / whole) * 100)} %`;
}

function sizeOf(bytes: number): string {
  return `${formatBytes(bytes)} (${bytes} bytes)`;
}
