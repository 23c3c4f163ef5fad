import type { BundleMember } from "../shared/bundle/members.ts";
import { payloadFile } from "../shared/bundle/plan.ts";
import { nodeSteps } from "../shared/bundle/steps.ts";
import type { JsonDocument } from "../shared/contract/documents.ts";
import type { Manifest } from "../shared/documents/manifest.ts";
import { tarName } from "../shared/jobs/bundle/files.ts";
import type { MadeBundle } from "../shared/jobs/bundle/make.ts";

/** Where the files went. */
export interface BundlePlace {
  /** Absolute. */
  readonly folder: string;
  /** The store that the payload is in. */
  readonly location: string;
  readonly withPayload: boolean;
}

export function bundleJson(made: MadeBundle, { folder, location, withPayload }: BundlePlace): JsonDocument<"bundle"> {
  const { plan, controls, bundleKey } = made;
  const { manifest, payload } = plan;
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
    folder,
    published: false,
    controls: controls.map(({ recipient, bytes, digest }) => ({
      recipient: recipient.name,
      key: recipient.key,
      enrolled: recipient.enrolled,
      file: tarName(recipient.name),
      bytes,
      digest,
      url: null,
      signatureUrl: null,
    })),
    payload: {
      file: payloadFile(payload),
      key: payload.key,
      version: payload.version ?? null,
      bytes: payload.bytes,
      sha256: payload.sha256,
      location,
      included: withPayload,
      url: null,
    },
    keyUrl: null,
    urlsUntil: null,
    programs: made.programs,
    steps: controls.map(({ recipient }) => ({ recipient: recipient.name, lines: nodeSteps(plan, recipient, bundleKey.fingerprint) })),
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
