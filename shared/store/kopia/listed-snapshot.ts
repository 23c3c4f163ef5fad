import { partsOfKopiaKey } from "../../documents/layout.ts";
import type { KopiaObject, Stored } from "../../documents/stored.ts";
import { LifeboatError } from "../../errors.ts";
import { DAMAGED } from "../stored-object.ts";
import { SNAPSHOT_FILE, tagsOf } from "./kopia-snapshots.ts";
import type { Kopia, KopiaSnapshot } from "./program/kopia.ts";

/** A snapshot as its manifest names it, held against what Kopia lists. */

export function kopiaOnly(stored: Stored): KopiaObject {
  if (stored.kind === "kopia") return stored;
  if (stored.kind !== "sealed")
    throw new LifeboatError("ref/later", `the snapshot is stored as ${stored.kind}, which this version of lifeboat does not know`, {
      hint: "use the version that wrote it, or a newer one",
    });
  throw new LifeboatError("config/invalid", "the snapshot is an object of a store, and the configured store is a Kopia repository", {
    hint: "use the configuration of the store that it was made with",
  });
}

/** Kopia gives what was deleted until its maintenance: what no snapshot has any more may be gone a moment later. */
export async function requireListed(kopia: Kopia, object: KopiaObject): Promise<KopiaSnapshot> {
  const found = await findListed(kopia, object);
  const own = found.find((each) => `${each.object}/${SNAPSHOT_FILE}` === object.object);
  if (own === undefined) {
    throw found.length === 0
      ? new LifeboatError("verify/missing", `${object.key} is not in ${kopia.location}`, { hint: DAMAGED })
      : new LifeboatError("verify/digest", `${object.key} in ${kopia.location} is another object than its manifest names`, {
          hint: DAMAGED,
        });
  }
  if (own.bytes !== object.bytes)
    throw new LifeboatError("verify/size", `${object.key} in ${kopia.location} has ${own.bytes} bytes; its manifest says ${object.bytes}`, {
      hint: DAMAGED,
    });
  return own;
}

/** All of its name. */
export function findListed(kopia: Kopia, { key }: KopiaObject): Promise<readonly KopiaSnapshot[]> {
  const parts = partsOfKopiaKey(key);
  if (parts === undefined)
    throw new LifeboatError("verify/format", `${key} does not name a snapshot in a Kopia repository`, { hint: DAMAGED });
  return kopia.list(tagsOf(parts));
}
