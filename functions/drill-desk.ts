import { findCluster } from "../shared/config/find-cluster.ts";
import { drillDeskEvent } from "../shared/contract/events.ts";
import { bundleJson } from "../shared/jobs/bundle/document.ts";
import { makeBundle } from "../shared/jobs/bundle/make.ts";
import { StoreOutput } from "../shared/jobs/bundle/publish.ts";
import { DRILL_REASON, DRILL_VALID_MS } from "../shared/jobs/drill/drill.ts";
import { bundleParts, requireRecipient } from "../shared/wire/bundle.ts";
import { nodeScripts } from "./container.ts";
import { serve } from "./serve.ts";

/**
 * Makes the restore bundle of a drill and puts it into the store: DrillDeskEvent in, the document of `lifeboat bundle --publish` out, without addresses. It is of no use on a node, since its one member is on loopback; so it is no alarm as those of the desk are. The
 * custody log has each.
 */
export const handler = serve({
  schema: drillDeskEvent,
  failed: undefined,
  async run({ cluster, id, key, nodes: members, architecture }, { loaded, ports, signal, surroundings }) {
    findCluster(loaded, cluster);
    requireRecipient(key);
    const parts = await bundleParts(loaded, surroundings, nodeScripts());
    const made = await makeBundle(
      { ...ports, randomBytes: surroundings.randomBytes, parts },
      {
        ref: `${cluster}/${id}`,
        recipients: [{ name: "drill", key, enrolled: false }],
        members,
        architecture,
        distribution: "etcd",
        reason: DRILL_REASON,
        validMs: DRILL_VALID_MS,
        signal,
        output: new StoreOutput(ports),
      },
    );
    const place = { folder: undefined, location: ports.blobs.location, withPayload: false, urls: undefined };
    return { outcome: bundleJson(made, place), measured: {} };
  },
});
