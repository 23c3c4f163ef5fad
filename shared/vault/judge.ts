import type { Clock } from "../clock.ts";
import { lacksOf } from "../documents/good.ts";
import type { CountersignatureWords, GoodPolicy, Lack, ManifestWords } from "../documents/good.ts";
import type { Manifest } from "../documents/manifest.ts";
import { isAhead } from "../documents/slot.ts";
import { readCountersignatures } from "./catalog.ts";
import type { Countersignatures, FoundManifest } from "./catalog.ts";
import type { Vault } from "./vault.ts";

/** What the configuration asks of the snapshots of a cluster. */
export interface ClusterPolicy extends GoodPolicy {
  readonly rpoMs: number;
}

/** A vault, and what it takes to tell which of its snapshots are good. */
export interface JudgePorts extends Vault {
  readonly clock: Clock;
  /** Undefined for a cluster that the configuration does not know. */
  readonly policyOf: (cluster: string) => ClusterPolicy | undefined;
}

/** A snapshot, and what it lacks to be good: nothing, where it is. */
export interface Judged extends FoundManifest {
  readonly lacks: readonly Lack[];
}

/** What a snapshot lacks, by these countersignatures of it. */
export function judge(
  { clock, policyOf }: Pick<JudgePorts, "clock" | "policyOf">,
  found: { readonly manifest: Pick<Manifest, "cluster" | "id"> & ManifestWords; readonly digest: string },
  countersignatures: readonly CountersignatureWords[],
): readonly Lack[] {
  const { cluster, id } = found.manifest;
  const lacks = lacksOf(found, countersignatures, policyOf(cluster));
  return isAhead(id, clock.now()) ? [{ code: "future", reason: IN_THE_FUTURE }, ...lacks] : lacks;
}

/** Or this machine's clock is behind. */
export const IN_THE_FUTURE = "its id is in the future by this machine's clock";

/** The same by the countersignatures that are in the store. */
export async function readJudged(ports: JudgePorts, found: FoundManifest): Promise<Judged & Pick<Countersignatures, "bad">> {
  const { cluster, id } = found.manifest;
  const { good, bad } = await readCountersignatures(ports, cluster, id);
  return { ...found, lacks: judge(ports, found, good.get(id) ?? []), bad };
}
