import type { Clock } from "../../clock.ts";
import type { DebugLog } from "../../debug-log.ts";
import type { KeyRing, ReplicaKey, Unwrapper, WrappingKey } from "../../keys/key-ring.ts";
import { Timed } from "./timed.ts";

/** The same keys, whose calls are told by the names of keys: never what they hold, sign or open. */
export function traceKeys(keys: KeyRing, debug: DebugLog, clock: Clock): KeyRing {
  const timed = new Timed(debug, "keys", clock);
  const at = (doing: string): string => `${doing} by ${keys.location}`;
  return {
    ...traceWrapping(keys, timed),
    ...traceUnwrapping(keys, keys.location, timed),
    sign: (purpose, bytes) =>
      timed.call(
        at(`sign for ${purpose}`),
        () => keys.sign(purpose, bytes),
        ({ publicKey }) => `done with ${publicKey.fingerprint}`,
      ),
    signingKey: (purpose) =>
      timed.call(
        at(`key that signs for ${purpose}`),
        () => keys.signingKey(purpose),
        (key) => key.fingerprint,
      ),
    publicKey: (purpose) =>
      timed.call(
        at(`public key for ${purpose}`),
        () => keys.publicKey(purpose),
        (key) => key.fingerprint,
      ),
  };
}

/** The same of a replica's wrapping key. */
export function traceReplicaKey(key: ReplicaKey, debug: DebugLog, clock: Clock): ReplicaKey {
  const timed = new Timed(debug, "keys", clock);
  const { isAtHand, unwrap } = key;
  if (isAtHand === undefined || unwrap === undefined) return traceWrapping(key, timed);
  const unwrapper = { isAtHand: isAtHand.bind(key), unwrap: unwrap.bind(key) };
  return { ...traceWrapping(key, timed), ...traceUnwrapping(unwrapper, key.location, timed) };
}

function traceWrapping(key: WrappingKey, timed: Timed): WrappingKey {
  const { location } = key;
  return {
    location,
    wrap: (identity, context, signal) =>
      timed.call(
        `wrap the key of ${context.cluster}/${context.snapshot} by ${location}`,
        () => key.wrap(identity, context, signal),
        (wrapping) => `done under ${wrapping.key}`,
      ),
    wrappingKey: () =>
      timed.call(
        `wrapping key of ${location}`,
        () => key.wrappingKey(),
        (name) => name,
      ),
  };
}

function traceUnwrapping(key: Unwrapper, location: string, timed: Timed): Unwrapper {
  return {
    isAtHand: (wrapping) => key.isAtHand(wrapping),
    unwrap: (wrapping, context, signal) =>
      timed.call(
        `open the key of ${context.cluster}/${context.snapshot} that is wrapped under ${wrapping.key} by ${location}`,
        () => key.unwrap(wrapping, context, signal),
        () => "opened",
      ),
  };
}
