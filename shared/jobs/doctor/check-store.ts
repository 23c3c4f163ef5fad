import type { StoreFacts, StoreInspector } from "../../store/store-inspector.ts";
import type { DoctorFinding } from "./finding.ts";
import { judgeBucket } from "./judge-bucket.ts";
import { judgeFolder } from "./judge-folder.ts";
import { attempt } from "./attempt.ts";

/** A store of the configuration. */
export interface NamedStore {
  /** `store`, or `replica NAME`. */
  readonly name: string;
  readonly inspector: StoreInspector;
}

export interface StoreReport {
  readonly name: string;
  readonly location: string;
  /** Undefined where nothing could be learned. */
  readonly facts: StoreFacts | undefined;
  readonly findings: readonly DoctorFinding[];
}

/** Looks at how each store is set up. */
export function checkStores(stores: readonly NamedStore[], signal: AbortSignal): Promise<readonly StoreReport[]> {
  return Promise.all(
    stores.map(async ({ name, inspector }) => {
      const { location } = inspector;
      const [facts, findings] = await attempt(name, () => inspector.facts(signal));
      if (facts === undefined) return { name, location, facts, findings };
      return { name, location, facts, findings: facts.kind === "bucket" ? judgeBucket(name, facts) : judgeFolder(name, facts) };
    }),
  );
}
