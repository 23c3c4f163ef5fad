import type { Manifest } from "./manifest.ts";

/** The revision that a snapshot is of; where its page tree could not be read, that of its source just before. */
export function revisionOf({ content, etcd }: Manifest): number {
  return isWhole(content) ? content.revision : etcd.before.revision;
}

/** Keys alive in it; undefined where they were not counted. */
export function liveKeysOf({ content }: Manifest): number | undefined {
  return isWhole(content) ? content.keys.live : undefined;
}

/** The alarms that a restore brings back; undefined where they are not recorded. */
export function storedAlarmsOf({ content }: Manifest): WholeContent["alarms"] {
  return isWhole(content) ? content.alarms : undefined;
}

/** The keys that its values need of Kubernetes; undefined where they are not recorded. */
export function encryptionOf({ content }: Manifest): WholeContent["encryption"] {
  return isWhole(content) ? content.encryption : undefined;
}

type WholeContent = Extract<Manifest["content"], { tree: "whole" }>;

export function isWhole(content: Manifest["content"]): content is WholeContent {
  return content.tree === "whole";
}
