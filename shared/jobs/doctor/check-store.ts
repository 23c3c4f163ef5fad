import type { PlaceFacts } from "../../vault/place/judge-place.ts";
import type { StoreFacts, StoreInspector } from "../../store/store-inspector.ts";
import type { DoctorFinding } from "./finding.ts";
import { judgeBucket } from "./judge-bucket.ts";
import { judgeFolder } from "./judge-folder.ts";
import { judgeMarker } from "./judge-marker.ts";
import { attempt } from "./attempt.ts";

/** A store of the configuration. */
export interface NamedStore {
  /** `store`, or `replica NAME`. */
  readonly name: string;
  readonly inspector: StoreInspector;
  /** Whether the right store is there; left out where that is not asked. */
  readonly place?: (signal: AbortSignal) => Promise<PlaceFacts>;
}

export interface StoreReport {
  readonly name: string;
  readonly location: string;
  /** Undefined where nothing could be learned. */
  readonly facts: StoreFacts | undefined;
  /** As above. */
  readonly place: PlaceFacts | undefined;
  readonly findings: readonly DoctorFinding[];
}

function judgeFacts(name: string, facts: StoreFacts): readonly DoctorFinding[] {
  return facts.kind === "bucket" ? judgeBucket(name, facts) : judgeFolder(name, facts);
}

/** Looks at how each store is set up. */
export function checkStores(stores: readonly NamedStore[], signal: AbortSignal): Promise<readonly StoreReport[]> {
  return Promise.all(
    stores.map(async ({ name, inspector, place: lookAtPlace }) => {
      const { location } = inspector;
      const [facts, findings] = await attempt(name, () => inspector.facts(signal));
      // What keeps it from being looked at is told once.
      if (facts === undefined) return { name, location, facts, place: undefined, findings };
      const [place, placeFindings] = await attempt(name, async () => lookAtPlace?.(signal));
      const judged = place === undefined ? placeFindings : judgeMarker(name, place);
      return { name, location, facts, place, findings: [...judged, ...judgeFacts(name, facts)] };
    }),
  );
}
