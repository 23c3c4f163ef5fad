import { groupsOf, shortDigest } from "../shared/bundle/read-aloud.ts";
import type { BundleDocument } from "../shared/jobs/bundle/document.ts";
import { describeReceipt } from "./describe.ts";
import { formatBytes, formatFields, formatTime, printable } from "./format.ts";

/** What a person reads after `lifeboat invoke bundle`, and types on the nodes. */
export function deskText(made: BundleDocument): string {
  const { controls, payload, urlsUntil, urlsMayEndSooner } = made;
  const sooner = urlsMayEndSooner ? ", or until the desk's session ends, which does not say when" : "";
  const fields: readonly (readonly [string, string])[] = [
    ["snapshot", `${made.ref}, etcd ${made.etcdVersion}`],
    ["members", made.nodes.map(({ name, peerUrls }) => `${name} (${peerUrls.join(", ")})`).join("; ")],
    ["revisions", `begin at ${made.revisionAfter}`],
    ["plan", `${shortDigest(made.planDigest)}; every node must show this; valid until ${formatTime(made.expiresAt)}`],
    ["files", controls.map(({ file, bytes }) => `${file} (${formatBytes(bytes)})`).join(", ")],
    ["payload", `${payload.file} (${formatBytes(payload.bytes)}), ${payload.key} in ${payload.location}`],
    [
      "node files",
      controls.flatMap(({ file, nodeFiles }) => (nodeFiles === null ? [] : [`${file} has those of ${nodeFiles}`])).join(", ") || "none",
    ],
    ...(urlsUntil === null
      ? []
      : [["addresses", `last until ${formatTime(urlsUntil)}${sooner}; lifeboat bundle --renew makes new ones; each is a secret`] as const]),
    ["custody", describeReceipt(made.custody)],
  ];
  const steps = made.steps.map(
    ({ recipient, lines }) => `On the node, for ${printable(recipient)}:\n${lines.map((line) => `  ${printable(line)}`).join("\n")}`,
  );
  return [
    formatFields(fields),
    `Bundle key, to read aloud on the phone (sha256):\n${groupsOf(made.bundleKey)
      .map((line) => `  ${line}`)
      .join("\n")}`,
    ...steps,
  ].join("\n\n");
}
