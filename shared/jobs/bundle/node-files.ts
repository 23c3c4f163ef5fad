import type { SealedNodeFiles } from "../../bundle/control-tar.ts";
import type { Recipient } from "../../bundle/plan.ts";
import type { Intake } from "../../documents/intake.ts";
import type { NodeFiles } from "../../documents/node-files.ts";
import { digestOf } from "../../documents/signed-document.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { MAX_SEALED_BYTES } from "../../node-files/limits.ts";
import { readSmall } from "../../store/blob-store.ts";
import { readIntake } from "../../vault/node-files/intakes.ts";
import { newestNodeFiles } from "../../vault/node-files/sets.ts";
import type { Vault } from "../../vault/vault.ts";

/** By the recipient's name: the newest set of the node of that name, encrypted to it. */
export type GivenFiles = ReadonlyMap<string, SealedNodeFiles>;

export interface FilesForRecipients {
  readonly given: GivenFiles;
  /** What a person should know, a sentence each. */
  readonly warnings: readonly string[];
  /** Whether a set is stored that is believed and could not be given, or one stands there that is not believed. */
  readonly isWithoutSome: boolean;
}

/** A set that is encrypted to an intake, encrypted to a recipient, with the payload as it is. Throws as a KeyRing does, and `verify/sealed`. */
export type AddressFiles = (set: Uint8Array, intake: Intake, recipient: string, signal: AbortSignal) => Promise<Uint8Array>;

/**
 * Each node's own files for that node alone: a set goes to the enrolled recipient of the node's name, and to nobody else. Its payload stays as the node made it; the desk sees no plaintext. What cannot be given costs no bundle: a
 * warning says why. Without `addressTo` there are none. Throws `store/...`.
 */
export async function nodeFilesFor(
  vault: Vault,
  addressTo: AddressFiles | undefined,
  cluster: string,
  recipients: readonly Recipient[],
  signal: AbortSignal,
): Promise<FilesForRecipients> {
  const given = new Map<string, SealedNodeFiles>();
  const warnings: string[] = [];
  let isWithoutSome = false;
  // A key that nobody enrolled has no name of its own.
  for (const { name, key } of recipients.filter(({ enrolled }) => addressTo !== undefined && enrolled)) {
    const { found, faults } = await newestNodeFiles(vault, cluster, name, { signal });
    for (const { key: document, error } of faults) {
      isWithoutSome = true;
      warnings.push(`${document} is not believed, and its node files were left out: ${error.message}`);
    }
    if (found === undefined || addressTo === undefined) continue;
    try {
      given.set(name, await readdressed(vault, addressTo, found.document, key, signal));
    } catch (error) {
      if (!isLifeboatError(error, "verify/", "keys/", "config/", "ref/", "store/missing", "store/denied")) throw error;
      isWithoutSome = true;
      warnings.push(`the bundle for ${name} has no node files: ${error.message}`);
    }
  }
  return { given, warnings, isWithoutSome };
}

async function readdressed(
  vault: Vault,
  addressTo: AddressFiles,
  { cluster, id: time, intake: number, data }: NodeFiles,
  recipient: string,
  signal: AbortSignal,
): Promise<SealedNodeFiles> {
  const bytes = await readSmall(vault.blobs, data.key, MAX_SEALED_BYTES, signal, data.version);
  if (bytes.length !== data.bytes || digestOf(bytes) !== data.digest)
    throw new LifeboatError("verify/digest", `${data.key} in ${vault.blobs.location} is not what was signed: other bytes stand there`, {
      hint: "find out who changed it; collect.sh on the node makes another set",
    });
  const { intake } = await readIntake(vault, cluster, number, signal);
  return { time, bytes: await addressTo(bytes, intake, recipient, signal) };
}
