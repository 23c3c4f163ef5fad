import type { JsonDocument } from "../shared/contract/documents.ts";
import { objectNameOf } from "../shared/snapshot/object-names.ts";
import { printable } from "./format.ts";
import { textOf } from "./key-text.ts";

type KeyFields = Pick<JsonDocument<"find">[number], "key" | "keyHex" | "resource" | "namespace" | "name">;

/** A key, or part of one, on one line: a line's end in it is shown and begins no line of ours. */
export function onOneLine(text: string): string {
  return printable(text)
    .replaceAll("\n", String.raw`\u000a`)
    .replaceAll("\t", String.raw`\u0009`);
}

/** What a user key says, for a document. */
export function keyJson(bytes: Uint8Array): KeyFields {
  const key = textOf(bytes);
  const object = objectNameOf(key);
  return {
    key,
    keyHex: Buffer.from(bytes).toString("hex"),
    resource: object?.resource ?? null,
    namespace: object?.namespace ?? null,
    name: object?.name ?? null,
  };
}
