import { intakeKey, LAST_INTAKE } from "../../documents/layout.ts";
import { FORMAT_VERSION } from "../../documents/parts.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import { LifeboatError } from "../../errors.ts";
import { newIntake } from "../../store/intake-keys.ts";
import { Custodian } from "../../vault/custody/custodian.ts";
import { readIntakes } from "../../vault/node-files/intakes.ts";
import type { FoundIntake } from "../../vault/node-files/intakes.ts";
import { publish } from "../../vault/publish.ts";
import { requireTrustedKey } from "../../vault/require-trusted-key.ts";
import { TOOL } from "../../version.ts";
import type { NodeFilesPorts } from "./ports.ts";

export interface IntakeInUse {
  /** `there`: nothing was written. */
  readonly outcome: "made" | "there";
  readonly found: FoundIntake;
  /** The one before it that was in use; undefined where there was none. */
  readonly before: FoundIntake | undefined;
  /** What stands above the one in use and is not believed. */
  readonly faults: readonly LifeboatError[];
  readonly custody: CustodyReceipt | undefined;
}

/**
 * The intake identity of a cluster: made where there is none, or where another is wanted (`renew`). What was encrypted to older ones goes on opening. Needs the audit key where one is made. Throws as the key ring and the store do,
 * `config/invalid` without a trusted audit key.
 */
export async function useIntake(
  ports: NodeFilesPorts,
  { cluster, renew, signal }: { readonly cluster: string; readonly renew: boolean; readonly signal?: AbortSignal | undefined },
): Promise<IntakeInUse> {
  const { current: before, last, faults } = await readIntakes(ports, cluster, signal);
  if (before !== undefined && !renew) return { outcome: "there", found: before, before, faults, custody: undefined };
  await requireTrustedKey(ports.keys, ports.trusted, "audit");
  const number = await freeNumber(ports, cluster, last, before?.intake.number ?? 0);
  const key = intakeKey(cluster, number);
  // Bound to its number, hence made before the place is tried.
  const wrapped = await newIntake(ports.storeKeys, ports.breakGlass, { cluster, number }, signal);
  const custodian = new Custodian(ports, cluster, "audit");
  try {
    const published = await publish<"intake", FoundIntake>(ports, custodian, {
      kind: "intake",
      place: key,
      event: "intake",
      about: [],
      details: { intake: { number, recipient: wrapped.recipient } },
      draft: (custody) => ({
        type: "intake",
        formatVersion: FORMAT_VERSION,
        cluster,
        number,
        createdAt: ports.clock.now().toISOString(),
        ...wrapped,
        tool: TOOL,
        custody,
      }),
      onTaken: async () => {
        const { current } = await readIntakes(ports, cluster, signal);
        const skip = { reason: "another run made an intake at the same time", about: [] };
        return current === undefined ? skip : { ...skip, instead: current };
      },
      signal,
    });
    if (published.outcome === "taken") return { outcome: "there", found: published.instead, before, faults, custody: custodian.last };
    const { digest, document: intake, custody } = published;
    return { outcome: "made", found: { key, digest, intake }, before, faults, custody };
  } catch (error) {
    if (custodian.isOpen) await custodian.fail(error);
    throw error;
  }
}

/** Above everything that stands there; whoever planted the last number of all must not keep a person from making one. */
async function freeNumber({ blobs }: NodeFilesPorts, cluster: string, last: number, current: number): Promise<number> {
  if (last < LAST_INTAKE) return last + 1;
  for (let number = current + 1; number <= LAST_INTAKE; number++)
    if ((await blobs.head(intakeKey(cluster, number))) === undefined) return number;
  throw new LifeboatError("store/exists", `every number of an intake of ${cluster} is taken in ${blobs.location}`, {
    hint: "find out who filled the store, and remove what they put there",
  });
}
