import type { JsonDocument } from "../shared/contract/documents.ts";
import { objectNameOf } from "../shared/snapshot/object-names.ts";
import { textOf } from "./key-text.ts";

type KeyFields = Pick<JsonDocument<"find">[number], "key" | "keyHex" | "resource" | "namespace" | "name">;

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
