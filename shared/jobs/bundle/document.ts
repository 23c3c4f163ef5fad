import type { BundleMember } from "../../bundle/members.ts";
import { payloadFile } from "../../bundle/plan.ts";
import type { Recipient } from "../../bundle/plan.ts";
import { nodeSteps } from "../../bundle/steps.ts";
import type { JsonDocument } from "../../contract/documents.ts";
import { bundleKey as bundleKeyOf } from "../../documents/layout.ts";
import type { Manifest } from "../../documents/manifest.ts";
import { tarName } from "./files.ts";
import { KEY_FILE } from "./inspect.ts";
import type { ToldBundle } from "./make.ts";
import type { BundleUrls } from "./urls.ts";

/** Where the files are. */
export interface BundlePlace {
  /** Absolute; undefined where they are in the store. */
  readonly folder: string | undefined;
  /** The store that the payload is in. */
  readonly location: string;
  readonly withPayload: boolean;
  /** Undefined in a folder, and where the store gives none. */
  readonly urls: BundleUrls | undefined;
}

/** What is typed on the node of a recipient, beginning with what it fetches where there are addresses. */
export function linesFor(told: ToldBundle, recipient: Recipient, { urls }: Pick<BundlePlace, "urls">): readonly string[] {
  const tar = tarName(recipient.name);
  const fetched = [KEY_FILE, tar, `${tar}.sig`, payloadFile(told.plan.payload)].flatMap((name) => {
    const url = urls?.of.get(name);
    return url === undefined ? [] : [{ name, url }];
  });
  const nodeFiles = told.controls.find((each) => each.recipient.name === recipient.name)?.nodeFiles;
  return nodeSteps(told.plan, recipient, told.bundleKey.fingerprint, { fetched, nodeFiles });
}

/** What `lifeboat bundle` prints of one that was made. */
export type BundleDocument = Extract<JsonDocument<"bundle">, { readonly token: string }>;

export function bundleJson(made: ToldBundle, place: BundlePlace): BundleDocument {
  const { plan, controls, bundleKey } = made;
  const { manifest, payload } = plan;
  const { folder, location, withPayload, urls } = place;
  const urlOf = (name: string): string | null => urls?.of.get(name) ?? null;
  const fileOf = (name: string): string => (folder === undefined ? bundleKeyOf(manifest.cluster, manifest.id, made.time, name) : name);
  return {
    ref: `${manifest.cluster}/${manifest.id}`,
    manifestDigest: plan.manifestDigest,
    good: plan.lacks.length === 0,
    lacks: plan.lacks,
    time: made.time,
    expiresAt: plan.expiresAt.toISOString(),
    distribution: plan.distribution,
    architecture: plan.architecture,
    etcdVersion: manifest.etcd.source.version,
    planDigest: made.planDigest,
    token: plan.token,
    bumpRevision: String(plan.bump),
    revisionAfter: String(made.revisionAfter),
    nodes: plan.members.map(nodeJson),
    bundleKey: bundleKey.fingerprint,
    folder: folder ?? null,
    published: folder === undefined,
    controls: controls.map(({ recipient, bytes, digest, nodeFiles }) => ({
      recipient: recipient.name,
      key: recipient.key,
      enrolled: recipient.enrolled,
      file: fileOf(tarName(recipient.name)),
      bytes,
      digest,
      nodeFiles: nodeFiles ?? null,
      url: urlOf(tarName(recipient.name)),
      signatureUrl: urlOf(`${tarName(recipient.name)}.sig`),
    })),
    payload: {
      file: payloadFile(payload),
      key: payload.key,
      version: payload.version ?? null,
      bytes: payload.bytes,
      sha256: payload.sha256,
      location,
      included: withPayload,
      url: urlOf(payloadFile(payload)),
    },
    keyUrl: urlOf(KEY_FILE),
    urlsUntil: urls?.until.toISOString() ?? null,
    urlsMayEndSooner: urls?.mayEndSooner ?? false,
    programs: made.programs,
    steps: controls.map(({ recipient }) => ({ recipient: recipient.name, lines: linesFor(made, recipient, place) })),
    filesLeftOut: made.isWithoutFiles,
    warnings: made.warnings,
    custody: made.custody,
  };
}

export function nodesJson({ cluster, id }: Manifest, members: readonly BundleMember[]): JsonDocument<"bundle"> {
  return { ref: `${cluster}/${id}`, nodes: members.map(nodeJson) };
}

function nodeJson({
  dataDir,
  service,
  ...rest
}: BundleMember): Omit<BundleMember, "dataDir" | "service"> & { readonly dataDir: string | null; readonly service: string | null } {
  return { ...rest, dataDir: dataDir ?? null, service: service ?? null };
}
