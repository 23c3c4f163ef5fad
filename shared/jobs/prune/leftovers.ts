import { manifestKey } from "../../documents/layout.ts";
import type { Clock } from "../../clock.ts";
import { readRecordsBack } from "../../vault/custody/records-back.ts";
import { isFault } from "../../vault/custody/records.ts";
import type { Vault } from "../../vault/vault.ts";
import type { PruneFacts } from "./facts.ts";
import { bytesOf } from "./inventory.ts";
import type { Holding } from "./inventory.ts";

/** Objects that no snapshot needs. */
export interface Leftover {
  readonly holding: Holding;
  readonly bytes: number;
  /** One sentence, lower case, no full stop. */
  readonly reason: string;
}

export interface Unclear {
  readonly key: string;
  readonly reason: string;
}

export interface LeftoverOptions {
  readonly olderThanMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What killed runs, lost races and removals that were interrupted left, and nobody wrote to for `olderThanMs`. A snapshot that once was whole, which a countersignature or a pin beside it shows, is left over only
 * where the custody log has the order to remove it: else somebody deleted its manifest, and its data may be the last copy.
 */
export async function findLeftovers(
  ports: Vault & { readonly clock: Clock },
  cluster: string,
  facts: PruneFacts,
  { olderThanMs, signal }: LeftoverOptions,
): Promise<{ readonly leftovers: readonly Leftover[]; readonly unclear: readonly Unclear[] }> {
  const before = ports.clock.now().getTime() - olderThanMs;
  const leftovers: Leftover[] = [];
  const unclear: Unclear[] = [];
  const ordered = new OrderedRemovals(ports, cluster, signal);
  for (const holding of facts.inventory.holdings.values()) {
    const left = leftOf(holding, facts);
    if (left === undefined || newestOf(left) > before) continue;
    const stands = holding.manifest.some(({ isDeleteMarker }) => !isDeleteMarker);
    const wasWhole = !stands && (holding.sidecars.length > 0 || holding.manifest.length > 0 || holding.bundles.length > 0);
    if (wasWhole && !(await ordered.has(holding.id))) {
      const [first] = [...left.data, ...left.sidecars, ...left.manifest, ...left.bundles, ...left.indexes];
      if (first !== undefined)
        unclear.push({
          key: first.key,
          reason: `${cluster}/${holding.id} has no manifest any more, and the custody log has no order to remove it`,
        });
      continue;
    }
    const reason = stands
      ? left.data.length === 0
        ? `no countersignature of ${holding.id} names it: a verification ended before it wrote its own`
        : `the manifest of ${holding.id} names another object: this run lost the race for its slot`
      : wasWhole
        ? "its snapshot was removed, but these objects were left"
        : "no manifest names it: a run ended before it wrote its manifest";
    leftovers.push({ holding: left, bytes: bytesOf(left), reason });
  }
  return { leftovers, unclear };
}

/** The objects of a holding that its manifest does not account for; undefined where there are none, or where that cannot be told. */
function leftOf(holding: Holding, { rows }: PruneFacts): Holding | undefined {
  const row = rows.get(holding.id);
  if (row === undefined) return holding;
  if (row.manifest === undefined || row.unknown.length > 0) return undefined;
  const { named } = row.manifest;
  const data = holding.data.filter(({ key }) => !named.has(key));
  const indexes = holding.indexes.filter(({ key }) => !named.has(key));
  return data.length + indexes.length === 0 ? undefined : { id: holding.id, manifest: [], sidecars: [], data, indexes, bundles: [] };
}

function newestOf({ manifest, sidecars, data, indexes, bundles }: Holding): number {
  return Math.max(...[...manifest, ...sidecars, ...data, ...indexes, ...bundles].map(({ modified }) => modified.getTime()));
}

/** A month: what is left over longer than that was passed over by every run since. */
const LOOK_BACK_MS = 30 * 86_400_000;

/** The snapshots that the custody log has an order for. The log is read when it is first asked, and once. */
class OrderedRemovals {
  readonly #vault: Vault & { readonly clock: Clock };
  readonly #cluster: string;
  readonly #signal: AbortSignal | undefined;
  #keys: Promise<ReadonlySet<string>> | undefined;

  constructor(vault: Vault & { readonly clock: Clock }, cluster: string, signal: AbortSignal | undefined) {
    this.#vault = vault;
    this.#cluster = cluster;
    this.#signal = signal;
  }

  async has(id: string): Promise<boolean> {
    return (await (this.#keys ??= this.#read())).has(manifestKey(this.#cluster, id));
  }

  async #read(): Promise<ReadonlySet<string>> {
    const keys = new Set<string>();
    const since = new Date(this.#vault.clock.now().getTime() - LOOK_BACK_MS);
    for await (const { record } of readRecordsBack(this.#vault, this.#cluster, since, this.#signal))
      if (!isFault(record) && record.event === "removed") for (const { key } of record.subjects) keys.add(key);
    return keys;
  }
}
