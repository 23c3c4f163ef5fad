import { payloadFile } from "../shared/bundle/plan.ts";
import { groupsOf, shortDigest } from "../shared/bundle/read-aloud.ts";
import { bundlesPrefix } from "../shared/documents/layout.ts";
import { tarName } from "../shared/jobs/bundle/files.ts";
import type { ToldBundle } from "../shared/jobs/bundle/make.ts";
import { bundleJson, linesFor } from "../shared/jobs/bundle/document.ts";
import type { BundlePlace } from "../shared/jobs/bundle/document.ts";
import type { Session } from "./command.ts";
import { note, print, printJson } from "./console.ts";
import { formatBytes, formatFields, formatTime, printable } from "./format.ts";

/** Prints a bundle that was made, or whose URLs are new, and warns of what it lacks. */
export function tellBundle({ console, json }: Session, bundle: ToldBundle, place: BundlePlace): void {
  if (json) printJson(console, "bundle", bundleJson(bundle, place));
  else print(console, bundleText(bundle, place));
  for (const warning of bundle.warnings) note(console, `warning: ${printable(warning)}`);
}

/** What a person reads after `lifeboat bundle`, and types on the nodes. */
function bundleText(made: ToldBundle, place: BundlePlace): string {
  const { plan, controls, bundleKey } = made;
  const { manifest, payload, members } = plan;
  const { folder, location, withPayload, urls } = place;
  const where = folder ?? `${bundlesPrefix(manifest.cluster, manifest.id)}${made.time}/ in ${location}`;
  const fields: readonly (readonly [string, string])[] = [
    ["snapshot", `${manifest.cluster}/${manifest.id}, taken ${formatTime(manifest.startedAt)}, etcd ${manifest.etcd.source.version}`],
    ["members", members.map(({ name, peerUrls }) => `${name} (${peerUrls.join(", ")})`).join("; ")],
    ["revisions", `begin at ${made.revisionAfter}`],
    ["plan", `${shortDigest(made.planDigest)}; every node must show this; valid until ${formatTime(plan.expiresAt)}`],
    ["files", `${where}: ${controls.map(({ recipient, bytes }) => `${tarName(recipient.name)} (${formatBytes(bytes)})`).join(", ")}`],
    [
      "payload",
      `${payloadFile(payload)} (${formatBytes(payload.bytes)}), ${withPayload ? `in ${where}` : `${payload.key} in ${location}`}`,
    ],
    ["node files", nodeFilesText(controls)],
    ...(urls === undefined ? [] : [["addresses", lastsFor(urls)] as const]),
  ];
  const aloud = groupsOf(bundleKey.fingerprint);
  const steps = controls.map(
    ({ recipient }) =>
      `On the node, for ${printable(recipient.name)}:\n${linesFor(made, recipient, place)
        .map((line) => `  ${line}`)
        .join("\n")}`,
  );
  return [
    formatFields(fields),
    `Bundle key, to read aloud on the phone (sha256):\n${aloud.map((line) => `  ${line}`).join("\n")}`,
    ...(withPayload || urls !== undefined ? [] : [copyNote(folder, payloadFile(payload))]),
    ...steps,
  ].join("\n\n");
}

function nodeFilesText(controls: ToldBundle["controls"]): string {
  const own = controls.flatMap(({ recipient, nodeFiles }) =>
    nodeFiles === undefined ? [] : [`${tarName(recipient.name)} has those of ${nodeFiles}`],
  );
  return own.length === 0 ? "none" : own.join(", ");
}

function lastsFor({ until, mayEndSooner }: NonNullable<BundlePlace["urls"]>): string {
  const sooner = mayEndSooner ? ", or until the session ends that signed them, which does not say when" : "";
  return `last until ${formatTime(until)}${sooner}; --renew makes new ones; each is a secret`;
}

function copyNote(folder: string | undefined, payload: string): string {
  if (folder !== undefined) return `Put the payload beside each control tar under the name ${payload}.`;
  return `This store gives no addresses to fetch from: copy the files and the payload (${payload}) to the nodes by other means.`;
}
