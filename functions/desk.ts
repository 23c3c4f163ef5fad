import { findCluster } from "../shared/config/find-cluster.ts";
import { deskEvent } from "../shared/contract/events.ts";
import { bundleJson } from "../shared/jobs/bundle/document.ts";
import type { BundleDocument } from "../shared/jobs/bundle/document.ts";
import { makeBundle } from "../shared/jobs/bundle/make.ts";
import { StoreOutput } from "../shared/jobs/bundle/publish.ts";
import { recipientsOf } from "../shared/jobs/bundle/recipients.ts";
import { signUrls } from "../shared/jobs/bundle/urls.ts";
import { bundleParts, filesAddresser, requireRecipient } from "../shared/wire/bundle.ts";
import { nodeScripts } from "./container.ts";
import { serve } from "./serve.ts";

/**
 * Makes a restore bundle of a snapshot and puts it into the store: DeskEvent in, the document of `lifeboat bundle --publish` out, whose addresses last as long as this function's session. Each call is a bundle of its own, in the custody
 * log with who it is for and why.
 */
export const handler = serve({
  schema: deskEvent,
  failed: "bundleFailed",
  // An address opens what it leads to: the log has all but these.
  logged: ({ ref, time, planDigest, bundleKey, controls, custody, warnings }: BundleDocument) => ({
    ref,
    time,
    planDigest,
    bundleKey,
    custody,
    warnings,
    controls: controls.map(({ recipient, key, enrolled, file, digest, nodeFiles }) => ({
      recipient,
      key,
      enrolled,
      file,
      digest,
      nodeFiles,
    })),
  }),
  async run(
    { cluster, ref, recipients: names, unenrolled, nodes: members, nodeFiles, ...request },
    { loaded, ports, signal, surroundings },
  ) {
    findCluster(loaded, cluster);
    for (const key of unenrolled) requireRecipient(key);
    const recipients = recipientsOf(loaded.config, { names, unenrolled, reason: request.reason });
    const output = new StoreOutput(ports);
    const parts = await bundleParts(loaded, surroundings, nodeScripts());
    const addressFiles = nodeFiles ? await filesAddresser(loaded, surroundings, ports) : undefined;
    const made = await makeBundle(
      { ...ports, randomBytes: surroundings.randomBytes, parts, addressFiles },
      { ...request, ref: `${cluster}/${ref}`, recipients, members, signal, output },
    );
    const { payload, expiresAt } = made.plan;
    // It is made, and told: an address that could not be signed does not undo that.
    const urls = await signUrls(ports.blobs, { files: output.files, payload, until: expiresAt, signal }).catch(() => undefined);
    const warnings =
      urls === undefined ? [...made.warnings, `no addresses could be signed: lifeboat bundle ${cluster} --renew does`] : made.warnings;
    const place = { folder: undefined, location: ports.blobs.location, withPayload: false, urls };
    return { outcome: bundleJson({ ...made, warnings }, place), measured: { bundleMade: 1 } };
  },
});
