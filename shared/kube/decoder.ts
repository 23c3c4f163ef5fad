/** A value as etcd holds it, with the user key that it stands at. */
export interface StoredValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** An object as the API server answers it in JSON. Its numbers are as `JSON.parse` reads them. */
export type KubernetesObject = Readonly<Record<string, unknown>>;

export interface DecodedObject {
  readonly object: KubernetesObject;
  /** What a person should know of it: the end of a sentence that begins with its key. */
  readonly warning?: string;
}

/** What became of a value: the object in it, or why it stays as it is (of an object that could not be read, with its group and version). */
export type Decoded = DecodedObject | { readonly raw: string };

/** The port to what reads Kubernetes' objects out of etcd's values. Contract and adapter tests: test/kube/. */
export interface ObjectDecoder {
  /**
   * One answer for each value, in their order, while the values still come: what is held is a bounded number of them. A value that is no object, or of a kind
   * that is not known, is an answer and no error. Throws `decoder/missing` where the program that decodes is not there, `decoder/failed` where it died or was out of memory, and
   * `interrupted`; what `values` throws is thrown on.
   */
  decode(values: AsyncIterable<StoredValue>, signal: AbortSignal): AsyncIterable<Decoded>;
}
