import { LifeboatError } from "../../errors.ts";
import { openIntake, openNodeFiles } from "../../store/intake-keys.ts";
import { readNodeFileSet } from "../../node-files/read-set.ts";
import { readIntake } from "../../vault/node-files/intakes.ts";
import type { FoundNodeFiles } from "../../vault/node-files/sets.ts";
import type { NodeFilesPorts } from "./ports.ts";
import { sameBytes } from "./validate.ts";

/**
 * A stored set, opened by the keys or by `identities` in their place: what is given reads its tar, unencrypted, from the beginning, each time that it is called. The data was read to its end before, held against the digest that was signed, and
 * found to be as when it was added; each later reading ends in `verify/digest` where it is not the same. Throws `verify/...`, and as the key ring and the store do.
 */
export async function openSet(
  ports: Pick<NodeFilesPorts, "blobs" | "trusted" | "storeKeys">,
  { document, key }: FoundNodeFiles,
  { identities, signal }: { readonly identities?: readonly string[] | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<() => AsyncIterable<Uint8Array>> {
  const { cluster, node, data } = document;
  const { intake } = await readIntake(ports, cluster, document.intake, signal);
  const identity = await openIntake(intake, ports.storeKeys, { identities, signal });
  // A store that was copied has other versions; the digest decides.
  const info = (await ports.blobs.head(data.key, { version: data.version, signal })) ?? (await ports.blobs.head(data.key, { signal }));
  if (info?.bytes !== data.bytes)
    throw new LifeboatError(
      "verify/missing",
      `${key} names ${data.key} of ${data.bytes} bytes, and ${info === undefined ? "nothing" : `${info.bytes} bytes`} stand there`,
      {
        hint: "take an older set, and find out who changed the store",
      },
    );
  const open = (): AsyncIterable<Uint8Array> => ports.blobs.get(data.key, { version: info.version, signal });
  const other = new LifeboatError("verify/digest", `${data.key} is not what was signed`, {
    hint: "take an older set, and find out who changed the store",
  });
  const plaintext = (): AsyncIterable<Uint8Array> => openNodeFiles(identity, sameBytes({ what: data.key, open }, data.digest, other));
  await readNodeFileSet(plaintext(), { what: data.key, expected: { cluster, node } });
  return plaintext;
}
