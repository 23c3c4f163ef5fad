import { parseId } from "./slot.ts";

/** Where each object stands in the store: docs/format.md, "Layout". */

const CLUSTER_NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;

export function isClusterName(name: string): boolean {
  return CLUSTER_NAME.test(name);
}

/** What marks a place as a store, beside `clusters/`. */
export const STORE_KEY = "store.json";

/** What is written over, and nothing of it is a document. */
export const REPORTS_PREFIX = "report/";

/** What the watch of a fleet has told of whom, so that each is told once. Nobody signs it, and nothing but notices rests on it. */
export const WATCH_KEY = `${REPORTS_PREFIX}watch.json`;

/** The page of `lifeboat report`, as the service last wrote it. */
export const REPORT_KEY = `${REPORTS_PREFIX}report.html`;

export const CLUSTERS_PREFIX = "clusters/";

export function clusterPrefix(cluster: string): string {
  return `clusters/${cluster}/`;
}

export function snapshotsPrefix(cluster: string): string {
  return `clusters/${cluster}/snapshots/`;
}

export function manifestKey(cluster: string, id: string): string {
  return `${snapshotsPrefix(cluster)}${id}.json`;
}

export function dataPrefix(cluster: string): string {
  return `clusters/${cluster}/data/`;
}

/** `run` is eight random hex digits: two runs of one slot never write to the same object. */
export function dataKey(cluster: string, id: string, run: string): string {
  return `${dataPrefix(cluster)}${id}-${run}.age`;
}

/** The name of what a Kopia repository keeps of a run: no object stands there. */
export function kopiaDataKey(cluster: string, id: string, run: string): string {
  return `${dataPrefix(cluster)}${id}-${run}${KOPIA_SUFFIX}`;
}

const KOPIA_SUFFIX = ".kopia";

/** The cluster, the snapshot id and the run in such a name, or undefined for any other key. */
export function partsOfKopiaKey(key: string): { readonly cluster: string; readonly id: string; readonly run: string } | undefined {
  const match = /^clusters\/([a-z0-9][a-z0-9._-]{0,62})\/data\/(.+)-([0-9a-f]{8})\.kopia$/.exec(key);
  const [, cluster, id, run] = match ?? [];
  return cluster === undefined || id === undefined || run === undefined || parseId(id) === undefined ? undefined : { cluster, id, run };
}

/** Where the password of a store's Kopia repository lies, wrapped: `number` counts from 1, and the highest is the one in use. */
export const REPOSITORY_PREFIX = "kopia/";

export function repositoryKey(number: number): string {
  return `${REPOSITORY_PREFIX}${number}.json`;
}

/** The number in such a key, at most six digits, or undefined. */
export function numberInRepositoryKey(key: string): number | undefined {
  const number = key.startsWith(REPOSITORY_PREFIX) ? /^([1-9]\d{0,5})\.json$/.exec(key.slice(REPOSITORY_PREFIX.length))?.[1] : undefined;
  return number === undefined ? undefined : Number(number);
}

/** Lists of the clusters that a service backs up: `number` counts from 1, and the highest that is believed is in force. */
export const FLEET_PREFIX = "fleet/";

export function fleetKey(number: number): string {
  return `${FLEET_PREFIX}${number}.json`;
}

/** The number in such a key, at most six digits, or undefined. */
export function numberInFleetKey(key: string): number | undefined {
  const number = key.startsWith(FLEET_PREFIX) ? /^([1-9]\d{0,5})\.json$/.exec(key.slice(FLEET_PREFIX.length))?.[1] : undefined;
  return number === undefined ? undefined : Number(number);
}

/** Countersignatures: of one snapshot where `id` is given, else of all. */
export function verifiedPrefix(cluster: string, id?: string): string {
  return `clusters/${cluster}/verified/${id === undefined ? "" : `${id}-`}`;
}

/** `time` in the form of an id. */
export function verifiedKey(cluster: string, id: string, time: string): string {
  return `${verifiedPrefix(cluster, id)}${time}.json`;
}

/** Further wrappings: of one snapshot, and maybe of some whose ids begin so, where `id` is given; else of all. */
export function rewrapsPrefix(cluster: string, id?: string): string {
  return `clusters/${cluster}/rewraps/${id === undefined ? "" : `${id}-`}`;
}

/** `number` counts from 1. */
export function rewrapKey(cluster: string, id: string, number: number): string {
  return `${rewrapsPrefix(cluster, id)}${number}.json`;
}

/** The snapshot id and the number in a rewrap's key, or undefined. The id may itself end in an ordinal. */
export function partsOfRewrapKey(cluster: string, key: string): { readonly id: string; readonly number: number } | undefined {
  return idAndNumberIn(rewrapsPrefix(cluster), key);
}

/** Pins: of one snapshot, and maybe of some whose ids begin so, where `id` is given; else of all. */
export function pinsPrefix(cluster: string, id?: string): string {
  return `clusters/${cluster}/pins/${id === undefined ? "" : `${id}-`}`;
}

/** `number` counts from 1, and always stands there: without it the first of `ID-2` would have the name of the second of `ID`. */
export function pinKey(cluster: string, id: string, number: number): string {
  return `${pinsPrefix(cluster, id)}${number}.json`;
}

/** The last number that is read: six digits. */
export const LAST_PIN = 999_999;

/** The snapshot id and the number in a pin's key, or undefined. The id may itself end in an ordinal. */
export function partsOfPinKey(cluster: string, key: string): { readonly id: string; readonly number: number } | undefined {
  return idAndNumberIn(pinsPrefix(cluster), key);
}

function idAndNumberIn(prefix: string, key: string): { readonly id: string; readonly number: number } | undefined {
  const match = key.startsWith(prefix) ? /^(\d{8}T\d{6}Z(?:-[1-9]\d{0,3})?)-([1-9]\d{0,5})\.json$/.exec(key.slice(prefix.length)) : null;
  return match?.[1] === undefined || match[2] === undefined ? undefined : { id: match[1], number: Number(match[2]) };
}

/** Evidence of drills: of one snapshot where `id` is given, else of all. */
export function drillsPrefix(cluster: string, id?: string): string {
  return `clusters/${cluster}/drills/${id === undefined ? "" : `${id}-`}`;
}

/** `time` in the form of an id. */
export function drillKey(cluster: string, id: string, time: string): string {
  return `${drillsPrefix(cluster, id)}${time}.json`;
}

/** The snapshot id and the time in a drill's key, or undefined. */
export function partsOfDrillKey(cluster: string, key: string): { readonly id: string; readonly time: string } | undefined {
  return idAndTimeIn(drillsPrefix(cluster), key);
}

/** Segments of the catalog. */
export function catalogPrefix(cluster: string): string {
  return `clusters/${cluster}/catalog/`;
}

/** `time` in the form of an id: the name of a segment. */
export function catalogKey(cluster: string, time: string): string {
  return `${catalogPrefix(cluster)}${time}.json`;
}

/** The name of a segment in its key, or undefined. */
export function timeInCatalogKey(cluster: string, key: string): string | undefined {
  return idIn(catalogPrefix(cluster), key);
}

/** Verdicts of `lifeboat ready --sign`. */
export function verdictsPrefix(cluster: string): string {
  return `clusters/${cluster}/verdicts/`;
}

/** `time` in the form of an id: the name of a verdict. */
export function verdictKey(cluster: string, time: string): string {
  return `${verdictsPrefix(cluster)}${time}.json`;
}

/** The name of a verdict in its key, or undefined. */
export function timeInVerdictKey(cluster: string, key: string): string | undefined {
  return idIn(verdictsPrefix(cluster), key);
}

/** Intake identities. */
export function intakesPrefix(cluster: string): string {
  return `clusters/${cluster}/intake/`;
}

/** `number` counts from 1. */
export function intakeKey(cluster: string, number: number): string {
  return `${intakesPrefix(cluster)}${number}.json`;
}

/** The last number that is read. */
export const LAST_INTAKE = 999_999;

/** The number in an intake's key, at most six digits, or undefined. */
export function numberInIntakeKey(cluster: string, key: string): number | undefined {
  const prefix = intakesPrefix(cluster);
  const number = key.startsWith(prefix) ? /^([1-9]\d{0,5})\.json$/.exec(key.slice(prefix.length))?.[1] : undefined;
  return number === undefined ? undefined : Number(number);
}

/** A node as members and recipients of bundles are called. */
export function isNodeName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name);
}

/** Files of nodes: of one node where it is given, else of all. */
export function nodeFilesPrefix(cluster: string, node?: string): string {
  return `clusters/${cluster}/node-files/${node === undefined ? "" : `${node}/`}`;
}

/** The signed document about a set, which is its commit point; `time` in the form of an id. */
export function nodeFilesKey(cluster: string, node: string, time: string): string {
  return `${nodeFilesPrefix(cluster, node)}${time}.json`;
}

/** The set itself. */
export function nodeFilesDataKey(cluster: string, node: string, time: string): string {
  return `${nodeFilesPrefix(cluster, node)}${time}.age`;
}

export interface PartsOfNodeFilesKey {
  readonly node: string;
  readonly time: string;
  readonly holds: "document" | "data";
}

/** The node and the time in the key of a set or of its document, or undefined. */
export function partsOfNodeFilesKey(cluster: string, key: string): PartsOfNodeFilesKey | undefined {
  const prefix = nodeFilesPrefix(cluster);
  const [, node = "", time = "", end] =
    (key.startsWith(prefix) ? /^([^/]+)\/([^/]+)\.(age|json)$/.exec(key.slice(prefix.length)) : undefined) ?? [];
  return isNodeName(node) && parseId(time) !== undefined ? { node, time, holds: end === "json" ? "document" : "data" } : undefined;
}

/** Where nodes put what they collected: of a cluster, or of one of its nodes. Nothing that lies there is believed. */
export function inboxPrefix(cluster: string, node?: string): string {
  return `inbox/${cluster}/${node === undefined ? "" : `${node}/`}`;
}

/** The node in the key of what lies in the inbox, or undefined for what is no set by its name. */
export function nodeInInboxKey(cluster: string, key: string): string | undefined {
  const prefix = inboxPrefix(cluster);
  const node = key.startsWith(prefix) ? /^([^/]+)\/[^/]+\.age$/.exec(key.slice(prefix.length))?.[1] : undefined;
  return node !== undefined && isNodeName(node) ? node : undefined;
}

export function lineagePrefix(cluster: string): string {
  return `clusters/${cluster}/lineage/`;
}

export function lineageKey(cluster: string, number: number): string {
  return `${lineagePrefix(cluster)}${number}.json`;
}

/** The number in a lineage's key, at most nine digits, or undefined. */
export function numberInLineageKey(cluster: string, key: string): number | undefined {
  const prefix = lineagePrefix(cluster);
  const number = key.startsWith(prefix) ? /^([1-9]\d{0,8})\.json$/.exec(key.slice(prefix.length))?.[1] : undefined;
  return number === undefined ? undefined : Number(number);
}

export function acceptancesPrefix(cluster: string): string {
  return `clusters/${cluster}/acceptances/`;
}

/** `number` is the lineage's. `ordinal` counts from 1: a later one is taken only where something else stands in the place of those before. */
export function acceptanceKey(cluster: string, number: number, ordinal = 1): string {
  return `${acceptancesPrefix(cluster)}${number}${ordinal === 1 ? "" : `-${ordinal}`}.json`;
}

/** The last ordinal that is read. */
export const LAST_ACCEPTANCE = 99;

/** The lineage's number and the ordinal in an acceptance's key, or undefined. */
export function partsOfAcceptanceKey(cluster: string, key: string): { readonly number: number; readonly ordinal: number } | undefined {
  const prefix = acceptancesPrefix(cluster);
  const match = key.startsWith(prefix) ? /^([1-9]\d{0,8})(?:-([2-9]|[1-9]\d))?\.json$/.exec(key.slice(prefix.length)) : null;
  return match?.[1] === undefined ? undefined : { number: Number(match[1]), ordinal: Number(match[2] ?? 1) };
}

/** The store's own log; or in a replica the log of the store that its snapshots were copied from, as far as it was copied with them. */
export type CustodyLog = "custody" | "primary-custody";

export function custodyPrefix(cluster: string, log: CustodyLog = "custody"): string {
  return `clusters/${cluster}/${log}/`;
}

/** A thousand records share a folder, which is one page of a listing of S3: so the end of a long log is found in two requests. */
export const RECORDS_IN_FOLDER = 1000;

export function folderOfSequence(sequence: number): number {
  return Math.floor(sequence / RECORDS_IN_FOLDER);
}

/** `folder` counts from 0, and has seven digits in the key: it is the beginning of each sequence number in it. */
export function custodyFolder(cluster: string, folder: number, log: CustodyLog = "custody"): string {
  return `${custodyPrefix(cluster, log)}${String(folder).padStart(7, "0")}/`;
}

/** The number of a folder of the log, or undefined where `prefix` is not one's. */
export function numberInCustodyFolder(cluster: string, prefix: string, log: CustodyLog = "custody"): number | undefined {
  const start = custodyPrefix(cluster, log);
  const digits = prefix.startsWith(start) ? /^(\d{7})\/$/.exec(prefix.slice(start.length))?.[1] : undefined;
  return digits === undefined ? undefined : Number(digits);
}

/** `sequence` counts from 1, and has ten digits in the key: sorted as text they are in order. */
export function custodyKey(cluster: string, sequence: number, log: CustodyLog = "custody"): string {
  return `${custodyFolder(cluster, folderOfSequence(sequence), log)}${String(sequence).padStart(10, "0")}.json`;
}

/** The sequence number in a custody record's key, or undefined where the key is not one's. */
export function sequenceInCustodyKey(cluster: string, key: string, log: CustodyLog = "custody"): number | undefined {
  const prefix = custodyPrefix(cluster, log);
  const [, folder, digits] = (key.startsWith(prefix) ? /^(\d{7})\/(\d{10})\.json$/.exec(key.slice(prefix.length)) : undefined) ?? [];
  const sequence = Number(digits ?? 0);
  return sequence === 0 || folderOfSequence(sequence) !== Number(folder) ? undefined : sequence;
}

/** The snapshot id in a manifest's key, or undefined where the key is not a manifest's. */
export function idInManifestKey(cluster: string, key: string): string | undefined {
  return idIn(snapshotsPrefix(cluster), key);
}

function idIn(prefix: string, key: string): string | undefined {
  if (!key.startsWith(prefix) || !key.endsWith(".json")) return undefined;
  const id = key.slice(prefix.length, -".json".length);
  return parseId(id) === undefined ? undefined : id;
}

/** The snapshot id in a data object's key, or undefined where the key is not one's. */
export function idInDataKey(cluster: string, key: string): string | undefined {
  const prefix = dataPrefix(cluster);
  const id = key.startsWith(prefix) ? /^(.+)-[0-9a-f]{8}\.(?:age|kopia)$/.exec(key.slice(prefix.length))?.[1] : undefined;
  return id === undefined || parseId(id) === undefined ? undefined : id;
}

/** Whether `key` is that of a data object of this very snapshot, and of no other. */
export function isOwnDataKey({ cluster, id }: { readonly cluster: string; readonly id: string }, key: string): boolean {
  return idInDataKey(cluster, key) === id;
}

/** The snapshot id and the time in a countersignature's key, or undefined. The id may itself end in an ordinal. */
export function partsOfVerifiedKey(cluster: string, key: string): { readonly id: string; readonly time: string } | undefined {
  return idAndTimeIn(verifiedPrefix(cluster), key);
}

/** The index of a snapshot's keys, beside the countersignature that names it; `time` in the form of an id. */
export function indexKey(cluster: string, id: string, time: string): string {
  return `${verifiedPrefix(cluster, id)}${time}${INDEX_SUFFIX}`;
}

const INDEX_SUFFIX = ".index.age";

export function isIndexKey(key: string): boolean {
  return key.endsWith(INDEX_SUFFIX);
}

/** The snapshot id in an index's key, or undefined where the key is not one's. */
export function idInIndexKey(cluster: string, key: string): string | undefined {
  return isIndexKey(key) ? partsOfVerifiedKey(cluster, `${key.slice(0, -INDEX_SUFFIX.length)}.json`)?.id : undefined;
}

function idAndTimeIn(prefix: string, key: string): { readonly id: string; readonly time: string } | undefined {
  const match = key.startsWith(prefix)
    ? /^(\d{8}T\d{6}Z(?:-[1-9]\d{0,3})?)-(\d{8}T\d{6}Z(?:-[1-9]\d{0,3})?)\.json$/.exec(key.slice(prefix.length))
    : null;
  return match?.[1] === undefined || match[2] === undefined ? undefined : { id: match[1], time: match[2] };
}

/** Where published restore bundles are, of all clusters. */
export const BUNDLES = "bundles/";

/** Published restore bundles: of a cluster, or of one of its snapshots. */
export function bundlesPrefix(cluster: string, id?: string): string {
  return `${BUNDLES}${cluster}/${id === undefined ? "" : `${id}/`}`;
}

/** A file of one run of `lifeboat bundle`; `time` in the form of an id, `name` such as `node-a.tar`. */
export function bundleKey(cluster: string, id: string, time: string, name: string): string {
  return `${bundlesPrefix(cluster, id)}${time}/${name}`;
}

/** The snapshot id in the key of a file of a published bundle, or undefined. */
export function idInBundleKey(cluster: string, key: string): string | undefined {
  const prefix = bundlesPrefix(cluster);
  const [id = "", time = "", name = "", ...more] = key.startsWith(prefix) ? key.slice(prefix.length).split("/") : [];
  return parseId(id) === undefined || parseId(time) === undefined || name === "" || more.length > 0 ? undefined : id;
}

/** What kind of object a key of a cluster is, and the snapshot that it is about. `lineage`, `log`, `catalog`, `verdict` and `intake`: about all of them. `node-files`: about a node. `foreign`: nothing that lifeboat writes. */
export type KindOfKey =
  | { readonly kind: "manifest" | "data" | "verification" | "index" | "rewrap" | "pin" | "drill" | "bundle"; readonly id: string }
  | { readonly kind: "node-files"; readonly node: string; readonly time: string; readonly holds: "document" | "data" }
  | { readonly kind: "lineage" | "log" | "catalog" | "verdict" | "intake" | "foreign" };

/** The kinds of documents that stand beside a manifest and are about its snapshot alone. */
export type SidecarKind = "verification" | "rewrap" | "pin" | "drill";

/** The folders of a cluster that this version knows: see kindOfKey. */
const CLUSTER_FOLDERS = [
  "snapshots",
  "data",
  "verified",
  "rewraps",
  "pins",
  "drills",
  "lineage",
  "acceptances",
  "custody",
  "primary-custody",
  "catalog",
  "verdicts",
  "intake",
  "node-files",
] as const;

/** Whether `folder` (`clusters/prod/pins/`) is one in which lifeboat writes. */
export function isClusterFolder(cluster: string, folder: string): boolean {
  return CLUSTER_FOLDERS.some((name) => folder === `${clusterPrefix(cluster)}${name}/`);
}

/** Tells by its name alone what an object below `clusters/<cluster>/` or `bundles/<cluster>/` is. */
export function kindOfKey(cluster: string, key: string): KindOfKey {
  const of = (kind: Extract<KindOfKey, { readonly id: string }>["kind"], id: string | undefined): KindOfKey =>
    id === undefined ? { kind: "foreign" } : { kind, id };
  if (key.startsWith(bundlesPrefix(cluster))) return of("bundle", idInBundleKey(cluster, key));
  const [folder = ""] = key.slice(clusterPrefix(cluster).length).split("/", 1);
  switch (folder) {
    case "snapshots":
      return of("manifest", idInManifestKey(cluster, key));
    case "data":
      return of("data", idInDataKey(cluster, key));
    case "verified":
      return isIndexKey(key) ? of("index", idInIndexKey(cluster, key)) : of("verification", partsOfVerifiedKey(cluster, key)?.id);
    case "rewraps":
      return of("rewrap", partsOfRewrapKey(cluster, key)?.id);
    case "pins":
      return of("pin", partsOfPinKey(cluster, key)?.id);
    case "drills":
      return of("drill", partsOfDrillKey(cluster, key)?.id);
    case "lineage":
      return { kind: numberInLineageKey(cluster, key) === undefined ? "foreign" : "lineage" };
    case "acceptances":
      return { kind: partsOfAcceptanceKey(cluster, key) === undefined ? "foreign" : "lineage" };
    case "catalog":
      return { kind: timeInCatalogKey(cluster, key) === undefined ? "foreign" : "catalog" };
    case "verdicts":
      return { kind: timeInVerdictKey(cluster, key) === undefined ? "foreign" : "verdict" };
    case "intake":
      return { kind: numberInIntakeKey(cluster, key) === undefined ? "foreign" : "intake" };
    case "node-files": {
      const parts = partsOfNodeFilesKey(cluster, key);
      return parts === undefined ? { kind: "foreign" } : { kind: "node-files", ...parts };
    }
    case "custody":
    case "primary-custody":
      return { kind: sequenceInCustodyKey(cluster, key, folder) === undefined ? "foreign" : "log" };
    default:
      return { kind: "foreign" };
  }
}
