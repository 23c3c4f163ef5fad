import type { Manifest } from "../documents/manifest.ts";
import { isWhole, revisionOf } from "../documents/content.ts";
import type { StoredObject } from "../documents/stored.ts";
import { TOOL } from "../version.ts";
import { plainText } from "./key-values.ts";
import type { KeyValues } from "./key-values.ts";
import { initialCluster } from "./members.ts";
import type { BundleMember } from "./members.ts";

/** What a bundle says is to be done: the same for all of its recipients. docs/format.md, "Restore bundles". */

export const PLAN_FORMAT = "1";

export const DISTRIBUTIONS = ["etcd", "k3s", "rke2", "talos", "openshift", "kops"] as const;
/** Whose tools restore: etcd's own under restore.sh, or those of a distribution. */
export type Distribution = (typeof DISTRIBUTIONS)[number];

export const ARCHITECTURES = ["amd64", "arm64"] as const;
/** Of the nodes, in Go's words. */
export type Architecture = (typeof ARCHITECTURES)[number];

/** For how long a plan may be applied. */
export const LEAST_VALID_MS = 3_600_000;
export const MOST_VALID_MS = 30 * 24 * LEAST_VALID_MS;

export const TOOLS_MINORS = ["3.5", "3.6", "3.7"] as const;
export type ToolsMinor = (typeof TOOLS_MINORS)[number];

export interface Plan {
  readonly manifest: Manifest;
  /** `sha256:...` of the manifest as it is stored. */
  readonly manifestDigest: string;
  /** The object that holds the data. Its `version` is that in the store which the bundle is made from. */
  readonly payload: StoredObject;
  /** Why it is not good, a sentence each; empty where it is. */
  readonly lacks: readonly string[];
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** Names of all recipients of this run. */
  readonly recipients: readonly string[];
  readonly distribution: Distribution;
  readonly architecture: Architecture;
  readonly token: string;
  readonly bump: bigint;
  readonly members: readonly BundleMember[];
}

/** For whom one control tar is. */
export interface Recipient {
  readonly name: string;
  /** `age1...` */
  readonly key: string;
  /** Whether the configuration lists it. */
  readonly enrolled: boolean;
}

/** The minor of an etcd version; undefined for text that is none. */
export function minorOf(version: string): string | undefined {
  return /^v?(\d+\.\d+)\.\d+/.exec(version)?.[1];
}

/**
 * The minor whose etcdutl restores snapshots of an etcd version: its own, and 3.5's for 3.4, whose etcdctl cannot bump revisions in every release and makes dead members of newer snapshots. Undefined where none is carried.
 */
export function toolsMinorFor(version: string): ToolsMinor | undefined {
  const minor = minorOf(version);
  return minor === "3.4" ? "3.5" : TOOLS_MINORS.find((each) => each === minor);
}

export function planValues(plan: Plan): KeyValues {
  const { manifest, lacks, createdAt, expiresAt, recipients, distribution, architecture, token, bump, members } = plan;
  const after = BigInt(revisionOf(manifest)) + bump;
  return [
    ["FORMAT", PLAN_FORMAT],
    ...manifestValues(plan),
    ["GOOD", lacks.length === 0 ? "yes" : "no"],
    ["LACKS", plainText(lacks.join("; "))],
    ["CREATED_AT", createdAt.toISOString()],
    ["CREATED_EPOCH", epochOf(createdAt)],
    ["EXPIRES_AT", expiresAt.toISOString()],
    ["EXPIRES_EPOCH", epochOf(expiresAt)],
    ["RECIPIENTS", recipients.join(" ")],
    ["FOR", distribution],
    ["ARCH", architecture],
    ["PAYLOAD_VERSION", plan.payload.version ?? ""],
    ["TOKEN", token],
    ["BUMP_REVISION", String(bump)],
    ["REVISION_AFTER", String(after)],
    ["INITIAL_CLUSTER", initialCluster(members)],
    ["MEMBERS", String(members.length)],
    ...members.flatMap((member, index) => memberValues(`MEMBER_${index + 1}`, member)),
    ["TOOL", `${TOOL.name} ${TOOL.version}`],
  ];
}

/** What the manifest alone decides: whoever has the manifest can hold a plan against it. */
export function manifestValues({ manifest, manifestDigest, payload }: Pick<Plan, "manifest" | "manifestDigest" | "payload">): KeyValues {
  const { cluster, id, lineage, startedAt, snapshot, content, etcd } = manifest;
  const whole = isWhole(content) ? content : undefined;
  const hashKv = whole?.hashKv;
  const alarms = new Set((whole?.alarms ?? []).map(({ alarm }) => alarm).filter((alarm) => /^[A-Z_]{1,32}$/.test(alarm)));
  return [
    ["CLUSTER", cluster],
    ["SNAPSHOT", id],
    ["LINEAGE", String(lineage)],
    ["TAKEN_AT", startedAt],
    ["MANIFEST_SHA256", hexOf(manifestDigest)],
    ["ETCD_VERSION", plainText(etcd.source.version)],
    ["ETCD_MINOR", minorOf(etcd.source.version) ?? ""],
    ["TOOLS_MINOR", toolsMinorFor(etcd.source.version) ?? ""],
    ["PAYLOAD_FILE", payloadFile(payload)],
    ["PAYLOAD_KEY", payload.key],
    ["PAYLOAD_BYTES", String(payload.bytes)],
    ["PAYLOAD_SHA256", hexOf(payload.sha256)],
    ["SNAPSHOT_BYTES", String(snapshot.bytes)],
    ["SNAPSHOT_SHA256", hexOf(snapshot.sha256)],
    ["SNAPSHOT_TRAILER", hexOf(snapshot.trailer)],
    ["SNAPSHOT_HASH", textOf(whole?.hash)],
    ["REVISION", String(revisionOf(manifest))],
    ["COMPACT_REVISION", textOf(whole?.compactRevision)],
    ["LIVE_KEYS", textOf(whole?.keys.live)],
    ["IN_USE_BYTES", textOf(whole?.inUseBytes)],
    ["HASHKV", textOf(hashKv?.hash)],
    ["HASHKV_REVISION", textOf(hashKv?.revision)],
    ["HASHKV_COMPACT_REVISION", textOf(hashKv?.compactRevision)],
    ["ALARMS", [...alarms].toSorted().join(" ")],
  ];
}

/** `nodeFiles`: when the set of the node's own files in the tar was collected, in the form of an id; undefined where none is in it. */
export function recipientValues({ name, key, enrolled }: Recipient, planDigest: string, nodeFiles?: string): KeyValues {
  return [
    ["FORMAT", PLAN_FORMAT],
    ["RECIPIENT", name],
    ["RECIPIENT_KEY", key],
    ["ENROLLED", enrolled ? "yes" : "no"],
    ["PLAN_SHA256", hexOf(planDigest)],
    ...(nodeFiles === undefined ? [] : [["NODE_FILES", nodeFiles] as const]),
  ];
}

/** The name that the payload has beside the control tars: the last part of its key. */
export function payloadFile({ key }: Pick<StoredObject, "key">): string {
  return key.slice(key.lastIndexOf("/") + 1);
}

function memberValues(prefix: string, { name, peerUrls, clientUrls, layout, dataDir, service }: BundleMember): KeyValues {
  return [
    [`${prefix}_NAME`, name],
    [`${prefix}_PEER_URLS`, peerUrls.join(",")],
    [`${prefix}_CLIENT_URLS`, clientUrls.join(",")],
    [`${prefix}_LAYOUT`, layout],
    [`${prefix}_DATA_DIR`, dataDir ?? ""],
    [`${prefix}_SERVICE`, service ?? ""],
  ];
}

function hexOf(digest: string): string {
  return digest.replace(/^sha256:/, "");
}

function textOf(value: number | undefined): string {
  return value === undefined ? "" : String(value);
}

function epochOf(date: Date): string {
  return String(Math.floor(date.getTime() / 1000));
}
