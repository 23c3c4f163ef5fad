import { systemClock } from "../../../shared/system-clock.ts";
import { openEtcd } from "../../../shared/etcd/grpc/source.ts";
import type { EtcdSettings } from "../../../shared/etcd/grpc/settings.ts";
import type { EtcdSource } from "../../../shared/etcd/etcd-source.ts";

/** Long enough for a machine whose cores are all busy; a test that waits for it to pass gives its own. */
const LONG_MS = 15_000;

export const LIMITS = { idleMs: LONG_MS, totalMs: 4 * LONG_MS };

/** A source to close by `using`. */
export function sourceOf(settings: Omit<EtcdSettings, "connectMs" | "callMs"> & Partial<EtcdSettings>): EtcdSource & Disposable {
  const source = openEtcd({ connectMs: LONG_MS, callMs: LONG_MS, ...settings }, systemClock);
  return Object.assign(source, { [Symbol.dispose]: () => source.close() });
}
