import { createHash } from "node:crypto";
import { idOfSlot, isAhead } from "../../documents/slot.ts";
import { LifeboatError } from "../../errors.ts";
import { EncryptionKeys, mayBeEncryptionConfig } from "../../node-files/encryption-keys.ts";
import type { NamedKey } from "../../node-files/encryption-keys.ts";
import { MAX_SEALED_BYTES } from "../../node-files/limits.ts";
import { readNodeFileSet } from "../../node-files/read-set.ts";
import type { NodeFileSet } from "../../node-files/read-set.ts";
import type { IntakeIdentities } from "./identities.ts";

/** A set that nobody believes yet. */
export interface SetSource {
  /** For messages. */
  readonly what: string;
  /** The age file from its beginning, each time that it is called: twice. */
  readonly open: () => AsyncIterable<Uint8Array>;
}

export interface ValidSet extends NodeFileSet {
  /** When it was collected, in the form of an id. */
  readonly id: string;
  readonly intake: number;
  /** Of the age file. */
  readonly digest: string;
  readonly bytes: number;
  readonly encryptionKeys: readonly NamedKey[];
}

/** Opens a set and reads all of it, in a stream. Throws `verify/...` or `keys/no-match` where it is not what collect.sh makes on this node of this cluster. */
export async function validateSet(
  { what, open }: SetSource,
  expected: { readonly cluster: string; readonly node: string },
  identities: IntakeIdentities,
  now: Date,
): Promise<ValidSet> {
  let sealed = new Sealed(what);
  const again = (): AsyncIterable<Uint8Array> => {
    sealed = new Sealed(what);
    return sealed.read(open());
  };
  const keys = new EncryptionKeys();
  const { intake, set } = await identities.open(what, again, async (plaintext, number) => ({
    intake: number,
    set: await readNodeFileSet(plaintext, {
      what,
      expected,
      wants: mayBeEncryptionConfig,
      take: (file, content) => keys.add(file, content),
    }),
  }));
  const id = idOfSlot(set.collectedAt);
  if (isAhead(id, now))
    throw new LifeboatError("verify/times", `${what} says that it was collected at ${set.collectedAt.toISOString()}, which has not come`, {
      hint: "set the node's clock, and collect again: a set in the future would stay the newest until then",
    });
  return { ...set, id, intake, digest: sealed.digest(), bytes: sealed.bytes, encryptionKeys: keys.found };
}

/** An age file that is read, measured and digested. */
class Sealed {
  readonly #what: string;
  readonly #hash = createHash("sha256");
  bytes = 0;

  constructor(what: string) {
    this.#what = what;
  }

  async *read(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of chunks) {
      this.bytes += chunk.length;
      if (this.bytes > MAX_SEALED_BYTES) throw tooLarge(this.#what);
      this.#hash.update(chunk);
      yield chunk;
    }
  }

  digest(): string {
    return `sha256:${this.#hash.digest("hex")}`;
  }
}

export function tooLarge(what: string): LifeboatError {
  return new LifeboatError("verify/size", `${what} is larger than ${MAX_SEALED_BYTES} bytes, the most that a set of node files may have`, {
    hint: "collect fewer files: take from the list that collect.sh has by --paths what is no configuration",
  });
}

/** The same bytes once more, for whoever stores or reads them: `refusal` is thrown at their end where they are others. */
export async function* sameBytes(
  { what, open }: SetSource,
  digest: string,
  refusal: LifeboatError,
): AsyncGenerator<Uint8Array, void, undefined> {
  const sealed = new Sealed(what);
  yield* sealed.read(open());
  if (sealed.digest() !== digest) throw refusal;
}

/** What is read once and kept, up to as much as a set may have. */
export function sealedOf(what: string, chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return new Sealed(what).read(chunks);
}

export function changedMeanwhile({ what }: SetSource): LifeboatError {
  return new LifeboatError("input/changed", `${what} was changed while it was read`, { hint: "run the command again" });
}
