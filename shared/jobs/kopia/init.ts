import type { Clock } from "../../clock.ts";
import type { WrappedPassword } from "../../documents/repository.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { KeyRing } from "../../keys/key-ring.ts";
import type { RepositoryFacts, SnapshotRepository } from "../../store/snapshot-repository.ts";
import { putRepositoryPassword, readRepositoryPassword } from "../../vault/repository-password.ts";
import type { Vault } from "../../vault/vault.ts";

export interface KopiaInitPorts extends Vault {
  readonly keys: KeyRing;
  readonly clock: Clock;
  /** A new password, wrapped; nobody has it in the clear but who opens it. */
  readonly newPassword: () => Promise<WrappedPassword>;
  readonly open: (wrapped: WrappedPassword) => Promise<SnapshotRepository>;
}

export interface KopiaInit {
  /** `existing`: it was there, and opens; its policy and its owner were set again. */
  readonly outcome: "created" | "existing";
  readonly location: string;
  readonly facts: RepositoryFacts;
  /** Where its password lies, wrapped. */
  readonly passwordKey: string;
  readonly breakGlass: readonly string[];
}

/**
 * Makes the password and then the repository, so that none is without the other's; run again it goes on where it stopped. The policy that nothing expires, and the owner of the maintenance, are set before the
 * first snapshot, since Kopia's own retention is active from the beginning. Throws `keys/no-match` for a repository that has another password.
 */
export async function initKopia(ports: KopiaInitPorts, signal?: AbortSignal): Promise<KopiaInit> {
  const { document, key } = await findOrMake(ports, signal);
  const repository = await ports.open(document);
  let outcome: KopiaInit["outcome"] = "created";
  try {
    await repository.create();
  } catch (error) {
    if (!isLifeboatError(error, "store/exists")) throw error;
    outcome = "existing";
    await settle(repository, key);
  }
  return { outcome, location: repository.location, facts: await repository.status(), passwordKey: key, breakGlass: document.breakGlass };
}

async function findOrMake(ports: KopiaInitPorts, signal: AbortSignal | undefined): Promise<{ document: WrappedPassword; key: string }> {
  const found = await readRepositoryPassword(ports, signal);
  if (found !== undefined) return found;
  const document = await ports.newPassword();
  const { key, isPut } = await putRepositoryPassword(ports, document, { purpose: "snapshot", after: 0 }, signal);
  if (isPut) return { document, key };
  const other = await readRepositoryPassword(ports, signal);
  if (other !== undefined) return other;
  throw new LifeboatError("busy", `another run took ${key} away again`, { hint: "run it again when nobody else sets this store up" });
}

async function settle(repository: SnapshotRepository, key: string): Promise<void> {
  try {
    await repository.settle();
  } catch (error) {
    if (!isLifeboatError(error, "keys/no-match", "store/missing")) throw error;
    throw new LifeboatError(error.code, `something that is not this store's repository is in ${repository.location}: ${error.message}`, {
      hint: `name a place where there is nothing under store.repository; a repository that others made is not taken over, since its password is not in ${key}`,
      cause: error,
    });
  }
}
