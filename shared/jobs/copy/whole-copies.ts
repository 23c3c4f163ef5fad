import { isLifeboatError } from "../../errors.ts";
import { checkData, stateOfData } from "../../store/stored-object.ts";
import type { JudgePorts } from "../../vault/judge.ts";
import { resolveRef } from "../../vault/ref.ts";
import { askReplica } from "./standing.ts";
import type { StandingPorts } from "./standing.ts";

/** A copy of a snapshot that a replica has, as far as was looked. */
export interface WholeCopy {
  readonly replica: string;
  readonly location: string;
  /** `CLUSTER/ID`: what the ref names there. */
  readonly ref: string;
  /** Whether its checksum was compared, too: a large one in a folder takes longer than is waited. */
  readonly checked: boolean;
}

/**
 * The replicas that have what `ref` names: a manifest that is believed, and data of the size and with the checksum that it says. Asks all of them at once, each for at most
 * ten seconds twice; one that does not answer, or whose copy does not hold, is left out.
 */
export async function wholeCopies(
  ports: Omit<StandingPorts, "blobs"> & Pick<JudgePorts, "policyOf">,
  ref: string,
): Promise<readonly WholeCopy[]> {
  const copies = await Promise.all(
    ports.replicas.map(async (replica): Promise<WholeCopy | undefined> => {
      const found = await askReplica(replica, ports, async (blobs, signal) => {
        const { manifest } = await resolveRef({ ...ports, blobs }, ref, signal);
        return (await stateOfData(blobs, manifest.stored, signal)).state === "present" ? manifest : undefined;
      });
      if (found === undefined || isLifeboatError(found)) return undefined;
      const copy = { replica: replica.name, location: replica.blobs.location, ref: `${found.cluster}/${found.id}` };
      const bad = await askReplica(replica, ports, (blobs, signal) => checkData(blobs, found.stored, signal));
      if (bad === undefined) return { ...copy, checked: true };
      return isLifeboatError(bad, "verify/") ? undefined : { ...copy, checked: false };
    }),
  );
  return copies.filter((copy) => copy !== undefined);
}
