import type { Decoded, ObjectDecoder } from "../../kube/decoder.ts";
import { typeIn } from "../../kube/envelope.ts";
import { objectNameOf } from "../../snapshot/object-names.ts";
import type { FoundValue } from "./read-values.ts";

/** A value, and the object in it, or why there is none that can be read: the end of a sentence that begins with its key. */
export type FoundObject = { readonly found: FoundValue } & Decoded;

/** The objects in `values`, one after the other. Some values are held meanwhile: as many as the decoder is given ahead. */
export async function* objectsIn(
  values: AsyncIterable<FoundValue>,
  decoder: ObjectDecoder,
  signal: AbortSignal,
): AsyncGenerator<FoundObject, void, undefined> {
  const waiting: FoundValue[] = [];
  async function* noted(): AsyncGenerator<FoundValue, void, undefined> {
    for await (const found of values) {
      waiting.push(found);
      yield found;
    }
  }
  for await (const answer of decoder.decode(noted(), signal)) {
    const [found] = waiting.splice(0, 1);
    if (found === undefined) throw new Error("the decoder answered more than it was asked");
    yield { found, ...answer };
  }
}

/** By its key or its type: whoever calls it otherwise is not believed. */
export function mayBeSecret({ key, value }: FoundValue): boolean {
  const type = typeIn(value);
  return objectNameOf(Buffer.from(key).toString("utf8"))?.resource === "secrets" || (type?.apiVersion === "v1" && type.kind === "Secret");
}
