import type { KeyRing, ReplicaKey, Unwrapper, Wrapping } from "./key-ring.ts";

/** The keys that a store's secrets are wrapped under. */
export interface StoreKeys {
  readonly keys: KeyRing;
  /** Those of replicas: what is wrapped is wrapped under each of them, too. */
  readonly replicaKeys?: readonly ReplicaKey[];
  /** One of them that is tried before the others to unwrap: that of the replica that is read. */
  readonly firstKey?: ReplicaKey;
}

/** The store's own, then those of replicas: see `Wrapping.key`. */
export async function wrappingKeysOf({ keys, replicaKeys = [] }: StoreKeys): Promise<readonly [own: string, ...replicas: string[]]> {
  return [await keys.wrappingKey(), ...(await Promise.all(replicaKeys.map((each) => each.wrappingKey())))];
}

/** Each wrapping with each key that it may be under, the store's own first; then those that are under none, which the key ring tells of without asking. */
export function inTurn<W extends Pick<Wrapping, "kind" | "key">>(
  { keys, replicaKeys = [], firstKey }: StoreKeys,
  wrappings: readonly W[],
): readonly (readonly [Unwrapper, W])[] {
  const all: readonly ReplicaKey[] = firstKey === undefined ? [keys, ...replicaKeys] : [firstKey, keys, ...replicaKeys];
  const unwrappers: readonly Unwrapper[] = [...new Set(all)].filter(canUnwrap);
  const atHand = unwrappers.flatMap((by) => wrappings.filter((each) => by.isAtHand(each)).map((each) => [by, each] as const));
  const foreign = wrappings.filter((each) => !unwrappers.some((by) => by.isAtHand(each)));
  return [...atHand, ...foreign.map((each) => [keys, each] as const)];
}

function canUnwrap(key: ReplicaKey): key is ReplicaKey & Unwrapper {
  return key.unwrap !== undefined && key.isAtHand !== undefined;
}
