import { payloadFile } from "../shared/bundle/plan.ts";
import { groupsOf, shortDigest } from "../shared/bundle/read-aloud.ts";
import { nodeSteps } from "../shared/bundle/steps.ts";
import { tarName } from "../shared/jobs/bundle/files.ts";
import type { MadeBundle } from "../shared/jobs/bundle/make.ts";
import type { BundlePlace } from "./bundle-json.ts";
import { formatBytes, formatFields, formatTime, printable } from "./format.ts";

/** What a person reads after `lifeboat bundle`, and types on the nodes. */
export function bundleText(made: MadeBundle, { folder, location, withPayload }: BundlePlace): string {
  const { plan, controls, bundleKey } = made;
  const { manifest, payload, members } = plan;
  const fields: readonly (readonly [string, string])[] = [
    ["snapshot", `${manifest.cluster}/${manifest.id}, taken ${formatTime(manifest.startedAt)}, etcd ${manifest.etcd.source.version}`],
    ["members", members.map(({ name, peerUrls }) => `${name} (${peerUrls.join(", ")})`).join("; ")],
    ["revisions", `begin at ${made.revisionAfter}`],
    ["plan", `${shortDigest(made.planDigest)}; every node must show this; valid until ${formatTime(plan.expiresAt)}`],
    ["files", `${folder}: ${controls.map(({ recipient, bytes }) => `${tarName(recipient.name)} (${formatBytes(bytes)})`).join(", ")}`],
    [
      "payload",
      `${payloadFile(payload)} (${formatBytes(payload.bytes)}), ${withPayload ? `in ${folder}` : `${payload.key} in ${location}`}`,
    ],
  ];
  const aloud = groupsOf(bundleKey.fingerprint);
  const steps = controls.map(
    ({ recipient }) =>
      `On the node, for ${printable(recipient.name)}:\n${nodeSteps(plan, recipient, bundleKey.fingerprint)
        .map((line) => `  ${line}`)
        .join("\n")}`,
  );
  return [
    formatFields(fields),
    `Bundle key, to read aloud on the phone (sha256):\n${aloud.map((line) => `  ${line}`).join("\n")}`,
    ...(withPayload ? [] : [`Put the payload beside each control tar under the name ${payloadFile(payload)}.`]),
    ...steps,
  ].join("\n\n");
}
