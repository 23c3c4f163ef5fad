import type { StoreKeys } from "../../keys/store-keys.ts";
import type { Progress } from "../../progress.ts";
import type { CustodyPorts } from "../../vault/custody/append.ts";

export interface NodeFilesPorts extends CustodyPorts {
  readonly progress: Progress;
  /** What intake identities are wrapped under. */
  readonly storeKeys: StoreKeys;
  readonly breakGlass: readonly string[];
  /** The names under `recipients` in the configuration. */
  readonly recipients: readonly string[];
}
