import type { JsonDocument } from "../../shared/contract/documents.ts";
import type { FoundNodeFiles, NodeFilesFault } from "../../shared/vault/node-files/sets.ts";
import { note } from "../console.ts";
import type { Console } from "../console.ts";
import { printable } from "../format.ts";

/** What every document says of a set. */
type SetFields = Pick<
  Extract<JsonDocument<"node-files">, { readonly dataKey: string }>,
  "cluster" | "node" | "collectedAt" | "ref" | "bytes" | "digest" | "key"
>;

export function setJson({ key, document }: FoundNodeFiles): SetFields {
  const { cluster, node, collectedAt, data } = document;
  return { cluster, node, collectedAt, ref: refOf(document), bytes: data.bytes, digest: data.digest, key };
}

export function refOf({ cluster, node, id }: FoundNodeFiles["document"]): string {
  return `${cluster}/${node}@${id}`;
}

export function unbelievedJson(
  faults: readonly NodeFilesFault[],
): readonly { readonly key: string; readonly code: string; readonly message: string }[] {
  return faults.map(({ key, error: { code, message } }) => ({ key, code, message }));
}

/** What stands in the place of a set and is not believed, but for what a later version put there, is a finding. */
export function noteFaults(console: Console, faults: readonly NodeFilesFault[]): 0 | 6 {
  for (const { error } of faults) note(console, `warning: ${printable(error.message)}`);
  return faults.some(({ error }) => error.code !== "ref/later") ? 6 : 0;
}

/** `aescbc key1, secretbox key2`. */
export function keysText({ encryptionKeys }: FoundNodeFiles["document"]): string {
  return encryptionKeys.map(({ kind, name }) => `${kind} ${name}`).join(", ");
}
