import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { STORE_KEY } from "../../documents/layout.ts";
import type { Marker } from "./marker.ts";
import type { KnownStore } from "../../host/place-records.ts";

/** What is known of the place where a store should be. */
export interface PlaceFacts {
  readonly location: string;
  /** Whether there is anything; a bucket that is not there is an error of its own. */
  readonly isThere: boolean;
  /** A LifeboatError where this role may not see it. */
  readonly marker: Marker | "absent" | LifeboatError;
  /** By this host. */
  readonly known: KnownStore | undefined;
  /** `mustExist` of the configuration. */
  readonly mustExist: boolean;
}

/**
 * Why it must not be worked with: `store/missing` where the store is not there that should be, `store/other` where another one stands in its place. `makes`: a store may be made anew
 * here. A store without a marker, of an older lifeboat, is one as long as nothing says that there should be another.
 */
export function judgePlace(facts: PlaceFacts, makes: boolean): LifeboatError | undefined {
  const { location, isThere, marker, known, mustExist } = facts;
  if (isLifeboatError(marker)) return mustExist ? unseen(location, marker) : undefined;
  if (marker === "absent") {
    const found = isThere ? `${location} is not marked as a store (it has no ${STORE_KEY})` : `${location} not found`;
    if (known !== undefined) return missing(`${found}, and this host knew the store ${known.store} there`, wayOut(known));
    if (mustExist) return missing(`${found}, and mustExist is set for it`, `${MOUNTED}; a new store is made by a backup without mustExist`);
    if (!isThere && !makes) return missing(found, `${MOUNTED}; lifeboat init and the first backup make a new store`);
    return undefined;
  }
  if (known !== undefined && marker.store !== known.store) {
    const other = marker.store === undefined ? `its marker is not valid: ${marker.doubt?.message}` : `it is the store ${marker.store}`;
    return new LifeboatError("store/other", `another store is at ${location}: ${other}, and this host knew ${known.store} there`, {
      hint: wayOut(known),
    });
  }
  if (mustExist && marker.doubt !== undefined) return unseen(location, marker.doubt);
  return undefined;
}

const MOUNTED = "is the disk mounted, and the path (or bucket and prefix) in the configuration right?";

function wayOut({ file }: KnownStore): string {
  return `${MOUNTED} If the store was moved or replaced on purpose, remove ${file}`;
}

function missing(message: string, hint: string): LifeboatError {
  return new LifeboatError("store/missing", message, { hint });
}

function unseen(location: string, cause: LifeboatError): LifeboatError {
  return new LifeboatError("store/missing", `mustExist is set for ${location}, and its marker cannot be trusted: ${cause.message}`, {
    ...(cause.hint === undefined ? {} : { hint: cause.hint }),
    cause,
  });
}
