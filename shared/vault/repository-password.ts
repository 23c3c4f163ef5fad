import { numberInRepositoryKey, REPOSITORY_PREFIX, repositoryKey } from "../documents/layout.ts";
import { FORMAT_VERSION } from "../documents/parts.ts";
import type { WrappedPassword } from "../documents/repository.ts";
import { MAX_DOCUMENT_BYTES, openDocument, signAs } from "../documents/signed-document.ts";
import type { DocumentOf } from "../documents/signed-document.ts";
import type { Clock } from "../clock.ts";
import { isLifeboatError } from "../errors.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import { readSmall } from "../store/blob-store.ts";
import { TOOL } from "../version.ts";
import { putDocument } from "./put-document.ts";
import { requireTrustedKey } from "./require-trusted-key.ts";
import { misplaced } from "./read-document.ts";
import type { Vault } from "./vault.ts";

export interface FoundPassword {
  readonly key: string;
  readonly document: DocumentOf<"repository">;
}

/**
 * The password of the store's Kopia repository as it was wrapped last; undefined where there is none. The highest number is believed alone: whoever could plant a later one could have backups
 * go where they read them. Throws `verify/...` for one that is not believed, `store/...`.
 */
export async function readRepositoryPassword(vault: Vault, signal?: AbortSignal): Promise<FoundPassword | undefined> {
  let last = 0;
  for await (const { key } of vault.blobs.list(REPOSITORY_PREFIX, { signal })) last = Math.max(last, numberInRepositoryKey(key) ?? 0);
  if (last === 0) return undefined;
  const key = repositoryKey(last);
  const document = openDocument("repository", await readSmall(vault.blobs, key, MAX_DOCUMENT_BYTES, signal), vault.trusted, key);
  if (document.number !== last) throw misplaced(key, `number ${document.number}`);
  return { key, document };
}

export interface PublishPasswordPorts extends Vault {
  readonly keys: KeyRing;
  readonly clock: Clock;
}

/**
 * Signs and puts the password under the number that follows `after`. Whether it was put: false where another run took the number. `purpose`: who does it, the role that sets up or the one that
 * verifies.
 */
export async function putRepositoryPassword(
  ports: PublishPasswordPorts,
  wrapped: WrappedPassword,
  { purpose, after }: { readonly purpose: "snapshot" | "audit"; readonly after: number },
  signal?: AbortSignal,
): Promise<{ readonly key: string; readonly isPut: boolean }> {
  await requireTrustedKey(ports.keys, ports.trusted, purpose);
  const { store, recipient, password, wrappings, breakGlass } = wrapped;
  const key = repositoryKey(after + 1);
  const document = await signAs(ports.keys, purpose, "repository", {
    type: "repository",
    formatVersion: FORMAT_VERSION,
    number: after + 1,
    store,
    createdAt: ports.clock.now().toISOString(),
    recipient,
    password,
    wrappings: [...wrappings],
    breakGlass: [...breakGlass],
    tool: TOOL,
  });
  try {
    await putDocument(ports.blobs, key, document, signal);
    return { key, isPut: true };
  } catch (error) {
    if (isLifeboatError(error, "store/exists")) return { key, isPut: false };
    throw error;
  }
}
