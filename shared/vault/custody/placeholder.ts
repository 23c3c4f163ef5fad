import type { Clock } from "../../clock.ts";
import { isLifeboatError } from "../../errors.ts";
import type { KeyRing } from "../../keys/key-ring.ts";
import { FORMAT_VERSION } from "../../documents/parts.ts";
import type { Placeholder } from "../../documents/placeholder.ts";
import { openDocument, signAs } from "../../documents/signed-document.ts";
import type { StoredDocument, TrustedKeys } from "../../documents/signed-document.ts";
import { TOOL } from "../../version.ts";
import type { Oversized } from "./log-object.ts";

/** What stands in the copy of a log for an object that is larger than any record, so that the copy goes on behind it and its chain can be checked. */
export function signPlaceholder(
  { keys, clock }: { readonly keys: KeyRing; readonly clock: Clock },
  purpose: "snapshot" | "audit",
  { cluster, sequence, size, beginning }: Oversized & { readonly cluster: string; readonly sequence: number },
): Promise<StoredDocument> {
  return signAs(keys, purpose, "placeholder", {
    type: "placeholder",
    formatVersion: FORMAT_VERSION,
    cluster,
    sequence,
    bytes: size,
    beginning,
    seenAt: clock.now().toISOString(),
    tool: TOOL,
  });
}

/** Undefined where `bytes` are none that is believed, of this place. */
export function openPlaceholder(
  bytes: Uint8Array,
  trusted: TrustedKeys,
  key: string,
  cluster: string,
  sequence: number,
): Placeholder | undefined {
  try {
    const placeholder = openDocument("placeholder", bytes, trusted, key);
    return placeholder.cluster === cluster && placeholder.sequence === sequence ? placeholder : undefined;
  } catch (error) {
    if (isLifeboatError(error, "verify/")) return undefined;
    throw error;
  }
}
