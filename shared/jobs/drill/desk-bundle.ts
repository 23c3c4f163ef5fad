import type { Architecture } from "../../bundle/plan.ts";
import { payloadFile } from "../../bundle/plan.ts";
import type { Functions } from "../../cloud/functions.ts";
import { drillDeskName } from "../../contract/service.ts";
import { readObject } from "../../store/stored-object.ts";
import type { JudgePorts } from "../../vault/judge.ts";
import { openPublished } from "../bundle/renew.ts";
import { callDesk } from "../invoke-bundle.ts";
import type { DrillPorts } from "./drill.ts";

export interface DeskOfDrills {
  readonly functions: Functions;
  /** `service.name` of the configuration. */
  readonly service: string;
  /** Of this machine, which restores. */
  readonly architecture: Architecture;
  /** Writes these files into the folder `out`, which is not there yet. */
  readonly write: (
    out: string,
    files: readonly { readonly name: string; readonly bytes: AsyncIterable<Uint8Array> }[],
    signal: AbortSignal,
  ) => Promise<void>;
}

/** Bundles that the desk of drills makes and publishes: whoever drills holds neither the key that opens a snapshot nor the one that signs bundles. What is fetched is believed by the custody log and the trusted keys, not by the answer. */
export function deskBundles(ports: JudgePorts, { functions, service, architecture, write }: DeskOfDrills): DrillPorts["bundleOf"] {
  return (ref) =>
    Promise.resolve(async ({ recipient, members, out, signal }) => {
      const slash = ref.lastIndexOf("/");
      const [cluster, id] = [ref.slice(0, slash), ref.slice(slash + 1)];
      const nodes = members.map(({ name, peerUrls, clientUrls, layout }) => ({
        name,
        peerUrls: [...peerUrls],
        clientUrls: [...clientUrls],
        layout,
      }));
      const event = { cluster, id, key: recipient.key, nodes, architecture };
      const { time } = await callDesk(functions, { desk: drillDeskName(service), log: `/${service}/drill-desk`, event, signal });
      const { bundle, files } = await openPublished(ports, { ref, time, recipients: [], signal });
      const { payload } = bundle.plan;
      const read = files.map(({ name, key, version }) => ({ name, bytes: ports.blobs.get(key, { version, signal }) }));
      const data = { name: payloadFile(payload), bytes: readObject(ports.blobs, payload, signal) };
      await write(out, [data, ...read], signal);
      return bundle;
    });
}
