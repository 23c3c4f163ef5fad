import type { Manifest } from "./manifest.ts";
import { outcomeOf } from "./proof.ts";
import type { Agreement } from "./proof.ts";
import type { Verification } from "./verification.ts";

/** Something that a snapshot lacks to be good. */
export interface Lack {
  readonly code: "not-countersigned" | "unproven" | "quarantine" | "future";
  /** One sentence, lower case, no full stop. */
  readonly reason: string;
}

/**
 * What a snapshot lacks to be good; empty where it is good. Good is: countersigned by a trusted audit key, and proven, and not in quarantine.
 *
 * `countersignatures` are documents whose signature and trust were checked; those of another manifest do not count. `configured` is the agreement that the configuration
 * asks of this cluster, undefined where it does not know the cluster. That a manifest needs no proof is the word of whoever wrote it, so `agreement: off`
 * counts only where the configuration does not ask for more.
 */
export function lacksOf(
  { manifest, digest }: { readonly manifest: Manifest; readonly digest: string },
  countersignatures: readonly Pick<Verification, "manifestDigest">[],
  configured: Agreement | undefined,
): readonly Lack[] {
  const { proof, quarantine } = manifest;
  const lacks: Lack[] = [];
  if (!countersignatures.some(({ manifestDigest }) => manifestDigest === digest))
    lacks.push({ code: "not-countersigned", reason: "not countersigned" });
  const outcome = outcomeOf(proof);
  if (outcome.status === "unproven" && !isProofOff(proof, configured))
    lacks.push({ code: "unproven", reason: `unproven: ${unprovenReason(proof.agreement, outcome.reason, configured)}` });
  if (quarantine !== undefined) lacks.push({ code: "quarantine", reason: `in quarantine: ${quarantine.reasons.join("; ")}` });
  return lacks;
}

function isProofOff({ status, agreement }: Manifest["proof"], configured: Agreement | undefined): boolean {
  return status === "unproven" && agreement === "off" && (configured === undefined || configured === "off");
}

function unprovenReason(agreement: string, reason: string, configured: Agreement | undefined): string {
  return agreement === "off" ? `its manifest says agreement off, and the configuration asks for ${configured}` : reason;
}
