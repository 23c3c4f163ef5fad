import { envelopeOf } from "../envelope.ts";
import type { Decoded, KubernetesObject, ObjectDecoder, StoredValue } from "../decoder.ts";
import { decrypt } from "../decrypt.ts";
import type { EncryptionKey } from "../encryption-config.ts";
import { readJsonObject } from "../json-object.ts";
import { DecoderProcess, MOST_VALUE_BYTES } from "./decoder-process.ts";

/** What the program has not answered yet, at most: enough that it never waits for us. */
const MOST_WAITING = 64;
const MOST_WAITING_BYTES = MOST_VALUE_BYTES;

interface Waiting {
  /** Of what was sent and is not answered. */
  readonly bytes: number;
  readonly answer: () => Decoded | Promise<Decoded>;
}

export interface ProgramDecoderOptions {
  /** The path of the program; asked for once, when the first object comes that it is needed for. */
  readonly program: (signal: AbortSignal) => Promise<string>;
  /** For values that the API server encrypted. */
  readonly keys: readonly EncryptionKey[];
}

/** Decodes by tools/go/kube-decode, one process for all of a call's values. JSON needs no program. Cleartext goes to it by a pipe alone. */
export class ProgramDecoder implements ObjectDecoder {
  readonly #options: ProgramDecoderOptions;

  constructor(options: ProgramDecoderOptions) {
    this.#options = options;
  }

  async *decode(values: AsyncIterable<StoredValue>, signal: AbortSignal): AsyncGenerator<Decoded, void, undefined> {
    let running: DecoderProcess | undefined;
    const waiting: Waiting[] = [];
    let bytes = 0;
    try {
      for await (const stored of values) {
        const taken = this.#take(stored);
        if ("value" in taken) {
          const { value, warning } = taken;
          const program = (running ??= new DecoderProcess(await this.#options.program(signal), signal));
          program.send(stored.key, value);
          waiting.push({ bytes: value.length, answer: async () => warned(await program.answer(), warning) });
        } else waiting.push({ bytes: 0, answer: () => taken });
        bytes += waiting.at(-1)?.bytes ?? 0;
        while (waiting.length > MOST_WAITING || bytes > MOST_WAITING_BYTES) yield await next();
      }
      while (waiting.length > 0) yield await next();
    } finally {
      await running?.end();
    }

    function next(): Decoded | Promise<Decoded> {
      const [first] = waiting.splice(0, 1);
      if (first === undefined) throw new Error("nothing is waited for");
      bytes -= first.bytes;
      return first.answer();
    }
  }

  /** The answer at once, or what the program is asked. */
  #take(stored: StoredValue): Decoded | { readonly value: Uint8Array; readonly warning: string | undefined } {
    const opened = decrypt(stored, this.#options.keys);
    if ("raw" in opened) return opened;
    const { value, by, isAuthenticated } = opened;
    const warning =
      by === undefined || isAuthenticated
        ? undefined
        : `was decrypted by ${by.provider}, which authenticates nothing: whoever could write into etcd may have altered it unseen`;
    const { form } = envelopeOf(value);
    if (form === "other") return { raw: "is no object of Kubernetes" };
    if (form === "encrypted") return { raw: "is encrypted twice" };
    if (form === "json") {
      const read = readJsonObject(value);
      if ("raw" in read || !isStoredDefinition(read.object)) return warned(read, warning);
    }
    if (value.length > MOST_VALUE_BYTES) return { raw: `has ${value.length} bytes, and kube-decode takes ${MOST_VALUE_BYTES} at most` };
    return { value, warning };
  }
}

function warned(decoded: Decoded, warning: string | undefined): Decoded {
  return "raw" in decoded || warning === undefined ? decoded : { ...decoded, warning };
}

/** The API server stores these in a version that it has not served since 1.22: the program knows how they look in v1. */
function isStoredDefinition({ apiVersion, kind }: KubernetesObject): boolean {
  return apiVersion === "apiextensions.k8s.io/v1beta1" && kind === "CustomResourceDefinition";
}
