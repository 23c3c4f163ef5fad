import { intakeKey, intakesPrefix, LAST_INTAKE, numberInIntakeKey } from "../../documents/layout.ts";
import type { Intake } from "../../documents/intake.ts";
import { LifeboatError } from "../../errors.ts";
import { misplaced, readDocument } from "../read-document.ts";
import type { Vault } from "../vault.ts";

/** An intake whose signature, trust and place hold. */
export interface FoundIntake {
  readonly key: string;
  readonly digest: string;
  readonly intake: Intake;
}

export interface Intakes {
  /** The one in use: of those that are believed the one with the highest number. */
  readonly current: FoundIntake | undefined;
  /** The highest number that something stands under, believed or not; 0 where nothing does. */
  readonly last: number;
  /** What stands above it and is not believed, one error each. */
  readonly faults: readonly LifeboatError[];
}

/** So many of the highest are tried: what is planted above the one in use hides it for as long as nobody makes another. */
const TRIED = 16;

/** The intake identity that the nodes of a cluster encrypt to now. Throws `store/...`. */
export async function readIntakes(vault: Vault, cluster: string, signal?: AbortSignal): Promise<Intakes> {
  const numbers: number[] = [];
  for await (const { key } of vault.blobs.list(intakesPrefix(cluster), { signal })) {
    const number = numberInIntakeKey(cluster, key);
    if (number !== undefined && number <= LAST_INTAKE) numbers.push(number);
  }
  const descending = numbers.toSorted((one, other) => other - one);
  const faults: LifeboatError[] = [];
  for (const number of descending.slice(0, TRIED)) {
    const read = await look(vault, cluster, number, signal);
    if (read instanceof LifeboatError) faults.push(read);
    else if (read !== undefined) return { current: read, last: descending[0] ?? 0, faults };
  }
  return { current: undefined, last: descending[0] ?? 0, faults };
}

/** The intake of a number, by which a set is opened. Throws `verify/missing` where there is none, `verify/...` where it is not believed, `store/...`. */
export async function readIntake(vault: Vault, cluster: string, number: number, signal?: AbortSignal): Promise<FoundIntake> {
  const read = await look(vault, cluster, number, signal);
  if (read instanceof LifeboatError) throw read;
  if (read !== undefined) return read;
  throw new LifeboatError("verify/missing", `${intakeKey(cluster, number)} is not in ${vault.blobs.location}`, {
    hint: "the identity that opens these node files was in it: look for it in a replica or among older versions, or open the set by the break-glass identity of the time",
  });
}

async function look(
  vault: Vault,
  cluster: string,
  number: number,
  signal: AbortSignal | undefined,
): Promise<FoundIntake | LifeboatError | undefined> {
  const key = intakeKey(cluster, number);
  const read = await readDocument(vault, "intake", cluster, key, { signal });
  if (read === undefined) return undefined;
  if (read.state === "bad") return read.error;
  if (read.state === "later")
    return new LifeboatError("ref/later", `${key} is of a later version of lifeboat`, {
      hint: "use the version that wrote it, or a newer one",
    });
  const { document: intake, digest } = read;
  return intake.number === number ? { key, digest, intake } : misplaced(key, `number ${intake.number}`);
}
